"""Tensors of one format written in another, by a child process that may do next to nothing."""
