"""The plainest interface: one text in, one text out, and the tokens of a text."""
