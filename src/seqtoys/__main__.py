"""The command line: `python -m seqtoys` teaches an Elman network "hihello" and shows it."""

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
Teach an Elman network and watch it learn. Without a command: the founding example, in which a
network of five units learns to answer "hihell" with "ihello"."""

Command = tuple[
    Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace], int], str
]
COMMANDS: dict[str, Command] = {
    "learn": (add_learn, learn, "learn texts of your own, character by character"),
    "tasks": (add_tasks, tasks, "list the classic tasks, or show one"),
    "train": (add_train, train_task, "learn a task, with one seed or many"),
    "sample": (add_sample, sample, "let a saved model write"),
}


class Parser(argparse.ArgumentParser):
    """A parser that answers bad input with one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and leave with exit code 2."""
        self.exit(2, f"{self.prog}: {message}; --help explains\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: The words after `python -m seqtoys`; None: those the program was started with.

    Returns:
        The exit code: 0 if all went well, 1 if what was to be learnt was not or the output can't
        be written, 2 for bad input, 130 after Ctrl-C.
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
    except BrokenPipeError:  # the program that reads the output, such as head, has ended
        _discard_output()
        return 0
    except OSError as error:  # the disk of the output is full, say
        _discard_output()
        print(f"seqtoys: can't write the output: {error.strerror}", file=sys.stderr)
        return 1


def _discard_output() -> None:
    """Let what is left of the output go nowhere: Python flushes it once more when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> Parser:
    parser = Parser(prog="python -m seqtoys", description=DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"seqtoys {__version__}")
    parser.set_defaults(run=lambda _: demonstrate())
    commands = parser.add_subparsers(metavar="COMMAND")
    for name, (add, run, about) in COMMANDS.items():
        command = commands.add_parser(name, help=about, description=f"{about.capitalize()}.")
        add(command)
        command.add_argument(
            "--seed", type=int, default=0, help="decides what is random (default: 0)"
        )
        command.add_argument("--json", action="store_true", help="print JSON, one object a line")
        command.set_defaults(run=run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
