"""`evaluate`: seen, unseen and longer sequences against the optimum; and numbers by position.

Imports `seqtoys.models`, `seqtoys.tasks` and what lies below them.
"""
