"""Inspecting services from outside: load, and what it shows."""
