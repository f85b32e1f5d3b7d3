"""Checks of the tensors passed to a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from seqtoys.errors import DeviceError, IndexRangeError, InputTypeError, ShapeError
from seqtoys.support.annotations import described
from seqtoys.support.tensors import INTEGERS

State: TypeAlias = Tensor | tuple[Tensor, ...]
"""The state of a model after a symbol: a tensor, or a tuple of tensors."""

Pair: TypeAlias = tuple[Tensor, Tensor]
"""A state of two tensors."""


def check_inputs(inputs: Tensor, axes: tuple[str, ...], vocab_size: int, weight: Tensor) -> None:
    """Check that inputs are indices with axes `axes`, or vectors with one more axis at the end.

    Args:
        inputs: The inputs of the model.
        axes: The names of the axes of indices.
        vocab_size: The number of symbols: the bound of an index, the size of a vector.
        weight: A weight of the model, for its device and dtype.

    Raises:
        InputTypeError: If they are neither integers nor floats of the weight's dtype.
        ShapeError: If they have the wrong axes.
        IndexRangeError: If an index is out of range.
        DeviceError: If they are on another device.
    """
    if not isinstance(inputs, Tensor):
        raise InputTypeError(
            f"expected inputs to be a tensor, got {described(inputs)}; "
            "model.vocab.encode_batch([text]) makes one"
        )
    _check_dense(inputs, "inputs")
    if inputs.is_floating_point():
        _check_dtype(inputs, "one-hot inputs", weight)
        _check_axes(inputs, (*axes, str(vocab_size)), "one-hot inputs")
    elif inputs.dtype not in INTEGERS:
        raise InputTypeError(f"expected inputs to be integers or floats, got {inputs.dtype}")
    else:
        _check_axes(inputs, axes, "indices")
        _check_range(inputs, vocab_size)
    _check_device(inputs, "inputs", weight)


def check_hidden(hidden: Tensor, expected: tuple[int, ...], weight: Tensor) -> None:
    """Check that a hidden state matches the model and the batch.

    Args:
        hidden: The hidden state passed to the model.
        expected: The numbers of replicas (for an ensemble), layers, sequences and units.
        weight: A weight of the model, for its device and dtype.

    Raises:
        InputTypeError: If it has another dtype than the weight.
        ShapeError: If it has another shape.
        DeviceError: If it is on another device.
    """
    if not isinstance(hidden, Tensor):
        raise InputTypeError(f"expected hidden to be a tensor, got {described(hidden)}")
    _check_dense(hidden, "hidden")
    _check_dtype(hidden, "hidden", weight)
    if tuple(hidden.shape) != expected:
        axes = ("replicas", "layers", "batch", "hidden")[-len(expected) :]
        raise ShapeError(
            f"expected hidden of shape ({', '.join(axes)}) = {expected}, got {tuple(hidden.shape)}"
        )
    _check_device(hidden, "hidden", weight)


def check_state(hidden: State, shapes: Sequence[Sequence[int | None]], weight: Tensor) -> None:
    """Check that a state matches the model and the batch.

    Args:
        hidden: The state passed to the model: a tensor, or a tuple of tensors.
        shapes: The shape of each tensor; None is an axis of any size.
        weight: A weight of the model, for its device and dtype.

    Raises:
        InputTypeError: If it is not a tensor or tuple as expected, or has another dtype.
        ShapeError: If it has another shape.
        DeviceError: If it is on another device.
    """
    if len(shapes) == 1:
        _check_part(hidden, "hidden", shapes[0], weight)
        return
    if not isinstance(hidden, tuple) or len(hidden) != len(shapes):
        got = f"a tuple of {len(hidden)}" if isinstance(hidden, tuple) else described(hidden)
        raise InputTypeError(
            f"expected hidden to be a tuple of {len(shapes)} tensors, as initial_hidden returns, "
            f"got {got}"
        )
    for at, (part, shape) in enumerate(zip(hidden, shapes, strict=True)):
        _check_part(part, f"hidden[{at}]", shape, weight)


def _check_part(part: object, name: str, shape: Sequence[int | None], weight: Tensor) -> None:
    if not isinstance(part, Tensor):
        raise InputTypeError(f"expected {name} to be a tensor, got {described(part)}")
    _check_dense(part, name)
    _check_dtype(part, name, weight)
    sizes = zip(part.shape, shape, strict=False)
    if part.ndim != len(shape) or any(want is not None and got != want for got, want in sizes):
        wanted = ", ".join("…" if size is None else str(size) for size in shape)
        raise ShapeError(f"expected {name} of shape ({wanted}), got {tuple(part.shape)}")
    _check_device(part, name, weight)


def _check_dense(values: Tensor, name: str) -> None:
    if values.layout is not torch.strided or values.is_nested:
        kind = "a nested" if values.is_nested else f"a {values.layout}"
        raise InputTypeError(f"expected {name} to be a dense tensor, got {kind} tensor")


def _check_axes(inputs: Tensor, axes: tuple[str, ...], kind: str) -> None:
    last_fits = not axes[-1].isdecimal() or inputs.shape[-1:] == (int(axes[-1]),)
    if inputs.ndim != len(axes) or not last_fits:
        missing = len(axes) - inputs.ndim
        hint = "; inputs.unsqueeze adds an axis of size 1" if missing == 1 else ""
        if kind != "indices" and missing == 1 and not last_fits:
            hint = "; indices must be integers, as in inputs.long()"
        if kind == "indices" and missing < 0:
            hint = "; one-hot vectors must be floats"
        raise ShapeError(
            f"expected {kind} of shape ({', '.join(axes)}), got {tuple(inputs.shape)}{hint}"
        )


def _check_range(inputs: Tensor, vocab_size: int) -> None:
    # Reading values would synchronize with the GPU, and is impossible while tracing a graph.
    traced = torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active()
    if not inputs.numel() or inputs.device.type != "cpu" or traced:
        return
    low, high = (int(bound) for bound in inputs.aminmax())
    if low < 0 or high >= vocab_size:
        raise IndexRangeError(
            f"expected indices in 0 … {vocab_size - 1}, "
            f"got indices from {low} to {high} for a vocabulary of {vocab_size} symbols"
        )


def _check_dtype(values: Tensor, name: str, weight: Tensor) -> None:
    if values.dtype == weight.dtype:
        return
    # Under autocast, a model returns states in half precision, and may get them back.
    device = weight.device.type
    is_autocast = torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
    if not (values.is_floating_point() and is_autocast):
        raise InputTypeError(f"expected {name} of dtype {weight.dtype}, got {values.dtype}")


def _check_device(values: Tensor, name: str, weight: Tensor) -> None:
    if values.device != weight.device:
        raise DeviceError(
            f"expected {name} on the model's device {weight.device}, got {values.device}; "
            f"move them with {name}.to('{weight.device}')"
        )
