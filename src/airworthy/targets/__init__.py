"""What will run a graph: its operators held against what targets have, the arithmetic that leaves, the borders."""
