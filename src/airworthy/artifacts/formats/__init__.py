"""Model formats: each recognises itself by content and is described from its headers."""
