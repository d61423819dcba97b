"""Processes that own a runner each, the link to them, and what restarts them."""
