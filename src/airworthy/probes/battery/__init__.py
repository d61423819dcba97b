"""Trying a device: a short battery of kernels, each checked against float64 and timed, in a process of its own."""
