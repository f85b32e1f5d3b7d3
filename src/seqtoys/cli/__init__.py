"""The commands of `python -m seqtoys`, one per file."""
