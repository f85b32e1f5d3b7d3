"""The outputs of any model, and their loss and accuracy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from inspect import getattr_static, signature
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqtoys.data.batch import Batch, slice_rows
from seqtoys.data.long_text import LongText
from seqtoys.errors import InputTypeError, OptionError, ShapeError
from seqtoys.models.checks import State
from seqtoys.models.metrics import accuracy, count_hits, cross_entropy
from seqtoys.support.annotations import described


@runtime_checkable
class StepwiseModel(Protocol):
    """A model that reads one symbol at a time and has a state."""

    def initial_hidden(self, batch_size: int) -> Tensor:
        """Return the initial state."""

    def step(self, inputs: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Read one symbol of each sequence; return logits and the next state."""


@runtime_checkable
class Replicated(Protocol):
    """Many replicas of a model in one module; its logits have a leading axis of replicas."""

    seeds: tuple[int, ...]


def count_replicas(model: object) -> int:
    """Return the number of replicas of an ensemble, or 0 for a single model."""
    return len(model.seeds) if isinstance(model, Replicated) else 0


HELD_LOGITS = 2**24  # the most logits in memory at once, unless a single sequence has more
HELD_POSITIONS = 2**12  # the most positions at once, if the number of logits at each is unknown

STATEFUL = (
    "chunk=… needs a model that returns (logits, state) and accepts that state, a tensor or a "
    "tuple of tensors"
)


def logits_of(
    model: nn.Module,
    inputs: Int[Tensor, "batch time"],
    *,
    symbols: int | None = None,
    stepwise: bool = False,
) -> Float[Tensor, "*replicas batch time vocab"]:
    """Run a model on whole sequences, or symbol by symbol; an ensemble has replicas first.

    Args:
        model: Maps indices to logits, as in `run_from`. If `stepwise`, it needs `step` and
            `initial_hidden`, like `ElmanCharModel`.
        inputs: Symbol indices.
        symbols: The number of symbols. If None, the number of logits of the model.
        stepwise: Whether to feed one symbol at a time.

    Raises:
        ShapeError: If the logits are not `(batch, time, vocab)`.
        InputTypeError: If they are not a tensor of floats.
    """
    return check_logits(run_model(model, inputs, stepwise=stepwise), model, inputs, symbols)


