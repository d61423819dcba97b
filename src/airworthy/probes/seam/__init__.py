"""The one seam to the host: the real machine, a fake one, a recording, and what is remembered of files."""
