"""Ollama's interface: `/api/*`, so that its clients and Open WebUI work unchanged."""
