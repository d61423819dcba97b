"""Requests on replicas in simulated time, with the schedulers of the service: plain objects without clock or thread."""
