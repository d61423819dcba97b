"""Use-cases, one a file: options in, a report out. Nothing here prints or exits."""
