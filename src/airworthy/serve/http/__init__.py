"""Connections and messages: HTTP/1.1 on sockets, bounded, before any protocol."""
