"""The languages that clients speak, each a folder, and the table of paths."""
