"""The version, used by the packaging and written to saved files."""

__version__ = "0.1.0"
