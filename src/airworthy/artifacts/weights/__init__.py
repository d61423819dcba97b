"""One pass over a model's weights: hashes, health, differences."""
