"""Model formats: each recognises itself by content and is told from its headers."""
