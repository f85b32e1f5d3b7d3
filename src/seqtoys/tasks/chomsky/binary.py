"""Arithmetic on rows of bits of any width, least significant bit first."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch

from seqtoys.support.arrays import Array


def draw_lowest(sizes: Array, generator: torch.Generator) -> Array:
    """Draw the position of the lowest 1 bit of numbers uniform in 1 … 2^size - 1.

    It is at bit j or above with probability (2^(size - j) - 1) / (2^size - 1), and all bits above
    it are independent and uniform. So to draw such a number, take random bits, set those below
    this position to 0 and the one at it to 1. Unlike rejection sampling, this never redraws.

    Args:
        sizes: The size of each number, in bits.
        generator: The source of randomness.

    Examples:
        >>> draw_lowest(np.array([1, 1, 1]), torch.Generator()).tolist()
        [0, 0, 0]
    """
    chances = torch.rand(len(sizes), dtype=torch.float64, generator=generator).numpy()
    lowest = -np.log2(1 - chances * (1 - 0.5**sizes))
    places: Array = np.minimum(lowest.astype(np.int64), sizes - 1)  # rounding may exceed it
    return places


def carry(counts: Array) -> Array:
    """Convert the count of each power of two in a sum to bits.

    Args:
        counts: The counts, `(batch, bits)`, with room for the last carry.

    Examples:
        >>> carry(np.array([[3, 0, 1, 0]])).tolist()  # 3 + 4
        [[1, 1, 1, 0]]
    """
    columns = counts.T.copy()  # (bits, batch)
    for this, following in pairwise(columns):
        following += this >> 1
    return (columns & 1).T


def multiply(first: Array, second: Array) -> Array:
    """Multiply numbers row by row.

    Args:
        first: Bits `(batch, bits)`.
        second: Bits `(batch, other bits)`.

    Returns:
        Bits of the products `(batch, bits + other bits)`.

    Examples:
        >>> multiply(np.array([[1, 1]]), np.array([[1, 0, 1]])).tolist()  # 3 times 5
        [[1, 1, 1, 1, 0]]
    """
    integers = [a * b for a, b in zip(to_integers(first), to_integers(second), strict=True)]
    return to_bits(integers, first.shape[1] + second.shape[1])


def to_integers(bits: Array) -> list[int]:
    """Convert each row of bits to an integer of any size."""
    packed = np.packbits(bits.astype(bool), axis=1, bitorder="little")
    return [int.from_bytes(row, "little") for row in packed]


def to_bits(integers: list[int], width: int) -> Array:
    """Convert integers to rows of bits, `(batch, width)`."""
    size = (width + 7) // 8
    packed = np.frombuffer(b"".join(n.to_bytes(size, "little") for n in integers), np.uint8)
    rows = packed.reshape(len(integers), size)
    return np.unpackbits(rows, axis=1, count=width, bitorder="little").astype(np.int64)
