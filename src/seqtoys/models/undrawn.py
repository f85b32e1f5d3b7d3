"""Modules of PyTorch without initial weights, and the numbers PyTorch would draw for them.

PyTorch's constructors draw from the global generator. Here, modules are built without weights and
initialized afterwards, from a generator that is passed.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, TypeVar

import torch
from torch import nn

Module = TypeVar("Module", bound=nn.Module)


def undrawn(kind: type[Module], *sizes: int, **options: Any) -> Module:
    """Construct a PyTorch module without initializing its weights.

    PyTorch's `skip_init` uses the meta device, whose first use takes half a second to import SymPy
    and adds warning filters.

    Args:
        kind: A class such as `nn.Linear`, which draws its weights in `reset_parameters`.
        sizes: Its sizes.
        options: Its other arguments.

    Examples:
        >>> undrawn(nn.Linear, 2, 3, bias=False)
        Linear(in_features=2, out_features=3, bias=False)
    """
    made = _without_initialization(kind)(*sizes, **options)  # type: ignore[arg-type]
    made.__class__ = kind
    return made  # type: ignore[no-any-return]


@cache
def _without_initialization(kind: Any) -> Any:
    return type(kind.__name__, (kind,), {"reset_parameters": lambda module: None})


def draw_uniform(module: nn.Module, fan_in: int, generator: torch.Generator) -> None:
    """Draw all weights of a linear or recurrent module as PyTorch does by default.

    Args:
        module: The module.
        fan_in: The number of input features of a linear module, or of units of a recurrent one.
        generator: The source of random numbers.

    Examples:
        >>> linear = undrawn(nn.Linear, 4, 3)
        >>> draw_uniform(linear, 4, torch.Generator().manual_seed(0))
        >>> _ = torch.manual_seed(0)
        >>> torch.equal(linear.weight, nn.Linear(4, 3).weight)
        True
    """
    bound = 1 / math.sqrt(fan_in)
    for parameter in module.parameters():
        nn.init.uniform_(parameter, -bound, bound, generator=generator)
