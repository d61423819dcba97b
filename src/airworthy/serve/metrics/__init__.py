"""What the service counts, for Prometheus and for the protocols' statistics."""
