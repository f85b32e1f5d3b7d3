"""The command line: `python -m seqtoys` trains an Elman network on "hihello" and shows it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from seqtoys import SeqtoysError, __version__
from seqtoys.cli.learn import add_learn, demonstrate, learn
from seqtoys.cli.sample import add_sample, sample
from seqtoys.cli.tasks import add_tasks, tasks
from seqtoys.cli.train import add_train, train_task

DESCRIPTION = """\
Train Elman networks and watch them learn. Without a command, run the introductory example: a
network of five units learns to answer "hihell" with "ihello"."""

Command = tuple[
    Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace], int], str
]
COMMANDS: dict[str, Command] = {
    "learn": (add_learn, learn, "learn your own texts, character by character"),
    "tasks": (add_tasks, tasks, "list the classic tasks, or show one"),
    "train": (add_train, train_task, "train on a task, with one seed or many"),
    "sample": (add_sample, sample, "generate text from a saved model"),
}


class Parser(argparse.ArgumentParser):
    """A parser that reports bad input in one line."""

    def error(self, message: str) -> NoReturn:
        """Print the error and exit with code 2."""
        self.exit(2, f"{self.prog}: {message}; see --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: The words after `python -m seqtoys`. Defaults to those in `sys.argv`.

    Returns:
        The exit code: 0 on success, 1 if the text or task was not learned or the output can't be
        written, 2 for bad input, 130 after Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
        return code
    except SeqtoysError as error:
        print(f"seqtoys: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the program that reads the output, such as head, has exited
        _discard_output()
        return 0
    except OSError as error:  # such as a full disk
        _discard_output()
        print(f"seqtoys: can't write the output: {error.strerror}", file=sys.stderr)
        return 1


def _discard_output() -> None:
    """Discard the rest of the output, which Python flushes once more when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> Parser:
    parser = Parser(prog="python -m seqtoys", description=DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"seqtoys {__version__}")
    parser.set_defaults(run=lambda _: demonstrate())
    commands = parser.add_subparsers(metavar="COMMAND")
    for name, (add, run, about) in COMMANDS.items():
        command = commands.add_parser(name, help=about, description=f"{about.capitalize()}.")
        add(command)
        command.add_argument("--seed", type=int, default=0, help="random seed (default: 0)")
        command.add_argument("--json", action="store_true", help="print JSON, one object per line")
        command.set_defaults(run=run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
