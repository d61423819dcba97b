"""How the answers of verbs are told as text: one file a verb."""
