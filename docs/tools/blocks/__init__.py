"""The code blocks of pages: run, stored, and listed below their figures."""
