"""Sampling symbols from logits: temperature, top-k and end symbols."""

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
from seqtoys.models.stepping import Read
from seqtoys.support.arrays import Array
from seqtoys.support.values import check_count, to_int, to_real

_FIRST, _MOST = 2**14, 2**20  # random numbers drawn per call: at first, and at most


@dataclass(frozen=True)
class SamplingConfig:
    """How to sample symbols from logits, and which symbols end a text.

    Attributes:
        vocab_size: The number of symbols.
        temperature: The divisor of the logits; 0 picks the largest logit.
        top_k: Sample only from the `top_k` largest logits. If None, from all.
        ends: The indices of the symbols that end a text.
        generator: Draws the random numbers.

    Raises:
        OptionError: If an option is out of range.

    Examples:
        >>> config = SamplingConfig(3, 1.0, 2, frozenset(), torch.Generator())
        >>> read = config.limit(lambda symbols: np.array([0.5, 2.0, 1.0]))
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
            heat = sys.float_info.max  # equivalent to any larger integer
        if heat is None or not 0 <= heat < math.inf:
            raise OptionError(
                "expected temperature to be a finite number of at least 0, got "
                f"{quoted(self.temperature)}; 0 picks the likeliest symbol, 1 samples from the "
                "probabilities of the model"
            )
        vars(self)["temperature"] = heat
        if self.top_k is not None:
            vars(self)["top_k"] = check_count("top_k", self.top_k, 1, self.vocab_size)
        if not isinstance(self.generator, torch.Generator):
            raise OptionError(
                "expected generator to be a torch.Generator or None, "
                f"got {quoted(self.generator)}; torch.Generator().manual_seed(0) creates one"
            )

    def limit(self, read: Read) -> Read:
        """Set all logits below the `top_k` largest to -inf; ties with the last are kept."""
        if (top_k := self.top_k) is None:  # pragma: no branch - as type checks wrap what is below
            return read

        def read_largest(symbols: Any) -> Array:
            logits = read(symbols)
            least = np.partition(logits, -top_k, axis=-1)[..., -top_k, np.newaxis]
            return np.where(logits < least, -np.inf, logits)  # keeps nan, to be reported later

        return read_largest

    def noises(self, texts: tuple[int, ...], length: int | None) -> Iterator[Array]:
        """Generate the noise to add to the logits at each step, such that the argmax is a sample.

        Args:
            texts: The shape of the texts generated in parallel.
            length: The number of steps. If None, there is no limit.
        """
        if self.temperature == 0:
            nothing = np.zeros((*texts, 1))
            yield from repeat(nothing) if length is None else repeat(nothing, length)
            return
        # Higher temperatures would overflow; the samples are uniform by then anyway.
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
            ).clamp_(min=2**-54)  # the logarithm of 0 is infinite
            yield from uniform.log_().neg_().log_().mul_(-scale).cpu().numpy()
            block, left = min(2 * block, _MOST), left - steps


def draw_text(
    read: Read, symbol: int, config: SamplingConfig, length: int | None
) -> Iterator[int]:
    """Repeatedly read a symbol and sample the next, until the text ends.

    Args:
        read: Reads a symbol and returns the next logits.
        symbol: The first symbol to read.
        config: How to sample.
        length: The maximum number of symbols. If None, there is no limit.

    Raises:
        NonFiniteLossError: If a logit is inf or nan.
    """
    read, ends = config.limit(read), config.ends
    for step, noise in enumerate(config.noises((), length), start=1):
        scores = read(symbol) + noise  # (vocab,)
        symbol = int(scores.argmax())
        if not math.isfinite(scores[symbol]):  # argmax returns the first nan, if any
            raise _not_finite(scores[symbol], f"new symbol {step}")
        yield symbol
        if symbol in ends:
            return


def draw_texts(
    read: Read, symbol: int, config: SamplingConfig, texts: tuple[int, ...], length: int
) -> tuple[Array, Array]:
    """Repeatedly read a symbol of each text and sample the next, until all texts have ended.

    Args:
        read: Reads a symbol of each text and returns the next logits.
        symbol: The first symbol to read.
        config: How to sample.
        texts: The shape of the texts: `(replicas, texts)` for an ensemble, or `(texts,)`.
        length: The maximum number of symbols.

    Returns:
        The symbols `(*texts, steps)`, and the length of each text.

    Raises:
        NonFiniteLossError: If a logit is inf or nan.
    """
    read = config.limit(read)
    symbols: int | Array = symbol
    running, lengths = np.ones(texts, bool), np.zeros(texts, np.int64)
    drawn: list[Array] = []
    for step, noise in enumerate(config.noises(texts, length), start=1):
        scores = read(symbols) + noise  # (*texts, vocab)
        best, chosen = scores.max(-1), scores.argmax(-1)  # (*texts,); nan if any is
        lost = np.argwhere(running & ~np.isfinite(best)).tolist()
        if lost:
            place = " of replica ".join(map(str, reversed(lost[0])))
            raise _not_finite(best[tuple(lost[0])], f"new symbol {step} of text {place}")
        drawn.append(chosen)
        lengths += running
        running &= ~np.isin(chosen, list(config.ends))
        if not running.any():
            break
        symbols = chosen
    return np.stack(drawn, -1) if drawn else np.zeros((*texts, 0), np.int64), lengths


def _not_finite(logit: float, where: str) -> NonFiniteLossError:
    return NonFiniteLossError(
        f"expected finite logits, got {logit} for {where}; check the weights for inf and nan, and "
        "train with a smaller lr, or clip_norm=1.0"
    )
