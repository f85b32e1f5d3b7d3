"""Two ways to run replicas: all at once with `torch.vmap`, or one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel

from seqtoys.models.ensembles.attributes import attributes_replaced
from seqtoys.models.ensembles.recurrence import BatchedRecurrence, has_recurrence

Output: TypeAlias = dict[str, Any]
"""Tensors, and tuples of tensors, by name."""

Call: TypeAlias = Callable[[nn.Module, Any], Output]
"""Runs one model, from a state of its own: a tensor, a tuple of tensors, or None."""


class Tensors(NamedTuple):
    """The stacked tensors of all replicas; a shared one has the name of each of its places.

    Attributes:
        parameters: By name, replicas first.
        buffers: The same.
    """

    parameters: dict[str, Tensor]
    buffers: dict[str, Tensor]


def run_batched(
    model: nn.Module, call: Call, tensors: Tensors, state: Any, shared: set[str]
) -> tuple[Output, Tensors]:
    """Run all replicas at once.

    Args:
        model: One of the models.
        call: Runs it.
        tensors: The parameters and buffers of all replicas.
        state: The states of all replicas, if any.
        shared: The buffers that are the same in all replicas.

    Returns:
        As `Runner.run`.
    """
    own = _copies({name: b for name, b in tensors.buffers.items() if name not in shared})
    common = _copies({name: tensors.buffers[name] for name in shared}, itemgetter(0))
    calling = _Calling(model)

    def run(parameters: dict[str, Tensor], own: dict[str, Tensor], state: Any) -> Any:
        given = {f"model.{name}": x for name, x in {**parameters, **own, **common}.items()}
        return calling.run(given, call, state, [*own, *common])

    axes = (0, 0 if own else None, None if state is None else 0)
    with _batchable(model):
        output, buffers = torch.vmap(run, axes, randomness="different")(
            tensors.parameters, own, state
        )
    return output, _changed(tensors.buffers, buffers)


def run_in_turn(
    models: Sequence[nn.Module], call: Call, tensors: Tensors, state: Any
) -> tuple[Output, Tensors]:
    """Run replicas one after another, each with its own model; the rest is as in `run_batched`."""
    # Only rows by index may be changed in place, but their gradients take longer.
    rows = _rows_by_index if _changes_weights(models[0]) else torch.unbind
    parameters = {name: rows(stack) for name, stack in tensors.parameters.items()}
    copies, outputs, buffers = _copies(tensors.buffers), [], []
    for at, model in enumerate(models):
        own = {name: copy[at] for name, copy in copies.items()}
        each = {**{name: stack[at] for name, stack in parameters.items()}, **own}
        given = {f"model.{name}": tensor for name, tensor in each.items()}
        output, after = _Calling(model).run(given, call, state_of(state, at), list(own))
        _store_assigned({name: rows[at] for name, rows in parameters.items()}, tensors, at)
        outputs.append(output)
        buffers.append(after)
    stacked = {name: torch.stack([each[name] for each in buffers]) for name in buffers[0]}
    output = {name: _stack([each[name] for each in outputs]) for name in outputs[0]}
    return output, _changed(tensors.buffers, stacked)


def state_of(state: Any, replica: int) -> Any:
    """Return the state of one replica.

    Examples:
        >>> state_of((torch.zeros(3, 1, 2), torch.ones(3, 1, 2)), 1)
        (tensor([[0., 0.]]), tensor([[1., 1.]]))
    """
    if isinstance(state, tuple):
        return tuple(part[replica] for part in state)
    return None if state is None else state[replica]


def _rows_by_index(stack: Tensor) -> tuple[Tensor, ...]:
    return tuple(stack[at] for at in range(len(stack)))


def _store_assigned(rows: Mapping[str, Tensor], tensors: Tensors, at: int) -> None:
    """Store the weights of a replica whose `data` its model has replaced."""
    for name, row in rows.items():
        stack = tensors.parameters[name].data
        if row.data_ptr() != stack[at].data_ptr():
            stack[at] = row.detach()


def _changes_weights(model: nn.Module) -> bool:
    """Whether a model has embeddings that rescale their vectors when they are read."""
    return any(getattr(part, "max_norm", None) is not None for part in model.modules())


class _Calling(nn.Module):
    """Calls a function with a model, and also returns the model's buffers afterwards."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model: nn.Module = model

    def forward(
        self, call: Call, state: Any, names: Sequence[str]
    ) -> tuple[Output, dict[str, Tensor]]:
        """Return what `call` returns, and the buffers."""
        output = call(self.model, state)
        return output, {name: self.model.get_buffer(name) for name in names}

    def run(self, tensors: dict[str, Tensor], *given: Any) -> tuple[Output, dict[str, Tensor]]:
        """Run `forward` with other parameters and buffers, whose names begin with "model."."""
        kept = [
            (part, name, value, list(value))
            for part in self.model.modules()
            if isinstance(part, nn.RNNBase)
            for name, value in vars(part).items()
            if isinstance(value, list)
        ]
        named = (*self.model.named_parameters(), *self.model.named_buffers())
        replaced = {id(tensor): tensors[f"model.{name}"] for name, tensor in named}
        try:
            # The names include each place of a shared tensor. PyTorch would find these by itself,
            # but then keeps the other weights in a part that is used in two places.
            with attributes_replaced(self.model, replaced):
                found: tuple[Output, dict[str, Tensor]] = functional_call(
                    self, tensors, given, tie_weights=False
                )
        finally:  # recurrent networks list their weights, and would keep the others in the list
            for part, name, value, items in kept:
                value[:] = items
                vars(part)[name] = value
        return found


@contextmanager
def _batchable(model: nn.Module) -> Iterator[None]:
    """Restrict PyTorch to operations that `vmap` can batch."""
    with ExitStack() as contexts:
        if has_recurrence(model):
            contexts.enter_context(BatchedRecurrence())
        contexts.enter_context(sdpa_kernel(SDPBackend.MATH))
        contexts.callback(torch.backends.mha.set_fastpath_enabled,
                          torch.backends.mha.get_fastpath_enabled())  # fmt: skip
        torch.backends.mha.set_fastpath_enabled(False)
        yield


def _changed(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> Tensors:
    """Return copies of the buffers that differ; others may be saved for the backward pass."""
    buffers = {
        name: tensor.clone(memory_format=torch.contiguous_format)
        for name, tensor in after.items()
        if tensor.dtype != before[name].dtype or not torch.equal(tensor, before[name])
    }
    return Tensors({}, buffers)


def _copies(
    buffers: Mapping[str, Tensor], part: Callable[[Tensor], Tensor] = lambda buffer: buffer
) -> dict[str, Tensor]:
    """Copy buffers, or a part of each; a buffer in two places is copied once."""
    copies = {id(buffer): part(buffer).clone() for buffer in buffers.values()}
    return {name: copies[id(buffer)] for name, buffer in buffers.items()}


def _stack(values: Sequence[Any]) -> Any:
    if isinstance(values[0], tuple):
        return tuple(torch.stack(parts) for parts in zip(*values, strict=True))
    return torch.stack(list(values))
