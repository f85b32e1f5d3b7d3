"""Changes to nested values and tensors, as in a forged file."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

VALUES: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 7, 10**12, 2**63, -(2**64), 10**400, 0.5, -0.5, 1e300,
    math.nan, math.inf, "", "5", "interrupted", "\ud800", [], [[]], [0] * 50, {}, ["h"],
    {"$tensor": "rnn.weight_hh_l0"}, {"$tensor": 5}, {"$tuple": []}, {"$tuple": [1]},
    {"$dict": [[0, 1]]}, {"$dict": [[[], 1]]}, {"$counter": [[1, 2]]}, {"$what": []}, {"a": None},
)  # fmt: skip
DTYPES = (torch.float64, torch.float32, torch.int64, torch.int32, torch.uint8, torch.bool)
NUMBERS = (-1, 0, 1, 127, 255, -(2**31), 2**31, 1e30, math.nan, math.inf)


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the key path of every value in nested dicts and lists, including containers."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield (*at, key)
            yield from places(value[key], (*at, key))


def forge(facts: Any, chance: random.Random) -> Any:
    """Copy nested values with one of them replaced, removed, renamed, doubled or swapped."""
    made = copy.deepcopy(facts)
    *outer, last = chance.choice(list(places(made)))
    holder = made
    for key in outer:
        holder = holder[key]
    change = chance.randrange(9)
    if change < 5:
        holder[last] = copy.deepcopy(chance.choice(VALUES))
    elif change == 5:
        del holder[last]
    elif change == 6:  # or swapped with another one
        other = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        holder[last], holder[other] = holder[other], holder[last]
    elif isinstance(holder, dict):
        holder[f"{last}_"] = holder[last] if change == 7 else holder.pop(last)
    else:
        holder.insert(last, holder[last])
    return made


def forge_tensor(tensors: dict[str, Tensor], chance: random.Random) -> dict[str, Tensor]:
    """Change one state tensor's shape, type, name, order or numbers."""
    name = chance.choice([name for name in sorted(tensors) if "/" in name])
    tensor, made = tensors[name], dict(tensors)
    change = chance.randrange(7)
    if change == 0:
        made[name] = tensor.to(chance.choice(DTYPES))
    elif change == 1:
        made[name] = tensor.unsqueeze(chance.choice([0, -1]))
    elif change == 2:
        made[name] = tensor.flatten()[: chance.randrange(2)]
    elif change == 3:
        made[name] = torch.cat([tensor.flatten()] * 2)
    elif change == 4 and tensor.ndim:
        made[name] = tensor.flip(-1) if tensor.ndim == 1 else tensor.transpose(0, -1)
    elif change == 5:
        numbers = NUMBERS if tensor.is_floating_point() else NUMBERS[:3]
        made[name] = torch.full_like(tensor, chance.choice(numbers))
    else:
        other = chance.choice(sorted(tensors))
        made[name], made[other] = tensors[other], tensor
    return {name: value.contiguous() for name, value in made.items()}
