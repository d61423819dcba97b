"""The command line: one file a verb, imported when that verb is requested."""
