"""How the answers of verbs are reported as text: one file a verb."""
