"""Where tensors and models are."""

from __future__ import annotations

import torch
from torch import nn

from seqtoys.arguments import check_type
from seqtoys.errors import ROOM, DeviceError, quoted


def find_device(device: torch.device | str) -> torch.device:
    """Name a device as PyTorch does.

    Raises:
        DeviceError: If there is no such device here.

    Examples:
        >>> find_device("cpu")
        device(type='cpu')
    """
    try:
        return torch.empty(0).to(device).device
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0][:ROOM]
        raise DeviceError(
            f"expected a device that PyTorch has here, got {quoted(device)}: {reason}"
        ) from error


def device_of(model: nn.Module) -> torch.device:
    """Tell where a model is: on the CPU, if it has no parameters.

    Raises:
        InputTypeError: If it is no module.
        DeviceError: If it has shapes only, and no numbers.

    Examples:
        >>> device_of(nn.Linear(5, 5))
        device(type='cpu')
    """
    check_type("model", model, nn.Module)
    device = next((weight.device for weight in model.parameters()), torch.device("cpu"))
    if device.type == "meta":
        raise DeviceError(
            f"expected a model with weights, got {type(model).__name__} on the meta device; "
            "model.to_empty(device='cpu') makes room, load_state_dict fills it"
        )
    return device
