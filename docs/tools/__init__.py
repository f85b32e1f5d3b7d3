"""Tools for building the documentation pages."""
