"""The score card: what a sequence model can do, skill by skill.

The functions and classes are imported from `seqtoys`, `seqtoys.results` and `seqtoys.plotting`.
"""
