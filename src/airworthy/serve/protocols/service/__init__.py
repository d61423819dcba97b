"""The service's own pages: health, metrics, front page, the description of all paths."""
