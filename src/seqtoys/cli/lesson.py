"""What `learn` is to learn: the texts of the command line, and how to train on them."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass
from typing import Any

from seqtoys.cli.arguments import FEW_LINES, HELD_OUT, LONG
from seqtoys.cli.reading import join_texts, lines_of, read, words_of
from seqtoys.data.symbols import Symbols
from seqtoys.errors import DataError, OptionError, quoted

PATIENCE = 10  # epochs
NEAR = 0.05  # nats above the optimum, for several texts, where no model predicts every symbol
CHUNK, STREAM, STREAMS = 100, 1000, 64  # symbols per chunk and stream, and the most streams
LINES = 32  # lines per update


@dataclass(frozen=True)
class Lesson:
    """The texts to learn.

    Attributes:
        texts: The texts: strings, or lists of words.
        are_lines: Whether each text is a line, between two line breaks.
        held_out: The fraction to hold out, or None.
    """

    texts: list[Symbols]
    are_lines: bool
    held_out: float | None

    @property
    def is_one(self) -> bool:
        """Whether there is a single text."""
        return len(self.texts) == 1 and not self.are_lines

    @property
    def in_chunks(self) -> bool:
        """Whether a text is read in chunks, as it is long or its end is held out."""
        return self.is_one and (len(self.texts[0]) > LONG or self.held_out is not None)

    def training(self) -> dict[str, Any]:
        """Return the options of `fit`."""
        options: dict[str, Any] = {"until": "solved" if self.is_one else NEAR}
        if self.held_out is not None:
            options = {"validation": self.held_out, "patience": PATIENCE}
        if self.in_chunks:
            streams = min(STREAMS, max(1, len(self.texts[0]) // STREAM))
            options |= {"chunk": CHUNK, "batch_size": streams}
        elif self.are_lines:
            options |= {"batch_size": LINES}
        return options


def make_lesson(options: Namespace) -> Lesson:
    """Read the texts, and split them as the options say.

    Raises:
        SeqtoysError: If a text can't be read or is too short, or an option is out of range.
    """
    texts: list[Any] = [
        text if options.text else read(text, options.encoding) for text in options.texts
    ]
    if options.lines:
        texts = [line for text in texts for line in lines_of(text)]
    if options.words:
        texts = [words_of(text) for text in texts]
        if all(len(word) == 1 for text in texts for word in text):
            texts = list(map("".join, texts))  # a Vocab of characters reads strings
    _check_length(texts)
    is_long = sum(map(len, texts)) > LONG
    if is_long and not options.lines:
        texts = [join_texts(texts)]
    share = options.validation
    if share is None:
        share = _default_share(texts, is_long=is_long, are_lines=options.lines)
    elif not 0 <= share < 1:
        raise OptionError(f"expected --validation to be at least 0 and below 1, got {share:g}")
    return Lesson(texts, options.lines, share or None)


def _default_share(texts: list[Symbols], *, is_long: bool, are_lines: bool) -> float:
    """Return the share to hold out: of many lines, or the end of a long text."""
    are_equal = are_lines and len(set(map(tuple, texts))) == 1  # and can't be separated
    is_much = is_long or (are_lines and len(texts) >= FEW_LINES)
    return HELD_OUT if is_much and not are_equal else 0.0


def _check_length(texts: list[Symbols]) -> None:
    if not texts:
        raise DataError("expected at least one line that is not blank, got none")
    for text in texts:
        if len(text) < 2:
            raise DataError(
                "expected texts of at least two symbols (one to read, one to predict), got "
                f"{quoted(text)}"
            )
