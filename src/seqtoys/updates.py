"""One epoch of gradient descent: measure, then update."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeAlias, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from seqtoys.batch import Batch
from seqtoys.errors import NonFiniteLossError, OptionError, ShapeError
from seqtoys.metrics import accuracy, cross_entropy

OptimizerFactory: TypeAlias = Callable[..., torch.optim.Optimizer]
"""Makes an optimizer of parameters and `lr=`, as each class of `torch.optim` does."""

SchedulerFactory: TypeAlias = Callable[[torch.optim.Optimizer], Any]
"""Makes a learning-rate scheduler of `torch.optim.lr_scheduler`, stepped once an epoch."""


@runtime_checkable
class StepwiseModel(Protocol):
    """A model that reads one symbol at a time and carries its state along."""

    def initial_hidden(self, batch_size: int) -> Tensor:
        """Make the state before the first symbol."""

    def step(self, inputs: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Read one symbol of each sequence; return logits and the next state."""


def logits_of(
    model: nn.Module, inputs: Int[Tensor, "batch time"], *, stepwise: bool = False
) -> Float[Tensor, "batch time vocab"]:
    """Run any model over whole sequences, or symbol by symbol.

    Args:
        model: Maps indices to logits, alone or as the first of a tuple. Stepwise, it has `step`
            and `initial_hidden`, like `ElmanCharModel`.
        inputs: Symbol indices.
        stepwise: Whether to feed one symbol at a time.

    Raises:
        ShapeError: If the logits are not `(batch, time, vocab)`.
    """
    settings = getattr(model, "settings", None)
    time_first = not getattr(settings, "batch_first", True)
    if stepwise:
        logits = _logits_by_steps(model, inputs)
    else:
        output = model(inputs.T if time_first else inputs)
        logits = output[0] if isinstance(output, tuple) else output
        logits = logits.transpose(0, 1) if time_first else logits  # (batch, time, vocab)
    if logits.ndim != 3 or logits.shape[:2] != inputs.shape:
        shape = f"({', '.join(map(str, inputs.shape))}, vocab)"
        raise ShapeError(
            f"expected the model to give logits of shape {shape}, got {tuple(logits.shape)}"
        )
    return logits


class Updates:
    """The epochs of a training: minibatches, loss, gradients, optimizer and scheduler.

    Args:
        model: The model, trained in place.
        batch: The training sequences.
        optimizer: Updates the model.
        scheduler: Makes a scheduler for the optimizer; None: a constant learning rate.
        batch_size: How many sequences share an update; None: all.
        clip_norm: The largest norm of a gradient; None: any.
        stepwise: Whether to feed the model one symbol at a time.
        generator: Decides the order of the sequences.
    """

    def __init__(
        self,
        model: nn.Module,
        batch: Batch,
        optimizer: torch.optim.Optimizer,
        *,
        scheduler: SchedulerFactory | None,
        batch_size: int | None,
        clip_norm: float | None,
        stepwise: bool,
        generator: torch.Generator,
    ) -> None:
        self.model = model
        self.batch = batch
        self.optimizer = optimizer
        self.scheduler = None if scheduler is None else scheduler(optimizer)
        self.batch_size = len(batch) if batch_size is None else min(batch_size, len(batch))
        self.clip_norm = clip_norm
        self.stepwise = stepwise
        self.generator = generator
        self.epoch = 0
        self._waiting: list[Tensor] = []

    @property
    def lr(self) -> float:
        """The learning rate now."""
        return float(self.optimizer.param_groups[0]["lr"])

    def run_epoch(
        self, after_update: Callable[[], None]
    ) -> tuple[float, float, Int[Tensor, "batch time"]]:
        """Go through the sequences once; the last update waits for `apply`.

        Args:
            after_update: Called after each update, when the model may be left as it is.

        Returns:
            The loss, the accuracy and the predicted symbols, each before its update.
        """
        self.epoch += 1
        total, scored = 0.0, 0
        predicted = torch.empty_like(self.batch.targets)
        for rows, part in self._parts():
            if self._waiting:
                self.apply()
                after_update()
            logits = logits_of(self.model, part.inputs, stepwise=self.stepwise)
            mean = cross_entropy(logits, part.targets)
            loss, count = mean.item(), int(part.scored.sum())
            if not math.isfinite(loss):
                raise NonFiniteLossError(
                    f"the loss became {loss} at epoch {self.epoch} with lr={self.lr:g}; "
                    "try a smaller lr, or clip_norm=1.0"
                )
            self._waiting = [mean]
            total, scored = total + loss * count, scored + count
            predicted[rows] = logits.detach().argmax(-1)  # (rows, time, vocab) -> (rows, time)
        return total / scored, accuracy(predicted, self.batch.targets), predicted

    def apply(self) -> None:
        """Carry out the update that waits, if one does."""
        while self._waiting:
            self.optimizer.zero_grad()
            self._waiting.pop().backward()
            if self.clip_norm is not None:
                nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm)
            self.optimizer.step()

    def step_scheduler(self, loss: float) -> None:
        """Tell the scheduler that an epoch is over."""
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(loss)
        elif self.scheduler is not None:
            self.scheduler.step()

    def _parts(self) -> Iterator[tuple[Tensor | slice, Batch]]:
        if self.batch_size == len(self.batch):
            yield slice(None), self.batch
            return
        order = torch.randperm(len(self.batch), generator=self.generator)
        for rows in order.to(self.batch.inputs.device).split(self.batch_size):
            if (self.batch.targets[rows] >= 0).any():
                yield rows, self.batch.take(rows)


@contextmanager
def in_mode(model: nn.Module, *, training: bool) -> Iterator[None]:
    """Put a model in training or evaluation mode for a while."""
    before = model.training
    model.train(training)
    try:
        yield
    finally:
        model.train(before)


@torch.no_grad()
def measure(model: nn.Module, batch: Batch) -> tuple[float, float]:
    """Compute the loss and the accuracy of a model on sequences, without training.

    Examples:
        >>> from seqtoys import ElmanCharModel, Vocab
        >>> vocab = Vocab("hielo")
        >>> loss, share = measure(ElmanCharModel(vocab), Batch.from_texts(["hihello"], vocab))
    """
    with in_mode(model, training=False):
        logits = logits_of(model, batch.inputs)
    loss = cross_entropy(logits, batch.targets)
    return loss.item(), accuracy(logits.argmax(-1), batch.targets)


def _logits_by_steps(model: nn.Module, inputs: Tensor) -> Tensor:
    if not isinstance(model, StepwiseModel):
        raise OptionError(
            "expected a model with step and initial_hidden for stepwise=True, "
            f"got {type(model).__name__}; leave stepwise out"
        )
    hidden = model.initial_hidden(len(inputs))
    logits = []
    for symbols in inputs.unbind(1):  # (batch, time) -> time of (batch,)
        step, hidden = model.step(symbols, hidden)
        logits.append(step)  # (batch, vocab)
    return torch.stack(logits, dim=1)
