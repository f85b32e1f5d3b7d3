"""Run example files and return their output."""

from __future__ import annotations

import sys
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from io import StringIO
from runpy import run_path


@cache  # tests and pages use the same outputs
def output_of(path: str) -> str:
    """Run a file as a program and return its output, without what it writes to stderr.

    Examples:
        >>> output_of("examples/02_forward_one_symbol_at_a_time.py").splitlines()[-1]
        'output = hidden state: True'
    """
    arguments, sys.argv = sys.argv, [path]
    try:
        with redirect_stderr(StringIO()), redirect_stdout(StringIO()) as printed:
            run_path(path, run_name="__main__")
    finally:
        sys.argv = arguments
    return printed.getvalue()
