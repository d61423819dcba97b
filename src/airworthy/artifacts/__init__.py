"""The only readers of model files: each format is recognised by content and described from its headers."""
