"""State tracking: the target at each symbol is the state of a machine, or depends on it."""
