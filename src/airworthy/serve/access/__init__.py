"""Who may ask, and how much: keys, limits, and the requests that wait unparsed."""
