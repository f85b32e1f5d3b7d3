"""Tasks in which each sequence has a rule of its own, which a model must infer from its start."""
