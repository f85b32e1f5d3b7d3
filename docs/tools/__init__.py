"""Tools that build the documentation pages. MkDocs calls them through `hooks.py`.

A package imports only from those above it:

```text
pages       the text of pages: citations, formulas, documented names
figures     figures of the pages and of the course
programs    commands, examples and source code, as pages show them
blocks      the code blocks of pages: run, stored, and listed below their figures
results     tables, sentences and figures of the tasks and of stored results
teaching    the course: chapters, notebooks, slides, the PDF, the lab
```
"""
