"""Causes in what surrounds the service: cluster, container engine, volumes, TLS, keys."""
