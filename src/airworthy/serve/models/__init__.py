"""The models that one service serves, and what each takes and gives."""
