"""Draw symbols from logits: how hot, from which, and until when."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
import torch

from seqtoys.errors import NonFiniteLossError, OptionError, quoted
from seqtoys.models.readers import Array, Read
from seqtoys.support.amounts import check_count
from seqtoys.support.scalars import to_int, to_real

_FIRST, _MOST = 2**14, 2**20  # random numbers drawn in one go: at first, and at the most


@dataclass(frozen=True)
class Drawing:
    """How a symbol is drawn from logits, and which symbols end a text.

    Attributes:
        vocab_size: The number of symbols.
        temperature: What the logits are divided by; 0: the largest is taken.
        top_k: Only from so many of the largest logits; None: from all.
        ends: The indices of the symbols that end a text.
        generator: Draws the random numbers.

    Raises:
        OptionError: If one is out of its range.

    Examples:
        >>> drawing = Drawing(3, 1.0, 2, frozenset(), torch.Generator())
        >>> read = drawing.limit(lambda symbols: np.array([0.5, 2.0, 1.0]))
        >>> read(0)
        array([-inf,   2.,   1.])
    """

    vocab_size: int
    temperature: int | float
    top_k: int | None
    ends: frozenset[int]
    generator: torch.Generator

    def __post_init__(self) -> None:
        heat = to_real(self.temperature)
        if heat is None and (to_int(self.temperature) or 0) > 0:
            heat = sys.float_info.max  # as hot as any larger integer
        if heat is None or not 0 <= heat < math.inf:
            raise OptionError(
                "expected temperature to be a finite number of at least 0, got "
                f"{quoted(self.temperature)}; 0 takes the likeliest symbol, 1 draws as the model "
                "says"
            )
        vars(self)["temperature"] = heat
        if self.top_k is not None:
            vars(self)["top_k"] = check_count("top_k", self.top_k, 1, self.vocab_size)
        if not isinstance(self.generator, torch.Generator):
            raise OptionError(
                "expected generator to be a torch.Generator or None, "
                f"got {quoted(self.generator)}; torch.Generator().manual_seed(0) makes one"
            )

    def limit(self, read: Read) -> Read:
        """Make all but the `top_k` largest of what is read -inf; those equal to the last stay."""
        if (top_k := self.top_k) is None:  # pragma: no branch - as type checks wrap what is below
            return read

        def read_largest(symbols: Any) -> Array:
            logits = read(symbols)
            least = np.partition(logits, -top_k, axis=-1)[..., -top_k, np.newaxis]
            return np.where(logits < least, -np.inf, logits)  # nan stays, so that someone sees it

        return read_largest

    def noises(self, texts: tuple[int, ...], length: int | None) -> Iterator[Array]:
        """What to add to the logits at each step, so that the largest sum is a draw.

        Args:
            texts: How many texts are written side by side, along which axes.
            length: The number of steps; None: endless.
        """
        if self.temperature == 0:
            nothing = np.zeros((*texts, 1))
            yield from repeat(nothing) if length is None else repeat(nothing, length)
            return
        # Hotter, it would overflow; the draw is even by now.
        scale = float(min(self.temperature, 1e300))
        numbers = math.prod(texts) * self.vocab_size
        block, left = _FIRST, math.inf if length is None else length
        while left > 0:
            steps = int(min(max(1, block // numbers), left))
            # Unlike exponential_, rand draws the same numbers in one block as in several.
            uniform = torch.rand(
                (steps, *texts, self.vocab_size),
                generator=self.generator,
                device=self.generator.device,
                dtype=torch.float64,
            ).clamp_(min=2**-54)  # as 0 has no logarithm
            yield from uniform.log_().neg_().log_().mul_(-scale).cpu().numpy()
            block, left = min(2 * block, _MOST), left - steps


def draw_text(read: Read, symbol: int, drawing: Drawing, length: int | None) -> Iterator[int]:
    """Read a symbol and draw the next, until the text ends.

    Args:
        read: Reads a symbol, and tells the logits of the next.
        symbol: What to read first.
        drawing: How to draw.
        length: The number of symbols at most; None: endless.

    Raises:
        NonFiniteLossError: If a logit is inf or nan.
    """
    read, ends = drawing.limit(read), drawing.ends
    for step, noise in enumerate(drawing.noises((), length), start=1):
        scores = read(symbol) + noise  # (vocab,)
        symbol = int(scores.argmax())
        if not math.isfinite(scores[symbol]):  # argmax stops at any nan
            raise _not_finite(scores[symbol], f"new symbol {step}")
        yield symbol
        if symbol in ends:
            return


def draw_texts(
    read: Read, symbol: int, drawing: Drawing, texts: tuple[int, ...], length: int
) -> tuple[Array, Array]:
    """Read a symbol of each text and draw the next, until all have ended.

    Args:
        read: Reads a symbol of each text, and tells the logits of the next.
        symbol: What to read first.
        drawing: How to draw.
        texts: How many: the replicas of an ensemble, then the texts of each.
        length: The number of symbols at most.

    Returns:
        The symbols `(*texts, steps)`, and how many of them belong to each text.

    Raises:
        NonFiniteLossError: If a logit is inf or nan.
    """
    read = drawing.limit(read)
    symbols: int | Array = symbol
    running, lengths = np.ones(texts, bool), np.zeros(texts, np.int64)
    drawn: list[Array] = []
    for step, noise in enumerate(drawing.noises(texts, length), start=1):
        scores = read(symbols) + noise  # (*texts, vocab)
        best, chosen = scores.max(-1), scores.argmax(-1)  # (*texts,); nan if any is
        lost = np.argwhere(running & ~np.isfinite(best)).tolist()
        if lost:
            place = " of replica ".join(map(str, reversed(lost[0])))
            raise _not_finite(best[tuple(lost[0])], f"new symbol {step} of text {place}")
        drawn.append(chosen)
        lengths += running
        running &= ~np.isin(chosen, list(drawing.ends))
        if not running.any():
            break
        symbols = chosen
    return np.stack(drawn, -1) if drawn else np.zeros((*texts, 0), np.int64), lengths


def _not_finite(logit: float, where: str) -> NonFiniteLossError:
    return NonFiniteLossError(
        f"expected finite logits, got {logit} for {where}; look for inf and nan in the weights, "
        "and train with a smaller lr, or clip_norm=1.0"
    )
