"""Benchmarks: seqtoys against peers measured in the same run; `python -m benchmarks` runs them."""
