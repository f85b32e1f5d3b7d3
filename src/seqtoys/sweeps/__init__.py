"""Solve rates over settings and seeds, on one machine or many."""