def logits_in_parts(
    model: nn.Module, batch: Batch, *, symbols: int | None = None
) -> Iterator[tuple[Batch, Float[Tensor, "*replicas rows time vocab"]]]:
    """Run a model on a few sequences at a time, so that the memory for logits is limited.

    Args:
        model: As for `logits_of`.
        batch: The sequences.
        symbols: As for `logits_of`.

    Yields:
        Consecutive sequences, and their logits.

    Examples:
        >>> batch = Batch(torch.zeros(40_000, 3).long(), torch.zeros(40_000, 3).long())
        >>> [len(part) for part, _ in logits_in_parts(nn.Embedding(500, 500), batch)]
        [1, 11184, 11184, 11184, 6447]
    """
    start, positions = 0, batch.inputs.shape[1] * (count_replicas(model) or 1)
    # The first sequence is read alone if the number of logits at each position is unknown.
    held = len(batch) if len(batch) * positions <= HELD_POSITIONS else 1
    while start < len(batch):
        if symbols is not None:
            held = max(1, HELD_LOGITS // max(1, positions * symbols))
        part = slice_rows(batch, slice(start, start + held))
        logits = logits_of(model, part.inputs, symbols=symbols)
        symbols, start = logits.shape[-1], start + held
        yield part, logits


def run_model(
    model: nn.Module, inputs: Int[Tensor, "batch time"], *, stepwise: bool = False
) -> Tensor:
    """Run a model on sequences, and return its logits without checking their shape.

    Raises:
        InputTypeError: If they are not a tensor of floats.
    """
    if stepwise or _only_steps(model):
        return _run_by_steps(model, inputs)[0]
    return run_from(model, inputs)[0]


def run_from(
    model: nn.Module, inputs: Int[Tensor, "batch time"], *state: Any
) -> tuple[Tensor, Any]:
    """Run a model, from a state if one is passed; return its logits and what else it returns.

    Args:
        model: Returns logits alone, as the first element of a tuple, or under the name `logits`
            in a dict or an object, like the models of Hugging Face.
        inputs: Symbol indices.
        state: The state to resume from, if any.

    Returns:
        The logits, and the second element of a tuple of two, or None.

    Raises:
        InputTypeError: If the logits are not a tensor.

    Examples:
        >>> class Model(nn.Module):
        ...     def forward(self, inputs):
        ...         return {"logits": torch.zeros(*inputs.shape, 5)}
        >>> run_from(Model(), torch.tensor([[0, 1]]))[0].shape
        torch.Size([1, 2, 5])
    """
    time_first = _is_time_first(model)
    output = model(inputs.T if time_first else inputs, *state)
    logits = _find_logits(output)
    if not isinstance(logits, Tensor) or not logits.is_floating_point():
        got = f"a tensor of {logits.dtype}" if isinstance(logits, Tensor) else described(logits)
        raise InputTypeError(
            f"expected the model to return logits as a tensor of floats, got {got}; return them "
            "alone, as the first element of a tuple, or as logits in a dict or an object"
        )
    is_pair = isinstance(output, tuple) and len(output) == 2 and output[0] is logits
    rest = output[1] if is_pair else None
    return logits.transpose(-3, -2) if time_first and logits.ndim > 2 else logits, rest


def _find_logits(output: Any) -> Any:
    if isinstance(output, Mapping):
        return output.get("logits", output)
    if isinstance(output, tuple) and output and not hasattr(output, "logits"):
        return output[0]
    return getattr(output, "logits", output)


def logits_and_state(
    model: nn.Module,
    inputs: Int[Tensor, "batch time"],
    state: State | None,
    *,
    symbols: int | None = None,
) -> tuple[Float[Tensor, "*replicas batch time vocab"], State]:
    """Run a model from a state; return its logits and its final state, detached.

    Args:
        model: Maps indices and an optional state to logits and the next state.
        inputs: Symbol indices.
        state: The state to resume from. If None, the initial state.
        symbols: The number of symbols. If None, the number of logits of the model.

    Raises:
        OptionError: If the model does not return a state, or does not accept it.
        ShapeError: If the logits are not `(batch, time, vocab)`.
    """
    # Without a state, the model is called with the inputs alone, and starts from its own state.
    resumed = () if state is None else (state,)
    try:
        logits, final = run_whole(model, inputs, *resumed)
    except TypeError:
        if not resumed or accepts(model.forward, inputs, state):
            raise  # from the code of the model
        raise OptionError(
            f"{STATEFUL}, got {type(model).__name__}, whose forward accepts no state; omit chunk"
        ) from None
    parts = final if isinstance(final, tuple) else (final,)
    if not all(isinstance(part, Tensor) for part in parts):
        state_or_not = "no state" if final is None else f"{described(final)} as its state"
        raise OptionError(
            f"{STATEFUL}, got {type(model).__name__}, which returns {state_or_not}; omit chunk"
        )
    detached = tuple(part.detach() for part in parts)
    state = detached if isinstance(final, tuple) else detached[0]
    return check_logits(logits, model, inputs, symbols), state


def run_whole(
    model: nn.Module, inputs: Int[Tensor, "batch time"], *state: Any
) -> tuple[Tensor, Any]:
    """Run a model as `run_from` does, or by its `step` if it has no `forward`."""
    run = _run_by_steps if _only_steps(model) else run_from
    return run(model, inputs, *state)


def accepts(function: Callable[..., object], *arguments: Any) -> bool:
    """Whether a function can be called with some arguments.

    Examples:
        >>> accepts(nn.Linear(2, 2).forward, torch.ones(2), "a state")
        False
    """
    try:
        signature(function).bind(*arguments)
    except (TypeError, ValueError):  # ValueError: it has no signature
        return False
    return True


def _is_time_first(model: nn.Module) -> bool:
    return not getattr(getattr(model, "settings", None), "batch_first", True)


def check_logits(
    logits: Tensor, model: nn.Module, inputs: Int[Tensor, "batch time"], symbols: int | None
) -> Float[Tensor, "*replicas batch time vocab"]:
    """Check that logits are `(batch, time, vocab)`, with replicas first for an ensemble.

    Args:
        logits: The output of a model.
        model: The model.
        inputs: Its inputs.
        symbols: The number of symbols. If None, it is not checked.

    Raises:
        ShapeError: If they have another shape.
    """
    replicas = count_replicas(model)
    shape = (*((replicas,) if replicas else ()), *inputs.shape)
    width = logits.shape[-1:] if symbols is None else (symbols,)
    if logits.shape != (*shape, *width) or not width:
        wanted = ", ".join(map(str, (*shape, "vocab" if symbols is None else symbols)))
        raise ShapeError(
            f"expected logits of shape ({wanted}), got {tuple(logits.shape)}; return "
            "(batch, time, vocab), with one logit per symbol of the vocabulary"
        )
    return logits


@contextmanager
def in_mode(model: nn.Module, *, training: bool) -> Iterator[None]:
    """Temporarily put a model in training or evaluation mode."""
    before = [(part, part.training) for part in model.modules()]
    try:
        model.train(training)
        yield
    finally:
        for part, mode in before:
            part.training = mode


@torch.no_grad()
def loss_and_accuracy(
    model: nn.Module, batch: Batch, *, symbols: int | None = None
) -> tuple[Tensor, Tensor]:
    """Compute the loss and accuracy of a model, or of each replica, without training.

    Args:
        model: As for `logits_of`.
        batch: The sequences.
        symbols: As for `logits_of`.

    Examples:
        >>> from seqtoys import ElmanCharModel, Vocab
        >>> vocab = Vocab("hielo")
        >>> model = ElmanCharModel(vocab, seed=777)
        >>> loss, correct = loss_and_accuracy(model, Batch.from_texts(["hihello"], vocab))
        >>> loss
        tensor(1.6925)
    """
    scored = int(batch.tally.sum())
    loss, hits = list[Tensor](), list[Tensor]()
    with in_mode(model, training=False):
        for part, logits in logits_in_parts(model, batch, symbols=symbols):
            if count := int(part.tally.sum()):
                loss.append(cross_entropy(logits, part) * (count / scored))
                hits.append(count_hits(logits.argmax(-1), part))
    return torch.stack(loss).sum(0).cpu(), torch.stack(hits).sum(0).cpu().double() / scored


@torch.no_grad()
def loss_and_accuracy_in_chunks(model: nn.Module, text: LongText) -> tuple[Tensor, Tensor]:
    """Compute the same for a long text, with the state carried over from chunk to chunk.

    Examples:
        >>> from seqtoys import ElmanCharModel, Vocab
        >>> from seqtoys.data.long_text import encode_compact
        >>> model = ElmanCharModel(Vocab("hielo"), seed=777)
        >>> text = LongText(encode_compact("hihello", model.vocab), streams=1, chunk=2)
        >>> loss_and_accuracy_in_chunks(model, text)[0]
        tensor(1.6925, dtype=torch.float64)
    """
    zero = torch.zeros((), dtype=torch.float64, device="cpu")
    state, losses, hits = None, zero, zero
    with in_mode(model, training=False):
        for chunk in text.chunks():
            logits, state = logits_and_state(model, chunk.inputs, state)
            share = chunk.inputs.numel() / text.scored
            losses = losses + cross_entropy(logits, chunk).double() * share
            hits = hits + accuracy(logits.argmax(-1), chunk).double() * share
    return losses.cpu(), hits.cpu()


def _only_steps(model: nn.Module) -> bool:
    """Whether a model has `step` and `initial_hidden` but no `forward`."""
    # Static, since the class of a TorchScript module can't be asked for its forward.
    has_forward = getattr_static(model, "forward") is not nn.Module.forward
    return not has_forward and isinstance(model, StepwiseModel)


def _run_by_steps(
    model: nn.Module, inputs: Int[Tensor, "batch time"], *state: Any
) -> tuple[Tensor, Any]:
    """Run a model symbol by symbol; return its logits and its last state."""
    if not isinstance(model, StepwiseModel):
        raise OptionError(
            "expected a model with step and initial_hidden for stepwise=True, "
            f"got {type(model).__name__}; omit stepwise"
        )
    hidden = state[0] if state else model.initial_hidden(len(inputs))
    logits = []
    for symbols in inputs.unbind(1):  # (batch, time) -> time of (batch,)
        step_logits, hidden = model.step(symbols, hidden)  # (batch, vocab)
        logits.append(step_logits)
    return torch.stack(logits, dim=-2), hidden
