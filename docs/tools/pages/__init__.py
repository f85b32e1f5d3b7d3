"""The text of pages: citations, formulas, documented names."""
