"""All binary sequences, grouped by how often each symbol follows each, with their numbers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class BinaryChains:
    """The binary sequences of one length that start with 0, in groups of equal counts.

    Attributes:
        transitions: How often 0 and 1 are followed by 0 and 1 in the sequences of each group.
        log_size: The logarithm of the number of sequences in each group.
    """

    transitions: Float[Tensor, "groups 2 2"]
    log_size: Float[Tensor, " groups"]

    @property
    def symbols(self) -> Float[Tensor, "groups 2"]:
        """How often each symbol occurs: the first, 0, and those that follow another."""
        first = torch.tensor([1.0, 0.0], dtype=torch.float64, device="cpu")
        return self.transitions.sum(1) + first


def list_chains(steps: int) -> BinaryChains:
    """List the binary sequences of one more symbol than `steps` that start with 0.

    A sequence alternates between runs of 0s and of 1s. With u switches from 0 to 1 and d back,
    d + 1 runs of 0s share a repetitions in C(a + d, d) ways, and u runs of 1s share b repetitions
    in C(b + u - 1, u - 1) ways (Whittle, 1955).

    Args:
        steps: The number of transitions.

    Examples:
        Of 010, 011, 001 and 000, no two have the same counts of 00, 01, 10 and 11:

        >>> list_chains(2).transitions.flatten(1).long().tolist()
        [[0, 1, 1, 0], [0, 1, 0, 1], [1, 1, 0, 0], [2, 0, 0, 0]]
    """
    switches, a = torch.tril_indices(steps + 1, steps + 1, dtype=torch.int64, device="cpu")
    switches = steps - switches  # so that there are up to steps - switches repetitions
    b = steps - switches - a
    is_possible = (switches > 0) | (b == 0)  # without a switch, there are no 1s
    switches, a, b = (x[is_possible].double() for x in (switches, a, b))
    up, down = (switches / 2).ceil(), (switches / 2).floor()
    ones = (up - 1).clamp(min=0)
    log_size = _log_choose(a + down, down) + _log_choose(b + ones, ones)
    return BinaryChains(torch.stack([a, up, down, b], 1).unflatten(1, (2, 2)), log_size)


def _log_choose(n: Tensor, k: Tensor) -> Tensor:
    return (n + 1).lgamma() - (k + 1).lgamma() - (n - k + 1).lgamma()
