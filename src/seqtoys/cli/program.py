"""The program: parse the arguments, run a command, and turn errors into exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from seqtoys.cli.arguments import make_parser
from seqtoys.cli.process import discard, raise_on_interrupt
from seqtoys.errors import SeqtoysError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: The words after `python -m seqtoys`. Defaults to those in `sys.argv`.

    Returns:
        The exit code: 0 on success, 1 if the text or task was not learned or the output can't be
        written, 2 for bad input, 130 after Ctrl-C.
    """
    try:
        try:
            return _run(arguments)
        finally:
            sys.stdout.flush()
    except SeqtoysError as error:
        return _fail(str(error), 2)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the program that reads the output, such as head, has exited
        discard(sys.stdout.fileno())
        return 0
    except OSError as error:  # such as a full disk
        discard(sys.stdout.fileno())
        return _fail(f"can't write the output: {error.strerror}", 1)


def _run(arguments: Sequence[str] | None) -> int:
    """Run a command. Its module is imported only now, since it loads PyTorch."""
    options = make_parser().parse_args(arguments)
    command = import_module(f"seqtoys.cli.{options.command}")
    raise_on_interrupt()
    code: int = command.run(options)
    return code


def _fail(message: str, code: int) -> int:
    try:
        print(f"seqtoys: {message}", file=sys.stderr, flush=True)
    except OSError:  # stderr is full or closed, too
        discard(sys.stderr.fileno())
    return code
