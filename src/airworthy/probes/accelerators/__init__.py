"""Accelerators and their drivers: one file a maker."""
