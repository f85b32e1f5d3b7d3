"""Published numbers, derived again: `python -m benchmarks.published`, a module for each paper."""
