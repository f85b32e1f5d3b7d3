"""The version, told once: the packaging reads it here, and so does whoever saves a model."""

__version__ = "0.1.0.dev0"
