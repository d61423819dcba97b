"""Facts of a machine that is not there, from what its owner says of it and what the tables add. Pure."""
