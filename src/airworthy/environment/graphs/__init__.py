"""The dependency graph as data: drawn, written in other programs' forms, queried, sent to a graph database."""
