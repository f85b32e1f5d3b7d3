"""Reproduce published numbers: `python -m benchmarks.published`, with a module per paper."""
