"""Serialization of nested plain values and tensors as JSON, without pickle."""

from __future__ import annotations

import base64
import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from seqtoys.errors import DataError, InputTypeError, quoted
from seqtoys.support.annotations import described
from seqtoys.support.devices import on_cpu

Plain: TypeAlias = Any
"""None, numbers, strings and tensors; lists, tuples, dicts and Counters of them."""

MALFORMED = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""The exceptions that reading malformed values may raise."""


@contextmanager
def expected(what: str) -> Iterator[None]:
    """Convert exceptions raised by malformed values to a `DataError`.

    Args:
        what: What the values should be.

    Raises:
        DataError: If one of `MALFORMED` is raised.

    Examples:
        >>> with expected("two numbers"):
        ...     x, y = [1]
        Traceback (most recent call last):
        seqtoys.errors.DataError: expected two numbers, got: not enough values to unpack ...
    """
    try:
        yield
    except DataError:  # already has a more specific message
        raise
    except MALFORMED as error:
        found = f" one without {error}" if isinstance(error, KeyError) else f": {error}"
        raise DataError(f"expected {what}, got{found}") from error


def mismatch(found: Plain, like: Plain, name: str) -> str | None:
    """Return where nested values differ from a template in type, shape or keys, or None.

    Any finite number matches a number in the template, and anything matches None.

    Args:
        found: The values.
        like: The template.
        name: What to call the values.

    Examples:
        >>> mismatch({"means": [torch.zeros(2)]}, {"means": [torch.zeros(3)]}, "state")
        "state['means'][0] has shape (2,), expected (3,)"
    """
    if isinstance(like, Tensor):
        return _mismatch_of_tensors(found, like, name)
    if isinstance(like, dict):
        return _mismatch_of_dicts(found, like, name)
    if isinstance(like, list | tuple):
        if not isinstance(found, type(like)) or len(found) != len(like):
            return f"{name} is {described(found)}, expected {described(like)}"
        pairs = enumerate(zip(found, like, strict=True))
        wrongs = (mismatch(*pair, f"{name}[{at}]") for at, pair in pairs)
        return next(filter(None, wrongs), None)
    if isinstance(like, bool | str):
        fits = isinstance(found, type(like))
    else:
        fits = like is None or is_number(found, finite=math.isfinite(like))
    return None if fits else f"{name} is {described(found)}, expected one like {described(like)}"


def is_number(value: object, *, finite: bool = True) -> bool:
    """Return whether a value is a number that fits in a float, and not a bool.

    Examples:
        >>> is_number(5), is_number(True), is_number(10**400), is_number(math.inf)
        (True, False, False, False)
    """
    if isinstance(value, int):
        return not isinstance(value, bool) and abs(value) < sys.float_info.max
    return isinstance(value, float) and (math.isfinite(value) or not finite)


def _mismatch_of_tensors(found: Plain, like: Tensor, name: str) -> str | None:
    if not isinstance(found, Tensor):
        return f"{name} is {described(found)}, expected a tensor"
    if found.shape != like.shape:
        return f"{name} has shape {tuple(found.shape)}, expected {tuple(like.shape)}"
    if found.dtype != like.dtype:
        return f"{name} is of {found.dtype}, expected {like.dtype}"
    return None


def _mismatch_of_dicts(found: Plain, like: dict[Any, Any], name: str) -> str | None:
    if not isinstance(found, dict):
        return f"{name} is {described(found)}, expected a dict"
    for key in like.keys() ^ found.keys():
        return f"{name}[{key!r}] is {'missing' if key in like else 'unexpected'}"
    wrongs = (mismatch(found[key], like[key], f"{name}[{key!r}]") for key in like)
    return next(filter(None, wrongs), None)


DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64,
        torch.float16, torch.bfloat16, torch.float32, torch.float64,
    )
}  # fmt: skip


def pack(value: Plain, store: Callable[[Tensor], Any], name: str = "state") -> Any:
    """Convert nested values to JSON values.

    Types that JSON lacks become objects whose first key begins with `$`.

    Args:
        value: Plain values and tensors.
        store: Stores a contiguous tensor on the CPU, and returns a JSON reference to it.
        name: What to call the value in errors.

    Raises:
        InputTypeError: If a part of it has another type; the message gives its place.

    Examples:
        >>> pack({"betas": (0.9, 0.999), 1: None}, store=inline)
        {'$dict': [['betas', {'$tuple': [0.9, 0.999]}], [1, None]]}
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Tensor):
        return _pack_tensor(value, store)
    if isinstance(value, np.generic):
        return pack(value.item(), store, name)
    kind = type(value)
    if kind in (list, tuple):
        items = [pack(item, store, f"{name}[{at}]") for at, item in enumerate(value)]
        return items if kind is list else {"$tuple": items}
    if kind not in (dict, Counter):
        raise InputTypeError(f"expected plain values and tensors, got a {kind.__name__} at {name}")
    if kind is dict and all(isinstance(key, str) and not key.startswith("$") for key in value):
        # In the key order of the JSON, so that the same values always give the same bytes.
        return {key: pack(value[key], store, f"{name}[{key!r}]") for key in sorted(value)}
    items = [pack(item, store, f"{name}[{key!r}]") for key, item in value.items()]
    keys = [pack(key, store, f"a key of {name}") for key in value]
    return {f"${kind.__name__.lower()}": [list(pair) for pair in zip(keys, items, strict=True)]}


