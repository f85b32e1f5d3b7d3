"""Running a model without side effects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from seqtoys.support.devices import device_of


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Temporarily put a model in evaluation mode, and undo all its side effects.

    The model works on copies of its buffers. Its modes, attributes and random generators are
    restored, as are PyTorch's global generators. No gradients are computed.

    Examples:
        >>> norm = nn.BatchNorm1d(2)
        >>> with undisturbed(norm):
        ...     means = norm.train()(torch.ones(3, 2))
        >>> norm.training, norm.running_mean, norm.num_batches_tracked
        (True, tensor([0., 0.]), tensor(0))
    """
    device = device_of(model)
    gpus = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(gpus), torch.no_grad():
        copies: dict[int, Tensor] = {}  # one per tensor, even if it is used in several places
        whole = [model, *getattr(model, "unregistered", ())]  # an `Ensemble` keeps models apart
        restores = [_set_apart(part, copies) for each in whole for part in each.modules()]
        model.eval()
        try:
            yield
        finally:
            for restore in restores:
                restore()


def _set_apart(part: nn.Module, copies: dict[int, Tensor]) -> Callable[[], None]:
    """Replace the contents of a module by copies; return a function that restores them."""
    before = dict(vars(part))
    generators = [value for value in before.values() if isinstance(value, torch.Generator)]
    states = [generator.get_state() for generator in generators]
    vars(part).update({name: _copied(value, copies) for name, value in before.items()})

    def restore() -> None:
        vars(part).clear()
        vars(part).update(before)
        for generator, state in zip(generators, states, strict=True):
            generator.set_state(state)

    return restore


def _copied(value: Any, copies: dict[int, Tensor]) -> Any:
    """Copy a tensor or a container that may be modified, such as the dict of buffers."""
    if isinstance(value, Tensor) and not isinstance(value, nn.Parameter):
        return copies.setdefault(id(value), value.detach().clone())
    if type(value) is dict:
        return {name: _copied(held, copies) for name, held in value.items()}
    return value.copy() if type(value) in (list, set) else value
