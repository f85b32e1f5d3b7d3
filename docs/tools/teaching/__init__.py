"""The course: chapters, notebooks, slides, the PDF, the lab."""
