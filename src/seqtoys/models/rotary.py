"""Rotary position embeddings (Su et al., 2021)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

ROTARY_BASE = 10_000  # the base of the wavelengths, as in both papers


def rotation(
    start: int, length: int, like: Float[Tensor, "*batch size"]
) -> tuple[Float[Tensor, "time pairs"], Float[Tensor, "time pairs"]]:
    """Return the cosines and sines of the rotary position embedding (Su et al., 2021).

    Position `p` turns pair `i` of a vector by the angle `p * 10_000 ** (-i / pairs)`.

    Args:
        start: The first position.
        length: The number of positions.
        like: A tensor of the dtype, the device and the size of the vectors to rotate.

    Examples:
        >>> cosines, sines = rotation(1, 2, torch.zeros(4))
        >>> sines
        tensor([[0.8415, 0.0100],
                [0.9093, 0.0200]])
    """
    pairs = like.shape[-1] // 2
    # In half precision, large positions would be rounded to multiples of 2 and more.
    dtype = torch.promote_types(like.dtype, torch.float32)
    positions = torch.arange(start, start + length, dtype=dtype, device=like.device)
    exponents = torch.arange(pairs, dtype=dtype, device=like.device) / -max(pairs, 1)
    angles = torch.outer(positions, ROTARY_BASE**exponents)  # (time, pairs)
    return angles.cos().to(like.dtype), angles.sin().to(like.dtype)


def rotated(
    vectors: Float[Tensor, "*batch time size"],
    cosines: Float[Tensor, "time pairs"],
    sines: Float[Tensor, "time pairs"],
) -> Float[Tensor, "*batch time size"]:
    """Rotate each pair of numbers in queries or keys by the angle of its position.

    The product of a rotated query and a rotated key depends on the distance between their
    positions, not on the positions themselves. The paper pairs neighboring numbers; here, the
    first half of the numbers is paired with the second half, which only changes their order. If
    the size is odd, the last number stays as it is.

    Args:
        vectors: The queries or keys.
        cosines: The cosines of the angles.
        sines: The sines of the angles.

    Examples:
        >>> rotated(torch.tensor([[1.0, 0.0]]), torch.zeros(1, 1), torch.ones(1, 1))  # 90 degrees
        tensor([[0., 1.]])
    """
    pairs, size = cosines.shape[-1], vectors.shape[-1]
    x, y, unpaired = vectors.split((pairs, pairs, size - 2 * pairs), -1)
    return torch.cat((x * cosines - y * sines, x * sines + y * cosines, unpaired), -1)
