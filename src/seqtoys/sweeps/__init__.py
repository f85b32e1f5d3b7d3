"""Solve rates over settings and seeds, on one or more machines."""
