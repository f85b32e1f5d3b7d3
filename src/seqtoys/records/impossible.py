"""Detection of losses that are below the optimum by more than chance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

LAST, FEWEST = 50, 5  # the most epochs considered, and the fewest required
ERRORS = 5  # standard errors by which a mean must be below the optimum
ROUNDING = 1e-4  # nats of rounding error in single precision

REMARK = (
    "The loss is lower than any causal (left-to-right) model can reach.\n"
    "Check whether the model looks ahead or mixes sequences, or the optimum is wrong."
)


def is_impossible(losses: npt.ArrayLike, optimum: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Return whether final losses are below the optimum by more than chance.

    Args:
        losses: The loss of each epoch, `(epochs, replicas)`.
        optimum: The lowest loss that a causal model can reach on the data of each epoch.

    Returns:
        One boolean per replica; False if there are fewer than 5 epochs.

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
