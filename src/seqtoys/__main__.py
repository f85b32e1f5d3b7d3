"""The command line: `python -m seqtoys` teaches an Elman network "hihello" and shows it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from seqtoys import ElmanCharModel, History, Row, SeqtoysError, Vocab, fit
from seqtoys.history import describe

DESCRIPTION = """\
Teach an Elman network a text and watch it learn. Without a command: the founding example, in
which a network of five units learns to answer "hihell" with "ihello"."""


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
        The exit code: 0 if the text was learnt, 1 if not, 2 for bad input, 130 after Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    try:
        return _learn(options) if options.command == "learn" else _demonstrate()
    except SeqtoysError as error:
        print(f"seqtoys: {error}", file=sys.stderr)
        return 2


def _parser() -> Parser:
    parser = Parser(prog="seqtoys", description=DESCRIPTION)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    learn = commands.add_parser("learn", help="learn a text of your own, character by character")
    learn.add_argument("text", help='the text, in quotes: "to be or not to be"')
    learn.add_argument("--hidden", type=int, default=32, help="hidden units (default: 32)")
    learn.add_argument("--epochs", type=int, default=1000, help="at most (default: 1000)")
    learn.add_argument("--lr", type=float, default=0.01, help="learning rate (default: 0.01)")
    learn.add_argument("--seed", type=int, default=0, help="decides the weights (default: 0)")
    return parser


def _demonstrate() -> int:
    print('An Elman network of 5 units learns to answer "hihell" with "ihello" (seed 777).\n')
    model = ElmanCharModel(Vocab("hielo"), seed=777)
    return _teach(model, "hihello", epochs=100, lr=0.05)


def _learn(options: argparse.Namespace) -> int:
    vocab = Vocab.from_text(options.text) if options.text else Vocab("?")
    model = ElmanCharModel(vocab, hidden_size=options.hidden, seed=options.seed)
    return _teach(model, options.text, epochs=options.epochs, lr=options.lr, until="solved")


def _teach(model: ElmanCharModel, text: str, **options: Any) -> int:
    history = fit(model, text, on_epoch=_Changes(), **options)
    print(f"\n{model.trace(text[:-1])}\n\n{history.standing()}\n")
    print(_verdict(model, text, history))
    if history.stopped == "interrupted":
        return 130
    return 0 if model.predict(text[:-1]) == text[1:] else 1


def _verdict(model: ElmanCharModel, text: str, history: History) -> str:
    predicted = model.predict(text[:-1])
    right = sum(a == b for a, b in zip(predicted, text[1:], strict=True))
    if right == len(predicted):
        return f"Memorised {describe(text)!r}: all {right} next symbols ({len(history)} epochs)."
    return (
        f"Not memorised: {right} of {len(predicted)} next symbols after {len(history)} epochs; "
        "try more --epochs or more --hidden units."
    )


class _Changes:
    """Prints an epoch whenever the predicted text has changed."""

    def __init__(self) -> None:
        self.last: object = None

    def __call__(self, row: Row) -> None:
        if row.prediction is not None and row.prediction != self.last:
            self.last = row.prediction
            print(f"epoch {row.epoch:4}  loss {row.loss:.4f}  {describe(row.prediction)}")


if __name__ == "__main__":
    sys.exit(main())
