"""novelty: how many samples are copies of what was there before, and how many are new."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from seqtoys.data.symbols import Symbols
from seqtoys.errors import DataError, InputTypeError, excerpt
from seqtoys.support.amounts import MANY, check_count
from seqtoys.support.arguments import listed


@dataclass(frozen=True)
class Novelty:
    """How many samples are copies, and of what.

    Attributes:
        training: How many are among the training texts.
        held_out: How many are among the held-out texts; None: none were held out.
        new: How many are neither.

    Raises:
        OptionError: If one is no number from 0 on.

    Examples:
        >>> print(Novelty(training=150, held_out=10, new=40))
        200 samples: 150 among the training texts (75%), 10 held out (5%), 40 new (20%)
    """

    training: int
    held_out: int | None
    new: int

    def __post_init__(self) -> None:
        for name in ("training", "held_out", "new"):
            if name != "held_out" or self.held_out is not None:
                vars(self)[name] = check_count(name, getattr(self, name), 0, MANY)

    def __len__(self) -> int:
        """The number of samples."""
        return self.training + (self.held_out or 0) + self.new

    def __str__(self) -> str:
        kinds = [(self.training, "among the training texts"), (self.new, "new")]
        if self.held_out is not None:
            kinds.insert(1, (self.held_out, "held out"))
        shares = (f"{count} {kind} ({count / max(len(self), 1):.0%})" for count, kind in kinds)
        return f"{len(self)} sample{'s' * (len(self) > 1)}: {', '.join(shares)}"


def novelty(
    samples: Iterable[Symbols],
    training_texts: Iterable[Symbols],
    held_out: Iterable[Symbols] | None = None,
) -> Novelty:
    """Count how many samples are copies of whole training texts, of held-out ones, and new.

    A model that memorised writes copies; one that learnt writes new texts as well, and some of
    those that were held out. `generate` gives the new symbols alone: put the prompt back first.

    Args:
        samples: What a model wrote: strings, or lists of symbols.
        training_texts: What it was trained on.
        held_out: Texts of the same kind that it was not trained on; None: there are none.

    Raises:
        InputTypeError: If one text comes where several belong.
        DataError: If there is no sample, or a text is both trained on and held out.

    Examples:
        >>> print(novelty(["hat", "hot", "hut", "hat"], ["hat", "hit"], held_out=["hot"]))
        4 samples: 2 among the training texts (50%), 1 held out (25%), 1 new (25%)
    """
    written = _checked(samples, "samples")
    known = set(map(tuple, _checked(training_texts, "training_texts")))
    others = [] if held_out is None else _checked(held_out, "held_out")
    if not written:
        raise DataError("expected at least one sample, got none")
    for text in others:
        if tuple(text) in known:
            raise DataError(f"expected no held-out text to be trained on, got {excerpt(text)}")
    unseen = set(map(tuple, others))
    copies = sum(tuple(text) in known for text in written)
    met = sum(tuple(text) in unseen for text in written)
    return Novelty(copies, None if held_out is None else met, len(written) - copies - met)


def _checked(texts: Iterable[Symbols], name: str) -> list[Symbols]:
    if isinstance(texts, str):
        raise InputTypeError(
            f"expected {name} to be several texts, got the one string {excerpt(texts)}; "
            "write [text] for one"
        )
    return listed(name, texts, list[Symbols], ordered=False)  # only equality counts
