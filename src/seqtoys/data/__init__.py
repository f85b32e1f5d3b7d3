"""Symbols to tensors: `Vocab`, `Batch`, long texts and the baselines that counting gives.

Imports `seqtoys.errors` and `seqtoys.support`.
"""
