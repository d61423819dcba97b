"""Causes in accelerators of other makers than NVIDIA: ROCm, Ascend, Apple MPS."""
