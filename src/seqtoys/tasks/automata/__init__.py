"""Finite-state sources: how their strings are drawn, and what is expected of them exactly."""
