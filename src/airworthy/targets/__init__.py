"""What will run a graph: its operators checked on targets, the arithmetic that leaves, the borders."""
