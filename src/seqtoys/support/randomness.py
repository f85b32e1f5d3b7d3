"""Seeded random generators: a separate stream for each purpose, so that none share batches."""

from __future__ import annotations

from hashlib import sha256
from typing import Literal, TypeAlias

import torch

from seqtoys.errors import OptionError, quoted
from seqtoys.support.values import to_int

Purpose: TypeAlias = Literal[
    "validation", "evaluation", "sample", "baselines", "split", "model", "check", "source"
]
"""Uses of random numbers other than the order and the sequences of training."""


def seeded_generator(seed: object) -> torch.Generator:
    """Return a generator with the same stream as PyTorch's after `torch.manual_seed(seed)`.

    `fit` draws its mini-batches and the batches of a task from this stream.

    Raises:
        OptionError: If the seed is not a 64-bit integer.

    Examples:
        >>> torch.rand(2, generator=seeded_generator(777)).shape
        torch.Size([2])
    """
    return torch.Generator().manual_seed(check_seed(seed))


def generator_for(purpose: Purpose, seed: object = 0) -> torch.Generator:
    """Return a generator for one purpose, derived from the seed and the purpose.

    If training and evaluation both drew from `seeded_generator(0)`, a model would be evaluated on
    its own training batches.

    Args:
        purpose: The use of the random numbers.
        seed: The seed.

    Raises:
        OptionError: If the seed is not a 64-bit integer.

    Examples:
        >>> one, other = generator_for("evaluation"), generator_for("sample")
        >>> torch.equal(torch.rand(9, generator=one), torch.rand(9, generator=other))
        False
    """
    digest = sha256(f"{purpose} {check_seed(seed)}".encode()).digest()
    # PyTorch's CPU generator uses only the lower 32 bits of a seed.
    return torch.Generator().manual_seed(int.from_bytes(digest[:4]))


def draw_seed(generator: torch.Generator) -> int:
    """Draw the seed of another stream from the caller's generator.

    Examples:
        >>> draw_seed(seeded_generator(0)) == draw_seed(seeded_generator(0))
        True
    """
    return int(torch.randint(2**62, (), generator=generator, device=generator.device))


def check_seed(seed: object) -> int:
    """Check that a seed is an integer of at most 64 bits, and return it as an int.

    Raises:
        OptionError: If it is not.
    """
    number = to_int(seed)
    if number is None or not -(2**63) <= number < 2**64:
        raise OptionError(f"expected seed to be an integer of at most 64 bits, got {quoted(seed)}")
    return number
