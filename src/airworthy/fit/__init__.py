"""Whether a model fits a machine, and how: worked out before anything is loaded. Pure."""
