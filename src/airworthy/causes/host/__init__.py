"""Causes in the machine: driver, device, disk, port, and the build that has to fit them."""
