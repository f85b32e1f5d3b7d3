"""`sweep`: solve rates over settings and seeds, on one machine or many.

Imports `seqtoys.training`, `seqtoys.evaluation` and what lies below them.
"""
