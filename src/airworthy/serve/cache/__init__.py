"""Answers that were given before, and what names the content that gave them."""
