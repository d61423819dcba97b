"""Causes in what a device, a back end or an export target can compute."""
