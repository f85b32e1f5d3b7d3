"""`generate`, `stream` and `novelty`: new symbols from a model, and which of them are copies.

Imports `seqtoys.models` and what lies below it.
"""
