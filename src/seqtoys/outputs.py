"""What a model answers to sequences, and how good that is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TypeAlias, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqtoys.batch import Batch
from seqtoys.errors import InputTypeError, OptionError, ShapeError
from seqtoys.kinds import described
from seqtoys.metrics import accuracy, cross_entropy


@runtime_checkable
class StepwiseModel(Protocol):
    """A model that reads one symbol at a time and carries its state along."""

    def initial_hidden(self, batch_size: int) -> Tensor:
        """Make the state before the first symbol."""

    def step(self, inputs: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Read one symbol of each sequence; return logits and the next state."""


@runtime_checkable
class Ensemble(Protocol):
    """Many replicas of a model in one module: its logits have an axis of replicas first."""

    seeds: tuple[int, ...]


def count_replicas(model: object) -> int:
    """The number of replicas of an ensemble; 0 for a single model."""
    return len(model.seeds) if isinstance(model, Ensemble) else 0


State: TypeAlias = Tensor | tuple[Tensor, ...]
"""The state of a model between two chunks; an LSTM's is a tuple."""


def logits_of(
    model: nn.Module, inputs: Int[Tensor, "batch time"], *, stepwise: bool = False
) -> Float[Tensor, "*replicas batch time vocab"]:
    """Run any model over whole sequences, or symbol by symbol; an ensemble has replicas first.

    Args:
        model: Maps indices to logits, alone or as the first of a tuple. Stepwise, it has `step`
            and `initial_hidden`, like `ElmanCharModel`.
        inputs: Symbol indices.
        stepwise: Whether to feed one symbol at a time.

    Raises:
        ShapeError: If the logits are not `(batch, time, vocab)`.
    """
    if stepwise:
        return _checked(_logits_by_steps(model, inputs), model, inputs)
    time_first = _is_time_first(model)
    output = model(inputs.T if time_first else inputs)
    logits = output[0] if isinstance(output, tuple) and output else output
    if not isinstance(logits, Tensor):
        raise InputTypeError(
            f"expected the model to give logits as a tensor, got {described(logits)}"
        )
    return _checked(logits.transpose(-3, -2) if time_first else logits, model, inputs)


def logits_and_state(
    model: nn.Module, inputs: Int[Tensor, "batch time"], state: State | None
) -> tuple[Float[Tensor, "*replicas batch time vocab"], State]:
    """Run a model from a state, and give its state after the last symbol, without its gradients.

    Args:
        model: Maps indices and a state to logits and the next state; a state of None is its start.
        inputs: Symbol indices.
        state: Where the model goes on; None: at its start.

    Raises:
        OptionError: If the model gives no state.
        ShapeError: If the logits are not `(batch, time, vocab)`.
    """
    time_first = _is_time_first(model)
    symbols = inputs.T if time_first else inputs
    output = model(symbols) if state is None else model(symbols, state)
    if not isinstance(output, tuple) or len(output) != 2:
        raise OptionError(
            "expected a model that gives (logits, state) and takes the state back for chunk=…, "
            f"got {type(model).__name__}, which gives a {type(output).__name__}; leave chunk out"
        )
    logits, after = output
    detached = tuple(x.detach() for x in after) if isinstance(after, tuple) else after.detach()
    return _checked(logits.transpose(-3, -2) if time_first else logits, model, inputs), detached


def _is_time_first(model: nn.Module) -> bool:
    return not getattr(getattr(model, "settings", None), "batch_first", True)


def _checked(logits: Tensor, model: nn.Module, inputs: Tensor) -> Tensor:
    replicas = count_replicas(model)
    if logits.shape[:-1] != ((replicas,) if replicas else ()) + inputs.shape:
        shape = f"({', '.join(map(str, inputs.shape))}, vocab)"
        raise ShapeError(
            f"expected the model to give logits of shape {shape}, got {tuple(logits.shape)}"
        )
    return logits


@contextmanager
def in_mode(model: nn.Module, *, training: bool) -> Iterator[None]:
    """Put a model in training or evaluation mode for a while."""
    before = [(part, part.training) for part in model.modules()]
    model.train(training)
    try:
        yield
    finally:
        for part, mode in before:
            part.training = mode


@torch.no_grad()
def measure(model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """Compute the loss and the accuracy of a model, or each replica, without training.

    Examples:
        >>> from seqtoys import ElmanCharModel, Vocab
        >>> vocab = Vocab("hielo")
        >>> model = ElmanCharModel(vocab, seed=777)
        >>> loss, share = measure(model, Batch.from_texts(["hihello"], vocab))
        >>> loss
        tensor(1.6925)
    """
    with in_mode(model, training=False):
        logits = logits_of(model, batch.inputs)
    loss = cross_entropy(logits, batch)
    return loss.cpu(), accuracy(logits.argmax(-1), batch).cpu()


def measure_next(
    model: nn.Module, batch: Batch, state: State | None
) -> tuple[Tensor, Tensor, State]:
    """Compute the loss and the accuracy of a model that goes on from a state, and its next."""
    logits, state = logits_and_state(model, batch.inputs, state)
    loss = cross_entropy(logits, batch)
    return loss, accuracy(logits.argmax(-1), batch), state


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
    return torch.stack(logits, dim=-2)
