"""The queue of a model, which of its requests run together, and when."""
