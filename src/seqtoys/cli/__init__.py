"""The commands of `python -m seqtoys`: one a file."""
