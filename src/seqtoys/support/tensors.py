"""Checks of single tensors: what they hold, and how much of it."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from seqtoys.errors import IndexRangeError, InputTypeError, ShapeError, with_article
from seqtoys.support.annotations import described

LISTS = np.ndarray, list, tuple
INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
"""The types of integers that PyTorch computes with."""

STORED = (*INTEGERS, torch.uint16, torch.uint32, torch.uint64)
"""All types of integers: of the last three PyTorch knows little more than how to convert them."""


def check_integers(values: Tensor, name: str) -> None:
    """Check that a value is a tensor of integers that can be read.

    Raises:
        InputTypeError: If it is not; the message calls it by its name.
    """
    if not isinstance(values, Tensor):
        hint = "; torch.as_tensor(…) makes one" if isinstance(values, LISTS) else ""
        raise InputTypeError(
            f"expected {name} to be a tensor of integers, got {described(values)}{hint}"
        )
    if values.dtype not in STORED:
        raise InputTypeError(f"expected {name} to be a tensor of integers, got {values.dtype}")
    _check_held(values, name)


def to_int64(values: Tensor, name: str) -> Int[Tensor, ...]:
    """Return integers of any type as int64: the same tensor, if it is one.

    Embeddings and losses read no other type alike, and -100 has no place in an unsigned one.

    Args:
        values: A tensor of integers. A subclass, such as a parameter, becomes a plain tensor.
        name: What messages call it.

    Raises:
        InputTypeError: If it is no tensor of integers that can be read.
        IndexRangeError: If an integer has more than 63 bits.

    Examples:
        >>> to_int64(torch.tensor([0, 255], dtype=torch.uint8), "inputs")
        tensor([  0, 255])
    """
    check_integers(values, name)
    wide = _plain(values, name).long()
    if values.dtype == torch.uint64 and (beyond := wide[wide < 0]).numel():  # they wrapped around
        raise IndexRangeError(f"expected {name} of at most 63 bits, got {int(beyond[0]) + 2**64}")
    return wide


def _plain(values: Tensor, name: str) -> Tensor:
    """Return a tensor as none of a subclass, which may compute as it likes."""
    if type(values) is Tensor:
        return values
    try:
        return values.detach().as_subclass(Tensor)
    except (RuntimeError, TypeError) as error:  # of a wrapper around other tensors
        kind = with_article(type(values).__name__)
        raise InputTypeError(f"expected {name} to be a plain tensor, got {kind}") from error


def check_floats(values: Tensor, name: str) -> None:
    """Make sure that a tensor holds floats.

    Raises:
        InputTypeError: If it does not.
    """
    if not values.is_floating_point():
        raise InputTypeError(f"expected {name} to be a tensor of floats, got {values.dtype}")
    _check_held(values, name)


def check_size(values: Tensor, name: str, axis: str, size: int) -> None:
    """Make sure that a tensor has one axis, of so many values.

    Raises:
        ShapeError: If it has not; the message calls it and its axis by their names.

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
    """Make sure that a tensor tells of each thing on its one axis whether something holds.

    Raises:
        SeqtoysError: If it does not.
    """
    if values.dtype != torch.bool:
        raise InputTypeError(f"expected {name} to be a tensor of bool, got {values.dtype}")
    _check_held(values, name)
    check_size(values, name, axis, size)


def _check_held(values: Tensor, name: str) -> None:
    if values.is_meta or values.is_nested or values.layout is not torch.strided:
        kind = "a nested one" if values.is_nested else f"one of {values.layout}"
        kind = "one on the meta device" if values.is_meta else kind
        raise InputTypeError(f"expected {name} to be a tensor that holds numbers, got {kind}")
