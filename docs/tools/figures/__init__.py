"""Figures of the pages and of the course."""
