"""Whether a model fits a machine, in which engine, how fast it is there, and how many machines a load takes."""
