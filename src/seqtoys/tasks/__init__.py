"""The classic sequence toy tasks, each with its exact optimum."""
