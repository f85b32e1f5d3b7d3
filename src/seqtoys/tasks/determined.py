"""Determined: the base class of tasks whose targets are determined by the inputs so far."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from seqtoys.data.batch import Batch
from seqtoys.support.uncertainty import Estimate
from seqtoys.tasks.task import Task


class Determined(Task):
    """The abstract base class of tasks whose scored targets are determined by the inputs so far.

    The lowest possible loss is 0, for any length and any sequences.

    Examples:
        >>> from seqtoys import get_task
        >>> isinstance(get_task("parity"), Determined), get_task("parity").optimum_of((1, 500))
        (True, Estimate(0.0, 0.0))
    """

    @property
    def optimum(self) -> float:
        """The optimum is 0, since the inputs determine each target."""
        return 0.0

    def surprise(self, batch: Batch) -> Float[Tensor, "batch time"]:
        """Return 0 at each scored target of a `batch`, since the inputs determine it."""
        scored = batch.scored.cpu()
        surprise = torch.zeros(scored.shape, dtype=torch.float64, device="cpu")
        return surprise.masked_fill(~scored, torch.nan)

    def optimal_loss(self, batch: Batch) -> float:
        """Return 0 for any `batch`, since the inputs determine each target."""
        return 0.0

    def _restricted_to(self, holds: Callable[[Batch], Bool[Tensor, " batch"]]) -> Task:
        return self  # targets stay certain in any subset of the sequences

    def _optimum_over(self, lengths: tuple[int, ...]) -> Estimate:
        return Estimate(0.0)

    def _surprise(self, batch: Batch) -> Float[Tensor, " batch"]:
        return torch.zeros(len(batch), dtype=torch.float64, device="cpu")
