"""Networks, how any model is run and checked, and how models are saved.

Imports `seqtoys.records` and what lies below it; never a task.
"""
