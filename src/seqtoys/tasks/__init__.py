"""Classic sequence toy tasks, each with its exact optimal loss."""
