"""One epoch of gradient descent: measure, then update."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeAlias

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from seqtoys.data.batch import Batch
from seqtoys.errors import DataError, NonFiniteLossError, OptionError
from seqtoys.models.ensembles.ensemble import Ensemble
from seqtoys.models.forward import count_replicas, in_mode
from seqtoys.models.metrics import count_hits
from seqtoys.models.model_checks import check_model
from seqtoys.records.row import Row
from seqtoys.support.annotations import described
from seqtoys.support.devices import device_of
from seqtoys.support.serialization import Plain, is_number, mismatch, on_device
from seqtoys.support.values import MANY
from seqtoys.training.fused_adam import FusedAdam
from seqtoys.training.gradients import Learner, writes_gradients
from seqtoys.training.optimizers import Optimizer, step_optimizer, step_scheduler
from seqtoys.training.rehearsal import check_memory
from seqtoys.training.sources import Source, width_for

Value: TypeAlias = float | Tensor
"""A number, or a tensor with one per replica."""


@dataclass
class EpochSums:
    """The sums over the parts of an epoch that have been processed.

    Attributes:
        parts: The number of these parts.
        loss: The sum of the losses of their symbols, in nats.
        hits: The number of symbols predicted correctly.
        predicted: The predictions for each part.
        rows: The indices of the sequences in each part.
    """

    parts: int = 0
    loss: Value = 0.0
    hits: Value = 0.0
    predicted: list[Tensor] = field(default_factory=list[Tensor])
    rows: list[Any] = field(default_factory=list[Any])

    @classmethod
    def from_state(
        cls, state: Mapping[str, Plain], *, replicas: int, batch: Batch | None, symbols: int
    ) -> EpochSums:
        """Restore sums from their `state()`.

        Args:
            state: The sums.
            replicas: The number of replicas of an ensemble, or 0 for one model.
            batch: All sequences of the epoch, or None if no predictions are kept.
            symbols: The number of symbols that can be predicted.

        Raises:
            DataError: If `state` is invalid.
        """
        sums = cls(**state)
        if type(sums.parts) is not int or not 1 <= sums.parts <= MANY:
            raise DataError(f"expected a number of parts, got {described(sums.parts)}")
        if not all(_is_value(value, replicas) for value in (sums.loss, sums.hits)):
            raise DataError("expected the sums of losses and hits of an epoch, got others")
        if batch is not None:
            if not len(sums.predicted) == len(sums.rows) == sums.parts:
                raise DataError(f"expected the predictions of {sums.parts} parts, got others")
            for predicted, rows in zip(sums.predicted, sums.rows, strict=True):
                axes = (replicas,) if replicas else ()
                shape = batch.inputs.shape if rows is None else _shape_of(rows, batch)
                _check_indices(predicted, (*axes, *shape), symbols, "predictions")
        return sums

    def state(self) -> dict[str, Plain]:
        """Return all fields, for `from_state`."""
        return dict(vars(self))


def _is_value(value: object, replicas: int) -> bool:
    if replicas:
        return isinstance(value, Tensor) and value.shape == (replicas,)
    return is_number(value)


def _shape_of(rows: Tensor, batch: Batch) -> tuple[int, int]:
    """Return the shape of the mini-batch of some rows."""
    count = rows.numel()
    _check_indices(rows, (count,), len(batch), "rows")
    return count, width_for(batch.count_symbols()[rows], batch.inputs.shape[1])


def _check_indices(indices: Tensor, shape: tuple[int, ...], below: int, name: str) -> None:
    is_right = indices.dtype == torch.int64 and indices.shape == shape
    if not is_right or not bool(((indices >= 0) & (indices < below)).all()):
        raise DataError(
            f"expected {name} of shape {shape} from 0 to {below - 1}, "
            f"got {indices.dtype} of shape {tuple(indices.shape)}"
        )


class Updates:
    """The epochs of a training run: mini-batches, loss, gradients, optimizer and scheduler.

    Args:
        model: The model, trained in place.
        source: The training data.
        optimizer: The optimizer.
        scheduler: The learning-rate scheduler, or None.
        clip_norm: The maximum norm of the gradients. If None, they are not clipped.
        stepwise: Whether to feed the model one symbol at a time.
        symbols: The number of symbols.
        check: Whether to check the model on its first batch.
    """

    def __init__(
        self,
        model: nn.Module,
        source: Source,
        optimizer: Optimizer,
        *,
        scheduler: Any,
        clip_norm: float | None,
        stepwise: bool,
        symbols: int,
        check: bool,
    ) -> None:
        self.model = model
        self.source = source
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.clip_norm = clip_norm
        self.replicas: int = count_replicas(model)
        self.epoch: int = 0
        self._learner = Learner(model, stepwise=stepwise, symbols=symbols)
        self._needs_check = check
        self._sums: EpochSums | None = None  # of the epoch in progress
        self._has_pending_update = False
        self._frozen: Frozen | None = None

    @property
    def lr(self) -> float:
        """The current learning rate."""
        return float(self.optimizer.param_groups[0]["lr"])

    @property
    def is_between_epochs(self) -> bool:
        """Whether no epoch is in progress, and no update is pending or incomplete."""
        return self._sums is None and not self._has_pending_update

    def run_epoch(self, after_update: Callable[[], None]) -> tuple[Value, Value, Tensor | None]:
        """Run an epoch, or the rest of one; its last update stays pending until `apply`.

        Args:
            after_update: Called after each update, when the weights are consistent.

        Returns:
            The loss, the accuracy and the predicted symbols, each computed before its update; for
            an ensemble, one per replica. The symbols are None if the source keeps no predictions.
        """
        sums = self._sums = self._sums or self._begin()
        for rows, part, count in islice(self.source.parts(), sums.parts, None):
            if self._has_pending_update:
                self.apply()
                after_update()
            loss, predicted = self._learner.loss_and_predictions(part, resume=self.source.resumes)
            if self._needs_check:
                self._check(part)
            self._has_pending_update = True
            sums.parts += 1
            sums.loss = sums.loss + self._to_value(loss) * count
            sums.hits = sums.hits + self._hits(predicted, part)
            if not self.source.resumes:
                sums.predicted.append(predicted)
                sums.rows.append(rows)
        self._sums = None
        if self._frozen is not None:  # the model has run, but an update may be pending
            self._frozen.restore_buffers()
        scored = self.source.scored
        accuracy = sums.hits / scored
        self.source.record_accuracy(accuracy)
        return sums.loss / scored, accuracy, self.source.reassemble(sums.predicted, sums.rows)

    def apply(self) -> None:
        """Apply the pending update, if there is one."""
        if self._has_pending_update:
            self._learner.backward()
            if self.clip_norm is not None:
                clip_norms(list(self.model.parameters()), self.clip_norm, self.replicas)
            step_optimizer(self.optimizer)
            if self._frozen is not None:
                self._frozen.restore_weights()
            self._has_pending_update = False  # last, as an update that fails may be incomplete

    def renew(self) -> None:
        """Refresh what is cached about the model, which a callback may have changed."""
        self._learner.renew()
        if isinstance(self.optimizer, FusedAdam):
            self.optimizer.renew()

    def freeze(self, ended: Bool[Tensor, " replicas"]) -> None:
        """Freeze the weights of replicas that have ended."""
        if ended.any():
            self._frozen = Frozen(self.model, ended)

    def step_scheduler(self, row: Callable[[int], Row]) -> None:
        """Step the scheduler at the end of an epoch.

        Args:
            row: Returns the row of an epoch by index; -1 is the last.
        """
        if self.scheduler is not None:
            last = row(-1)
            monitored = last.loss if last.validation_loss is None else last.validation_loss
            step_scheduler(self.scheduler, monitored)

    def state(self) -> dict[str, Plain]:
        """Return the complete state except for the weights; no update may be pending."""
        begun = self._sums and {"sums": self._sums.state(), "hidden": self._learner.hidden}
        return {
            "epoch": self.epoch,
            "optimizer": _state_of(self.optimizer),
            "scheduler": None if self.scheduler is None else _state_of(self.scheduler),
            "source": self.source.state(),
            "begun": begun,
        }

    def restore(self, state: Mapping[str, Plain], symbols: int) -> None:
        """Restore a `state()`.

        Args:
            state: The state.
            symbols: The number of symbols that can be predicted.

        Raises:
            Exception: One of `MALFORMED`, if the state is invalid or of another training.
        """
        check_memory(self.optimizer, self.scheduler, state)
        self.epoch = state["epoch"]
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        self.source.restore(state["source"])
        if state["begun"] is not None:
            self._restore_begun(on_device(state["begun"], device_of(self.model)), symbols)

    def _restore_begun(self, begun: Mapping[str, Plain], symbols: int) -> None:
        """Restore the sums and hidden state of an epoch in progress."""
        sums = EpochSums.from_state(
            begun["sums"], replicas=self.replicas, batch=self.source.sequences, symbols=symbols
        )
        if self.source.resumes:
            self._check_hidden(begun["hidden"])
        self._sums, self._learner.hidden = sums, begun["hidden"]

    def _check_hidden(self, hidden: Plain) -> None:
        """Check by a trial run that the model can resume from a hidden state."""
        learner = Learner(self.model, stepwise=False)
        _, part, _ = next(iter(self.source.parts()))
        with in_mode(self.model, training=False), torch.no_grad():
            # The hand-written backward pass would silently broadcast a state of another shape.
            if writes_gradients(self.model):
                learner.loss_and_predictions(part, resume=True)
                wrong = mismatch(hidden, learner.hidden, "hidden")
                if wrong is not None:
                    raise DataError(wrong)
            learner.hidden = hidden
            learner.loss_and_predictions(part, resume=True)

    def _begin(self) -> EpochSums:
        """Start an epoch."""
        self.epoch += 1
        self._learner.hidden = None
        return EpochSums()

    def _check(self, part: Batch) -> None:
        learner = self._learner
        check_model(self.model, part, symbols=learner.symbols, stepwise=learner.stepwise)
        self._needs_check = False

    def _to_value(self, loss: Tensor) -> Value:
        if self.replicas:
            return loss.double().cpu()
        value = loss.item()
        if not math.isfinite(value):
            raise NonFiniteLossError(
                f"the loss became {value} at epoch {self.epoch} with lr={self.lr:g}; "
                "try a smaller lr, or clip_norm=1.0"
            )
        return value

    def _hits(self, predicted: Tensor, part: Batch) -> Value:
        hits = count_hits(predicted, part)
        return hits.cpu() if self.replicas else float(hits)


def _state_of(part: Any) -> Plain:
    if not hasattr(part, "state_dict") or not hasattr(part, "load_state_dict"):
        raise OptionError(
            "checkpoint=… needs an optimizer and scheduler with state_dict and load_state_dict, "
            f"got {type(part).__name__}"
        )
    return part.state_dict()


class Frozen:
    """The frozen weights of replicas that have ended, and their buffers in an `Ensemble`.

    Args:
        model: The ensemble.
        ended: Which replicas have ended.
    """

    def __init__(self, model: nn.Module, ended: Bool[Tensor, " replicas"]) -> None:
        self._model = model
        self._rows = ended.nonzero().flatten()
        self._kept = [(p, p.detach()[self._rows]) for p in model.parameters()]
        self._buffers = {n: b.detach()[self._rows] for n, b in self._stacked_buffers().items()}

    @torch.no_grad()
    def restore_weights(self) -> None:
        """Undo the effect of an update."""
        for parameter, kept in self._kept:
            parameter[self._rows] = kept

    @torch.no_grad()
    def restore_buffers(self) -> None:
        """Undo the effect of running the model in training mode."""
        for name, buffer in self._stacked_buffers().items():  # which may be other tensors now
            buffer[self._rows] = self._buffers[name]

    def _stacked_buffers(self) -> dict[str, Tensor]:
        """Return the buffers that have replicas first, which only an `Ensemble` guarantees."""
        return dict(self._model.named_buffers()) if isinstance(self._model, Ensemble) else {}


def clip_norms(parameters: Sequence[nn.Parameter], max_norm: float, replicas: int) -> None:
    """Clip the norm of the gradients, separately for each replica.

    Args:
        parameters: The weights; those of an ensemble have replicas first.
        max_norm: The maximum norm.
        replicas: The number of replicas, or 0 for one model.
    """
    if not replicas:
        nn.utils.clip_grad_norm_(parameters, max_norm)
        return
    grads = [p.grad for p in parameters if p.grad is not None]
    squares = [grad.flatten(1).square().sum(1) for grad in grads]  # of (replicas,)
    # The same epsilon as in torch.nn.utils.clip_grad_norm_.
    scale = (max_norm / (torch.stack(squares).sum(0).sqrt() + 1e-6)).clamp(max=1)
    for grad in grads:
        grad.mul_(scale.reshape(-1, *[1] * (grad.ndim - 1)))
