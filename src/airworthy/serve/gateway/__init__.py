"""The service's HTTP surface: protocols, errors in their shapes, health and metrics."""
