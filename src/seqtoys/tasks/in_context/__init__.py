"""Tasks in which each sequence has its own rule, which a model must infer from it."""
