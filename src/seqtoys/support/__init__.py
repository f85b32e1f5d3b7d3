"""What any library needs: argument checks, files, tables, random generators, statistics.

Imports `seqtoys.errors` and nothing else of seqtoys.
"""
