"""The arguments of the commands, without PyTorch, so that help and errors appear at once."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import NoReturn

from seqtoys.version import __version__

DESCRIPTION = """\
Train Elman networks and watch them learn. Without a command, run the introductory example: a
network of five units learns to answer "hihell" with "ihello"."""
EVERY = 100  # epochs between two checkpoints
HELD_OUT = 0.1  # the default of --validation, from these many lines or symbols on:
FEW_LINES, LONG = 20, 5000


class Parser(ArgumentParser):
    """A parser that reports bad input in one line."""

    def error(self, message: str) -> NoReturn:
        """Print the error and exit with code 2."""
        self.exit(2, f"{self.prog}: {message}; see --help\n")


def make_parser() -> Parser:
    """Return the parser of the program; each command has its own module in this package."""
    parser = Parser(prog="python -m seqtoys", description=DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"seqtoys {__version__}")
    parser.set_defaults(command="demonstration")
    commands = parser.add_subparsers(metavar="COMMAND")
    for name, (add, about) in COMMANDS.items():
        command = commands.add_parser(name, help=about, description=f"{about.capitalize()}.")
        add(command)
        if name != "card":  # which has several seeds, and writes JSON to a file
            command.add_argument("--seed", type=int, default=0, help="random seed (default: 0)")
            command.add_argument(
                "--json", action="store_true", help="print JSON, one object per line"
            )
        command.set_defaults(command=name)
    return parser


def _add_learn(parser: ArgumentParser) -> None:
    parser.add_argument(
        "texts",
        nargs="+",
        metavar="TEXT",
        help='a quoted text, such as "to be or not to be"; the name of a text file; or - for '
        "standard input",
    )
    parser.add_argument(
        "--text", action="store_true", help="read every TEXT as a text, even if it names a file"
    )
    parser.add_argument(
        "--lines", action="store_true", help="learn each line separately, as in a list of names"
    )
    parser.add_argument(
        "--words", action="store_true", help="learn words, separated by spaces, not characters"
    )
    parser.add_argument(
        "--encoding", default="utf-8", help="encoding of the files (default: utf-8)"
    )
    parser.add_argument(
        "--validation",
        type=float,
        metavar="FRACTION",
        help="fraction to hold out: of the texts, or the end of a single text; training then "
        f"stops when it no longer improves on it (default: {HELD_OUT:g} from {FEW_LINES} --lines "
        f"or {LONG:,} symbols on, otherwise 0)",
    )
    parser.add_argument(
        "--hidden", type=int, default=32, help="number of hidden units (default: 32)"
    )
    parser.add_argument(
        "--epochs", type=int, default=1000, help="maximum number of epochs (default: 1000)"
    )
    parser.add_argument("--lr", type=float, default=0.01, help="learning rate (default: 0.01)")
    _add_saving(parser)


def _add_tasks(parser: ArgumentParser) -> None:
    parser.add_argument(
        "name", nargs="?", help="task to show, with samples, optimum and chance accuracy"
    )


def _add_train(parser: ArgumentParser) -> None:
    parser.add_argument("task", help="name of a task, as listed by `tasks`")
    parser.add_argument(
        "--seeds", type=int, default=1, help="number of networks to train together (default: 1)"
    )
    for name, kind, about in (
        ("--hidden", int, "number of hidden units"),
        ("--epochs", int, "number of batches"),
        ("--lr", float, "learning rate"),
    ):
        parser.add_argument(name, type=kind, help=f"{about} (default: that of the task's recipe)")
    parser.add_argument(
        "--goal",
        type=float,
        default=0.02,
        metavar="NATS",
        help="largest excess over the optimum that counts as solved (default: 0.02)",
    )
    _add_saving(parser)


def _add_saving(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--save",
        metavar="FILE",
        help=f"save the model and its training state to FILE every {EVERY} epochs and at the end",
    )
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument(
        "--resume",
        action="store_true",
        help="resume training from the --save file, if it exists",
    )
    existing.add_argument(
        "--force",
        action="store_true",
        help="allow --save to replace an unfinished training run or any other file",
    )


def _add_sample(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a model saved with --save")
    parser.add_argument(
        "--prompt", help="text to continue (default: the first symbol of the vocabulary)"
    )
    parser.add_argument(
        "--lines",
        action="store_true",
        help="generate whole lines; for models trained with `learn --lines`",
    )
    parser.add_argument(
        "--length", type=int, default=200, help="maximum number of new symbols (default: 200)"
    )
    parser.add_argument("--num", type=int, help="number of texts (default: 1)")
    parser.add_argument(
        "--temperature",
        type=float,
        default=1.0,
        help="sampling temperature; 0 always picks the likeliest symbol (default: 1)",
    )
    parser.add_argument(
        "--top-k", type=int, metavar="K", help="sample from the K likeliest symbols only"
    )
    parser.add_argument("--stop", metavar="SYMBOLS", help="symbols that end a text")


def _add_card(parser: ArgumentParser) -> None:
    parser.add_argument(
        "factory",
        metavar="MODULE:NAME",
        help="class or function that returns a model, called as make_model(vocab, seed), such as "
        "mypackage.mymodule:make_model or seqtoys:ElmanCharModel",
    )
    levels = parser.add_mutually_exclusive_group()
    levels.add_argument(
        "--quick",
        dest="level",
        action="store_const",
        const="quick",
        default="quick",
        help="a few minutes (the default)",
    )
    levels.add_argument(
        "--full",
        dest="level",
        action="store_const",
        const="full",
        help="longer sequences and larger vocabularies",
    )
    parser.add_argument(
        "--seeds", type=int, default=3, help="number of seeds per skill (default: 3)"
    )
    parser.add_argument(
        "--skills",
        metavar="NAMES",
        help='names separated by commas (default: all), such as "track,recall"',
    )
    parser.add_argument("--html", metavar="FILE", help="write the card as an HTML page to FILE")
    parser.add_argument("--json", metavar="FILE", help="write the card as JSON to FILE")
    parser.add_argument(
        "--path", metavar="FILE", help="keep finished results in FILE, to resume after a stop"
    )
    parser.add_argument(
        "--workers", type=int, help="number of processes (default: one per core, at most 8)"
    )


COMMANDS = {
    "learn": (_add_learn, "learn your own texts, by characters or words"),
    "tasks": (_add_tasks, "list all tasks, or show one"),
    "train": (_add_train, "train on a task, with one seed or many"),
    "card": (_add_card, "measure what a model of your own can do, skill by skill"),
    "sample": (_add_sample, "generate text from a saved model"),
}
