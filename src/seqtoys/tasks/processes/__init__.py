"""Stochastic processes with hidden states, and languages of brackets with a depth or counters."""
