"""Devices of tensors and models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from seqtoys.errors import ROOM, DeviceError, quoted
from seqtoys.support.arguments import check_type


def find_device(device: torch.device | str) -> torch.device:
    """Return a device as a `torch.device`, with its index.

    Raises:
        DeviceError: If the device is not available.

    Examples:
        >>> find_device("cpu")
        device(type='cpu')
    """
    try:
        return torch.empty(0, device="cpu").to(device).device
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0][:ROOM]
        raise DeviceError(
            f"expected an available device, got {quoted(device)}: {reason}"
        ) from error


def default_device() -> torch.device:
    """Return the device of new tensors.

    `torch.get_default_device` ignores `with torch.device(…)` in PyTorch 2.6.

    Examples:
        >>> with torch.device("meta"):
        ...     default_device()
        device(type='meta')
    """
    return torch.empty(0).device


@contextmanager
def on_cpu() -> Iterator[None]:
    """Create new tensors on the CPU, where the generators are, not on the default device.

    Examples:
        >>> torch.set_default_device("meta")
        >>> with on_cpu():
        ...     print(torch.zeros(2).device)
        cpu
        >>> torch.set_default_device(None)
    """
    if default_device().type == "cpu":  # saves the cost of a mode on every call
        yield
        return
    with torch.device("cpu"):
        yield


def device_of(model: nn.Module) -> torch.device:
    """Return the device of a model; the CPU if it has no parameters.

    Raises:
        InputTypeError: If it is not a module.
        DeviceError: If it is on the meta device, with shapes but no values.

    Examples:
        >>> device_of(nn.Linear(5, 5))
        device(type='cpu')
    """
    check_type("model", model, nn.Module)
    device = next((weight.device for weight in model.parameters()), torch.device("cpu"))
    if device.type == "meta":
        raise DeviceError(
            f"expected a model with weights, got {type(model).__name__} on the meta device; "
            "allocate it with model.to_empty(device='cpu'), then fill it with load_state_dict"
        )
    return device
