"""Whether the rows of a batch are independent: a proof from a model's graph, without running it."""