def unpack(value: Any, fetch: Callable[[Any], Tensor]) -> Plain:
    """Convert JSON values from `pack` back to nested values.

    Args:
        value: The JSON values.
        fetch: Returns the tensor for a reference made by `store`.

    Raises:
        ValueError: If they were not made by `pack`.

    Examples:
        >>> unpack({"$tuple": [1, {"$counter": [["h", 2]]}]}, fetch=outline)
        (1, Counter({'h': 2}))
    """
    if isinstance(value, list):
        return [unpack(item, fetch) for item in value]
    if not isinstance(value, dict):
        return value
    mark = next((key for key in value if key.startswith("$")), None)
    if mark is None:
        return {key: unpack(item, fetch) for key, item in value.items()}
    if mark == "$tensor":
        return _unpack_tensor(value, fetch)
    items = [unpack(item, fetch) for item in value[mark]]
    kinds: dict[str, Callable[[Any], Any]] = {
        "$tuple": tuple,
        "$dict": dict,
        "$counter": lambda pairs: Counter(dict(pairs)),
    }
    if mark not in kinds or len(value) > 1:
        raise ValueError(f"unknown tag {mark} with {len(value)} keys")
    return kinds[mark](items)


def to_json(value: Plain) -> str:
    """Serialize values as JSON, with the bytes of tensors in base64.

    Examples:
        >>> from_json(to_json({"loss": torch.tensor([0.5, 0.25])}))
        {'loss': tensor([0.5000, 0.2500])}
    """
    return json.dumps(pack(value, inline), ensure_ascii=False, sort_keys=True)


def from_json(text: str) -> Plain:
    """Parse JSON written by `to_json`.

    Raises:
        ValueError: If it is anything else.
    """
    return unpack(json.loads(text), outline)


def inline(tensor: Tensor) -> dict[str, Any]:
    """Return a tensor as a JSON object.

    Examples:
        >>> inline(torch.tensor([1.0]))
        {'data': 'AACAPw==', 'dtype': 'float32', 'shape': [1]}
    """
    return {
        "data": base64.b64encode(bytes_of(tensor)).decode(),
        "dtype": str(tensor.dtype).removeprefix("torch."),
        "shape": list(tensor.shape),
    }


def outline(written: Any) -> Tensor:
    """Return the tensor in a JSON object made by `inline`.

    Raises:
        ValueError: If it is anything else.
    """
    dtype, shape = DTYPES[written["dtype"]], written["shape"]
    data = bytearray(base64.b64decode(written["data"], validate=True))
    if math.prod(map(_checked_size, shape)) * dtype.itemsize != len(data):
        raise ValueError(f"{len(data)} bytes do not fit a tensor of shape {shape}")
    with on_cpu():
        flat = torch.frombuffer(data, dtype=dtype) if data else torch.zeros(0, dtype=dtype)
    return flat.reshape(shape)


def bytes_of(tensor: Tensor) -> memoryview:
    """Return a view of the bytes of a contiguous tensor on the CPU.

    Examples:
        >>> list(bytes_of(torch.tensor([1, 2], dtype=torch.int16)))
        [1, 0, 2, 0]
    """
    return tensor.reshape(-1).view(torch.uint8).numpy().data


def contiguous_copy(tensor: Tensor) -> Tensor:
    """Return a contiguous copy of a tensor on the CPU.

    Examples:
        >>> contiguous_copy(torch.zeros(2, 3).T).stride()
        (2, 1)
    """
    return tensor.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)


def on_device(value: Plain, device: torch.device) -> Plain:
    """Return nested values with their tensors moved to a device.

    Examples:
        >>> on_device([torch.zeros(1), None], torch.device("cpu"))
        [tensor([0.]), None]
    """
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, list | tuple):
        return type(value)(on_device(item, device) for item in value)
    if isinstance(value, dict):
        return {key: on_device(item, device) for key, item in value.items()}
    return value


def _pack_tensor(tensor: Tensor, store: Callable[[Tensor], Any]) -> dict[str, Any]:
    """Store a tensor together with the memory order of its axes, to restore the same layout.

    A different layout could change the order of summation, and so the last digit of a sum.
    """
    axes = range(tensor.ndim)
    order = sorted(axes, key=tensor.stride, reverse=True)
    stored = {"$tensor": store(contiguous_copy(tensor.permute(order)))}
    return stored if order == list(axes) else stored | {"order": order}


def _unpack_tensor(value: dict[str, Any], fetch: Callable[[Any], Tensor]) -> Tensor:
    tensor = fetch(value["$tensor"])
    order = value.get("order", list(range(tensor.ndim)))
    if sorted(order) != list(range(tensor.ndim)):
        raise ValueError(f"{order} is not a permutation of {tensor.ndim} axes")
    return tensor.permute([order.index(axis) for axis in range(tensor.ndim)])


def _checked_size(size: Any) -> int:
    if type(size) is not int or size < 0:
        raise ValueError(f"{quoted(size)} is not a valid axis size")
    return size
