"""Running a command as if nothing stood between it and its user, and keeping what it printed."""
