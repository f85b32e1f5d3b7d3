"""`fit`: from any data and any model to a history.

Imports `seqtoys.models`, `seqtoys.tasks` and what lies below them.
"""
