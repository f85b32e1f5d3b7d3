"""Where symbols occurred before."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor


def after_last_occurrence(symbols: Int[Tensor, "batch length"]) -> Int[Tensor, "batch length"]:
    """Return the position, counted from 1, after the last earlier occurrence of each symbol.

    It is 0 if there is none. Sorted by symbol, the occurrences of one symbol are neighbors.

    Examples:
        >>> after_last_occurrence(torch.tensor([[0, 1, 0, 1, 1]]))
        tensor([[0, 0, 2, 3, 5]])
    """
    found = symbols.numpy()
    small = found.astype(np.min_scalar_type(found.max(initial=0)))  # is sorted much faster
    order = small.argsort(1, kind="stable")  # (batch, length)
    ordered = np.take_along_axis(found, order, 1)
    earlier = np.zeros_like(order)
    earlier[:, 1:] = (order[:, :-1] + 2) * (ordered[:, 1:] == ordered[:, :-1])
    after = np.empty_like(order)
    np.put_along_axis(after, order, earlier, 1)
    return torch.from_numpy(after)
