"""Checks of the type and shape of single tensors."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from seqtoys.errors import IndexRangeError, InputTypeError, ShapeError, with_article
from seqtoys.support.annotations import described

LISTS = np.ndarray, list, tuple
INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
"""The integer types that PyTorch computes with."""

STORED = (*INTEGERS, torch.uint16, torch.uint32, torch.uint64)
"""All integer types; PyTorch supports little more than conversion for the last three."""


def check_integers(values: Tensor, name: str) -> None:
    """Check that a value is a dense tensor of integers.

    Raises:
        InputTypeError: If it is not; the message includes `name`.
    """
    if not isinstance(values, Tensor):
        hint = "; convert it with torch.as_tensor(…)" if isinstance(values, LISTS) else ""
        raise InputTypeError(
            f"expected {name} to be a tensor of integers, got {described(values)}{hint}"
        )
    if values.dtype not in STORED:
        raise InputTypeError(f"expected {name} to be a tensor of integers, got {values.dtype}")
    _check_held(values, name)


def to_int64(values: Tensor, name: str) -> Int[Tensor, ...]:
    """Return integers of any type as int64; an int64 tensor is returned unchanged.

    Embeddings and losses do not accept the same set of other types, and unsigned types cannot
    represent -100.

    Args:
        values: A tensor of integers. A subclass, such as a parameter, becomes a plain tensor.
        name: What to call the tensor in messages.

    Raises:
        InputTypeError: If it is not a dense tensor of integers.
        IndexRangeError: If an integer has more than 63 bits.

    Examples:
        >>> to_int64(torch.tensor([0, 255], dtype=torch.uint8), "inputs")
        tensor([  0, 255])
    """
    check_integers(values, name)
    wide = _plain(values, name).long()
    if values.dtype == torch.uint64 and (beyond := wide[wide < 0]).numel():  # wrapped around
        raise IndexRangeError(f"expected {name} of at most 63 bits, got {int(beyond[0]) + 2**64}")
    return wide


def _plain(values: Tensor, name: str) -> Tensor:
    """Return a tensor without its subclass, which may override any operation."""
    if type(values) is Tensor:
        return values
    try:
        return values.detach().as_subclass(Tensor)
    except (RuntimeError, TypeError) as error:  # raised by wrappers around other tensors
        kind = with_article(type(values).__name__)
        raise InputTypeError(f"expected {name} to be a plain tensor, got {kind}") from error


def check_floats(values: Tensor, name: str) -> None:
    """Check that a tensor contains floats.

    Raises:
        InputTypeError: If it does not.
    """
    if not values.is_floating_point():
        raise InputTypeError(f"expected {name} to be a tensor of floats, got {values.dtype}")
    _check_held(values, name)


def check_size(values: Tensor, name: str, axis: str, size: int) -> None:
    """Check that a tensor has one axis of the given size.

    Raises:
        ShapeError: If it does not; the message includes `name` and `axis`.

    Examples:
        >>> check_size(torch.zeros(2), "lengths", "batch", 3)
        Traceback (most recent call last):
        seqtoys.errors.ShapeError: expected lengths of shape (batch,) = (3,), got (2,)
    """
    if values.shape != (size,):
        raise ShapeError(
            f"expected {name} of shape ({axis},) = ({size},), got {tuple(values.shape)}"
        )


def check_flags(values: Tensor, name: str, axis: str, size: int) -> None:
    """Check that a tensor is a boolean mask with one axis of the given size.

    Raises:
        SeqtoysError: If it is not.
    """
    if values.dtype != torch.bool:
        raise InputTypeError(f"expected {name} to be a tensor of bool, got {values.dtype}")
    _check_held(values, name)
    check_size(values, name, axis, size)


def _check_held(values: Tensor, name: str) -> None:
    if values.is_meta or values.is_nested or values.layout is not torch.strided:
        kind = "a nested tensor" if values.is_nested else f"a {values.layout} tensor"
        kind = "a tensor on the meta device" if values.is_meta else kind
        raise InputTypeError(f"expected {name} to be a dense tensor with values, got {kind}")
