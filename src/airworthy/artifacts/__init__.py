"""The only readers of model files: each format is recognised by content and told from its headers."""
