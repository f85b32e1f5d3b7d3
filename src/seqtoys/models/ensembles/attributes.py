"""The attributes of models besides parameters and buffers: plain values, hooks and generators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from weakref import ref

import numpy as np
import torch
from torch import Tensor, nn

from seqtoys.errors import InputTypeError
from seqtoys.models.trained import NAME

OF_PYTORCH = frozenset(vars(nn.Module()))
EXPECTED_TO_DIFFER = ("seed", NAME)
DEEPEST = 5  # levels of nested attributes that are compared


def find_obstacle(models: Sequence[nn.Module], seeds: Sequence[int]) -> str | None:
    """Return why models can't be batched, judging by their attributes, or None if they can.

    Args:
        models: Models of the same structure.
        seeds: Their seeds.

    Raises:
        InputTypeError: If a tensor that is neither a parameter nor a buffer differs.

    Examples:
        >>> one, other = nn.Dropout(0.1), nn.Dropout(0.2)
        >>> find_obstacle([one, other], [1, 2])
        'p differs between the replicas'
    """
    first = dict(_attributes(models[0]))
    for part in models[0].modules():
        if _has_hooks(part):
            return f"{type(part).__name__} has hooks"
    for name, value in first.items():
        if isinstance(value, torch.Generator):
            return f"{name} is a random generator of each replica's own"
    for seed, model in zip(seeds[1:], models[1:], strict=True):
        others = dict(_attributes(model))
        for name in {**first, **others}:
            if not _is_same(first.get(name), others.get(name)):
                if isinstance(first.get(name), Tensor):
                    raise InputTypeError(
                        f"expected tensors that differ between seeds to be parameters or buffers, "
                        f"got {name}, a plain attribute, with seeds {seeds[0]} and {seed}; use "
                        "self.register_buffer(…)"
                    )
                return f"{name} differs between the replicas"
    return None


def contents_of(model: nn.Module) -> list[dict[str, Any]]:
    """Return everything that the parts of a model refer to, for `has_changed`."""
    return [
        {name: (value, _items(value)) for name, value in vars(part).items()}
        for part in model.modules()
    ]


def has_changed(model: nn.Module, before: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a model has stored something since `contents_of`.

    Examples:
        >>> model = nn.Identity()
        >>> before = contents_of(model)
        >>> model.last = torch.ones(2)
        >>> has_changed(model, before)
        True
    """
    return _identities(contents_of(model)) != _identities(before)


def _identities(contents: Sequence[Mapping[str, Any]]) -> list[dict[str, list[int]]]:
    return [
        {name: [id(value), *map(id, items)] for name, (value, items) in part.items()}
        for part in contents
    ]


def restore_contents(model: nn.Module, before: Sequence[Mapping[str, Any]]) -> None:
    """Undo what `has_changed` detects.

    Examples:
        >>> model = nn.Identity()
        >>> before = contents_of(model)
        >>> model.seen = [1]
        >>> restore_contents(model, before)
        >>> hasattr(model, "seen")
        False
    """
    for part, former in zip(list(model.modules()), before, strict=False):
        vars(part).clear()
        for name, (value, items) in former.items():
            vars(part)[name] = value
            if isinstance(value, dict):
                value.clear()
                value.update(zip(items[::2], items[1::2], strict=True))
            elif isinstance(value, list):
                value[:] = items
            elif isinstance(value, set):
                value.clear()
                value.update(items)


@contextmanager
def attributes_replaced(model: nn.Module, tensors: Mapping[int, Tensor]) -> Iterator[None]:
    """Temporarily replace tensors that plain attributes refer to, such as a list of weights.

    Args:
        model: The model.
        tensors: What replaces a tensor, by its id.

    Examples:
        >>> model = nn.Linear(2, 2)
        >>> model.decayed = [model.weight]
        >>> with attributes_replaced(model, {id(model.weight): torch.ones(2, 2)}):
        ...     total = model.decayed[0].sum()
        >>> total, model.decayed[0] is model.weight
        (tensor(4.), True)
    """
    replaced: list[tuple[Any, Any, Any]] = []
    for part in model.modules():
        plain = {name: value for name, value in vars(part).items() if name not in OF_PYTORCH}
        containers = [value for value in plain.values() if isinstance(value, list | dict)]
        for container in (vars(part), *containers):
            items = enumerate(container) if isinstance(container, list) else container.items()
            replaced += [(container, key, old) for key, old in items if id(old) in tensors]
    for container, key, old in replaced:
        container[key] = tensors[id(old)]
    try:
        yield
    finally:
        for container, key, old in replaced:
            with suppress(LookupError):  # the model may have removed or replaced it
                container[key] = old if container[key] is tensors[id(old)] else container[key]


def _items(value: Any) -> tuple[Any, ...]:
    """Return the items of a container; of a dict, keys and values alternate."""
    if isinstance(value, dict):
        return tuple(part for pair in value.items() for part in pair)
    return tuple(value) if isinstance(value, list | set) else ()


def _attributes(model: nn.Module) -> Iterator[tuple[str, Any]]:
    """Yield the attributes of a model's parts with their paths, without PyTorch's own."""
    registered = {id(tensor) for tensor in (*model.parameters(), *model.buffers())}
    for path, part in model.named_modules():
        for name, value in vars(part).items():
            if name in OF_PYTORCH or name in EXPECTED_TO_DIFFER or id(value) in registered:
                continue
            if isinstance(value, list | tuple):
                value = [each for each in value if id(each) not in registered]
            elif isinstance(value, dict):
                value = {key: each for key, each in value.items() if id(each) not in registered}
            yield f"{path}.{name}".lstrip("."), value


def _has_hooks(part: nn.Module) -> bool:
    return any(
        value for name, value in vars(part).items() if name in OF_PYTORCH and "hook" in name
        and isinstance(value, dict)
    )  # fmt: skip


def _is_same(one: Any, other: Any, depth: int = 0) -> bool:
    """Whether two attributes are equal, as far as can be determined."""
    if one is other or depth == DEEPEST:
        return True
    if isinstance(one, ref):  # as in PyTorch's recurrent networks, to their own weights
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, Tensor):
        return one.shape == other.shape and torch.equal(one, other)
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(
            _is_same(a, b, depth + 1) for a, b in zip(one, other, strict=True)
        )
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(
            _is_same(one[key], other[key], depth + 1) for key in one
        )
    if "__eq__" in {name for kind in type(one).__mro__[:-1] for name in vars(kind)}:
        with suppress(Exception):  # from the user's class
            return bool(one == other)
        return False
    return _is_same(getattr(one, "__dict__", None), getattr(other, "__dict__", None), depth + 1)
