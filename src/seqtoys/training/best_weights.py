"""The weights with the lowest held-out loss, for `fit(keep="best")`."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from seqtoys.models.ensembles.ensemble import Ensemble
from seqtoys.models.forward import count_replicas
from seqtoys.records.ensemble_history import EnsembleHistory
from seqtoys.records.history import History
from seqtoys.records.history_fields import KEEPS_LAST


class BestWeights:
    """A copy of the weights with the lowest held-out loss, for each replica of an ensemble.

    Args:
        model: The model, or an ensemble, whose parameters have replicas first; in an `Ensemble`,
            the buffers have them, too.

    Examples:
        >>> from seqtoys.results import Baselines
        >>> model, history = nn.Linear(1, 1), History(Baselines(1.6, 0.5, 0.0))
        >>> best = BestWeights(model)
        >>> for loss in (0.5, 0.3, 0.4):
        ...     model.weight.data.fill_(loss)
        ...     best.update(torch.tensor(loss), history)
        tensor([[0.5000]])
        tensor([[0.3000]])
        tensor([[0.4000]])
        >>> best.chosen(history)["weight"]
        tensor([[0.3000]])
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._replicas = count_replicas(model)
        shape = (self._replicas,) if self._replicas else ()
        self._lowest = torch.full(shape, math.inf, dtype=torch.float64, device="cpu")
        self._kept: dict[str, Any] = {}

    def update(self, loss: Tensor, history: History | EnsembleHistory) -> None:
        """Copy the current weights of the replicas whose held-out loss is a new minimum.

        Args:
            loss: The held-out loss with the current weights, for each replica of an ensemble.
            history: The history so far; replicas that have ended are left out.
        """
        if not self._fits():  # a callback has replaced parts, so start anew
            self._lowest.fill_(math.inf)
        running = history.running if isinstance(history, EnsembleHistory) else True
        improved = (loss < self._lowest) & running
        self._lowest = torch.where(improved, loss.double(), self._lowest)
        if improved.all() or not self._fits():
            self._kept = copy.deepcopy(self._current())
        elif improved.any():
            self._kept = _mixed(improved, self._kept, self._current())

    def chosen(self, history: History | EnsembleHistory) -> dict[str, Any]:
        """Return the state dict of the model with the best weights instead of the last ones.

        The last ones stay where there are no best ones yet, and where they are the reason why
        training ended: they reached the goal, or diverged.

        Args:
            history: The history so far.
        """
        stopped = [history.stopped] if isinstance(history, History) else history.stopped
        ended = torch.tensor([why in KEEPS_LAST for why in stopped], device="cpu")
        is_best = self._lowest.isfinite() & ~ended.view_as(self._lowest)
        state = self._model.state_dict()
        if not is_best.any() or not self._fits():
            return state
        kept = self._kept if is_best.all() else _mixed(is_best, state, self._kept)
        return {**state, **kept}

    def restore(self, kept: Mapping[str, Any], history: History | EnsembleHistory) -> None:
        """Restore the weights that `chosen` returned after the epochs of a history.

        Args:
            kept: The state dict.
            history: The history.
        """
        losses = torch.as_tensor(history.validation_loss, dtype=torch.float64, device="cpu")
        if len(losses):
            self._lowest = losses.nan_to_num(nan=math.inf, posinf=math.inf).amin(0)
            self._kept = {name: copy.deepcopy(kept[name]) for name in self._current()}

    def _fits(self) -> bool:
        """Whether what is kept has the names and shapes of the model's current weights."""
        return _shapes_of(self._kept) == _shapes_of(self._current())

    def _current(self) -> dict[str, Any]:
        """Return what is kept: the whole state, or the parameters of another ensemble."""
        if not self._replicas or isinstance(self._model, Ensemble):
            return self._model.state_dict()
        return {name: weight.detach() for name, weight in self._model.named_parameters()}


def _shapes_of(state: Mapping[str, Any]) -> dict[str, tuple[int, ...] | None]:
    return {name: getattr(value, "shape", None) for name, value in state.items()}


def _mixed(
    replicas: Tensor, others: Mapping[str, Any], theirs: Mapping[str, Any]
) -> dict[str, Tensor]:
    """Combine the weights of some replicas with the weights of all others."""
    mixed = {}
    for name, weight in theirs.items():
        rows = replicas.to(weight.device).view(-1, *[1] * (weight.ndim - 1))
        mixed[name] = torch.where(rows, weight, others[name])
    return mixed
