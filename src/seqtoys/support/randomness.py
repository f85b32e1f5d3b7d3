"""Seeded random generators: one stream for each purpose, so that no two purposes share a batch."""

from __future__ import annotations

from hashlib import sha256
from typing import Literal, TypeAlias

import torch

from seqtoys.errors import OptionError, quoted
from seqtoys.support.scalars import to_int

Purpose: TypeAlias = Literal["validation", "evaluation", "sample", "baselines", "split", "model"]
"""What random numbers are drawn for, other than the order and the sequences of training."""


def seeded_generator(seed: object) -> torch.Generator:
    """Return a generator that draws what PyTorch draws after `torch.manual_seed(seed)`.

    `fit` draws its minibatches and the batches of a task from this stream.

    Raises:
        OptionError: If the seed is not an integer that fits 64 bits.

    Examples:
        >>> torch.rand(2, generator=seeded_generator(777)).shape
        torch.Size([2])
    """
    return torch.Generator().manual_seed(check_seed(seed))


def generator_for(purpose: Purpose, seed: object = 0) -> torch.Generator:
    """Return the generator of one purpose, derived from the seed and the purpose.

    If training and evaluation both drew from `seeded_generator(0)`, a model would be measured on
    the very batches it was trained on.

    Args:
        purpose: What the numbers are drawn for.
        seed: The seed.

    Raises:
        OptionError: If the seed is not an integer that fits 64 bits.

    Examples:
        >>> one, other = generator_for("evaluation"), generator_for("sample")
        >>> torch.equal(torch.rand(9, generator=one), torch.rand(9, generator=other))
        False
    """
    digest = sha256(f"{purpose} {check_seed(seed)}".encode()).digest()
    # PyTorch's CPU generator uses the lower 32 bits of a seed.
    return torch.Generator().manual_seed(int.from_bytes(digest[:4]))


def draw_seed(generator: torch.Generator) -> int:
    """Draw a seed for a stream of one purpose from a generator that a caller gave.

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
