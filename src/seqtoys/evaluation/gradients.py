"""How far back in time the gradient of a loss reaches."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqtoys.data.batch import Batch, check_targets
from seqtoys.errors import OptionError
from seqtoys.models.checks import State
from seqtoys.models.forward import StepwiseModel, count_replicas, in_mode, logits_of
from seqtoys.models.metrics import symbol_losses
from seqtoys.support.arguments import checked
from seqtoys.support.devices import device_of


@checked
def gradient_by_distance(model: nn.Module, batch: Batch) -> Float[Tensor, " distance"]:
    """Compute the size of the gradient of the last loss with respect to each earlier state.

    For each sequence, this is the Euclidean norm of the derivative of the loss at its last scored
    symbol with respect to the state 0, 1, 2 … steps before. The state is that of all layers. For a
    model without `step`, or whose state grows with each symbol like the key-value cache of a
    transformer, the embeddings of the symbols take the place of the states.

    Args:
        model: An `ElmanCharModel`; any module with `step` and `initial_hidden` like it, whose
            `step` computes its logits from the state that it returns; or any module that reads
            the symbols through a `torch.nn.Embedding`.
        batch: The sequences.

    Returns:
        The mean over the sequences at each distance, as far back as the longest goes; in nats per
        unit of the state or embedding.

    Raises:
        OptionError: If the model is an ensemble, or has neither `step` nor an embedding.
        IndexRangeError: If an index is out of range.

    Examples:
        >>> from seqtoys import ElmanCharModel, Vocab
        >>> model = ElmanCharModel(Vocab("hielo"), hidden_size=8, seed=0)
        >>> gradient_by_distance(model, Batch.from_texts(["hihello"], model.vocab))
        tensor([0.5390, 0.2238, 0.1195, 0.0457, 0.0171, 0.0089], dtype=torch.float64)
    """
    if count_replicas(model):
        raise OptionError("expected one model, got an ensemble; pass a replica, as in ensemble[0]")
    batch = batch.repeated().to(device_of(model))
    read = _read_states if _has_state(model) else _read_embeddings
    # cuDNN can't compute gradients of recurrent networks in evaluation mode.
    cudnn = torch.backends.cudnn.flags(enabled=False)
    with torch.enable_grad(), in_mode(model, training=False), cudnn:
        logits, states = read(model, batch)
        check_targets(batch, logits.shape[-1])
        time = torch.arange(len(states), device=logits.device)
        last = torch.where(batch.scored, time, -1).amax(1, keepdim=True)  # (batch, 1)
        losses = symbol_losses(logits, batch.targets)[(time == last) & batch.scored]
        # Sequences don't affect each other, and later states have no gradient.
        parts = [part for state in states for part in state]
        grads = torch.autograd.grad(losses.sum(), parts, materialize_grads=True)
    squares = torch.stack([_square(grad) for grad in grads], 1)  # (batch, time x parts)
    norms = squares.reshape(len(batch), len(time), -1).sum(2).sqrt()  # (batch, time)
    distance = (last - time).cpu()  # (batch, time): negative after the last loss
    reached = range(int(distance.max()) + 1)
    return torch.stack([norms[distance == back].mean() for back in reached])


def _has_state(model: nn.Module) -> bool:
    """Whether a model has a state of fixed size, not one that is empty at first and grows."""
    if not isinstance(model, StepwiseModel):
        return False
    return any(part.numel() for part in _parts(model.initial_hidden(1)))


def _read_states(model: Any, batch: Batch) -> tuple[Tensor, list[tuple[Tensor, ...]]]:
    """Return the logits `(batch, time, vocab)`, and the parts of the state after each symbol."""
    hidden: Any = model.initial_hidden(len(batch))  # that of an LSTM is a tuple
    for part in _parts(hidden):
        part.requires_grad_()  # so that there are gradients even if all weights are frozen
    logits, states = list[Tensor](), list[tuple[Tensor, ...]]()
    for symbols in batch.inputs.unbind(1):  # (batch, time) -> time of (batch,)
        step_logits, hidden = model.step(symbols, hidden)
        logits.append(step_logits)
        states.append(_parts(hidden))
    return torch.stack(logits, 1), states


def _read_embeddings(model: nn.Module, batch: Batch) -> tuple[Tensor, list[tuple[Tensor, ...]]]:
    """Return the logits `(batch, time, vocab)`, and the embeddings of each symbol."""
    found = list[tuple[Tensor, ...]]()

    def split(module: nn.Module, given: tuple[Any, ...], embedded: Tensor) -> Tensor | None:
        if tuple(given[0].shape) != tuple(batch.inputs.shape):  # positions, for example
            return None
        found.append(tuple(part.detach().requires_grad_() for part in embedded.unbind(1)))
        return torch.stack(found[-1], 1)  # (batch, time, size)

    tables = [part for part in model.modules() if isinstance(part, nn.Embedding)]
    hooks = [table.register_forward_hook(split) for table in tables]
    try:
        logits = logits_of(model, batch.inputs)
    finally:
        for hook in hooks:
            hook.remove()
    if not found:
        raise OptionError(
            "expected a model with step and initial_hidden, or with a torch.nn.Embedding that "
            f"reads the symbols, got {type(model).__name__}"
        )
    return logits, list(zip(*found, strict=True))


def _parts(state: State) -> tuple[Tensor, ...]:
    return state if isinstance(state, tuple) else (state,)


def _square(grad: Float[Tensor, ...]) -> Float[Tensor, " batch"]:
    batch_axis = min(grad.ndim - 2, 1)  # of (batch, hidden), or of (layers, batch, …)
    return grad.movedim(batch_axis, 0).flatten(1).double().square().sum(1).cpu()
