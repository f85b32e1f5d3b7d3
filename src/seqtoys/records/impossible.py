"""Losses that no causal model can have, by more than chance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

LAST, FEWEST = 50, 5  # epochs that are looked at, and needed
ERRORS = 5  # standard errors that a mean must lie below the optimum
ROUNDING = 1e-4  # nats by which single precision may be off

REMARK = (
    "The loss is lower than any model that reads from left to right can reach.\n"
    "Does the model look ahead, mix the sequences of a batch, or is the optimum wrong?"
)


def is_impossible(losses: npt.ArrayLike, optimum: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Tell whether losses lie below the optimum by more than chance, at the end of a training.

    Args:
        losses: The loss of each epoch, `(epochs, replicas)`.
        optimum: The lowest loss that a causal model can reach on the data of each epoch.

    Returns:
        An answer for each replica; False if there are fewer than 5 epochs.

    Examples:
        >>> is_impossible([[0.6, 0.3]] * 9, [0.6] * 9).tolist()
        [False, True]
    """
    excess = (np.asarray(losses, float) - np.asarray(optimum, float)[:, np.newaxis])[-LAST:]
    if len(excess) < FEWEST:
        return np.zeros(excess.shape[1], bool)
    error = excess.std(0, ddof=1) / np.sqrt(len(excess))
    below: npt.NDArray[np.bool_] = excess.mean(0) + ERRORS * error < -ROUNDING
    return below
