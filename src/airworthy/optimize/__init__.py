"""Changing a model, and proving what the change did to its answers and its speed."""
