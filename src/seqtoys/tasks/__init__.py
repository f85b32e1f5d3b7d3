"""The classic sequence toy tasks, each with its exact optimum.

Imports `seqtoys.data` and what lies below it; never a model.
"""
