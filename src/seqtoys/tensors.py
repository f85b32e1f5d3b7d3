"""Checks of single tensors: what they hold, and how much of it."""

from __future__ import annotations

import torch
from torch import Tensor

from seqtoys.errors import InputTypeError, ShapeError
from seqtoys.kinds import described

INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
"""The types of integers that PyTorch computes with."""


def check_integers(values: Tensor, name: str) -> None:
    """Make sure that a value is a tensor of integers that can be read.

    Raises:
        InputTypeError: If it is not; the message calls it by its name.
    """
    if not isinstance(values, Tensor):
        raise InputTypeError(
            f"expected {name} to be a tensor of integers, got {described(values)}"
        )
    if values.dtype not in INTEGERS:
        raise InputTypeError(f"expected {name} to be a tensor of integers, got {values.dtype}")
    _check_held(values, name)


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
    if values.is_meta or values.layout is not torch.strided:
        kind = "one on the meta device" if values.is_meta else f"one of {values.layout}"
        raise InputTypeError(f"expected {name} to be a tensor that holds numbers, got {kind}")
