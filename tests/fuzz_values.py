"""Wild values, and damage to valid ones, for `fuzz.py`."""

from __future__ import annotations

import enum
import math
import random
import re
from array import array
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Container
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import partial, reduce
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from seqtoys import Batch, ElmanCharModel, ElmanEnsemble, Ensemble, Vocab, get_task
from seqtoys.models import GRUCharModel, LRUCharModel, MambaCharModel, TransformerCharModel
from seqtoys.results import Proportion, Row

VOCAB = Vocab("hielo")
SMALL = (0, 1, -1, 2, 3, 5, 17)
LARGE = (2**31, 2**40, 2**63 - 1, 2**63, 2**64, 10**30, -(2**63), -(10**30))
SIZES = ("batch_size", "count", "num", "hidden_size", "rows")
BEYOND = (10**12, 2**50, 2**62, 10**30)  # sizes beyond any memory
FLOATS = (0.0, -0.0, 0.5, 1.0, 1.5, -2.5, 1e-320, 1e300, math.inf, -math.inf, math.nan)
TEXTS = (
    "", "h", "hihello", "z", "boy", "\ud800", "😀", "é", "e\u0301", "\0", "a/b", "{}", "null",
    "[]", "solved", "cpu", "meta", "1", "nan", "h" * 300, " ", "\n", "%s {x}", "none/such/file",
)  # fmt: skip
DTYPES = (
    torch.int64, torch.int32, torch.uint8, torch.int8, torch.bool, torch.float32, torch.float64,
    torch.float16, torch.bfloat16, torch.complex64, torch.uint16,
)  # fmt: skip


class Texts(str):
    """A string of another type."""


class Lying(list[Any]):
    """A list with a wrong length."""

    def __len__(self) -> int:
        return 7


class Letter(enum.StrEnum):
    """Strings that are enum members."""

    H = "h"


class Broken:
    """An object that fails in every use."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)

    def __len__(self) -> int:
        raise RuntimeError("no length")

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no answer")

    def __hash__(self) -> int:
        raise RuntimeError("no hash")


def nested(depth: int) -> list[Any]:
    """Return deeply nested lists."""
    return reduce(lambda inner, _: [inner], range(depth), [0])


def inside_itself() -> list[Any]:
    """A list that holds itself."""
    result: list[Any] = []
    result.append(result)
    return result


def wild_tensor(rng: random.Random) -> torch.Tensor:
    """Return a tensor of some shape and type, sometimes of an unusual kind."""
    shape = tuple(rng.choice((0, 1, 1, 2, 3, 5)) for _ in range(rng.randint(0, 4)))
    generator = torch.Generator().manual_seed(rng.getrandbits(32))
    low, high = rng.choice(((0, 5), (0, 5), (-100, 100), (0, 1)))
    tensor = torch.randint(low, high, shape, generator=generator).to(rng.choice(DTYPES))
    kind = rng.randrange(12)
    if kind == 0 and tensor.is_floating_point():
        tensor = tensor * math.nan
    elif kind == 1 and tensor.is_floating_point():
        tensor = tensor.requires_grad_()
    elif kind == 2:
        tensor = tensor.to("meta")
    elif kind == 3 and tensor.dtype != torch.uint16:
        tensor = tensor.to_sparse()
    elif kind == 4 and tensor.ndim:
        tensor = tensor.expand(*tensor.shape).transpose(0, -1)
    return tensor


def wild_model(rng: random.Random) -> Any:
    """Return a model of some kind, perhaps with invalid weights."""
    model: Any = rng.choice(
        (
            lambda: ElmanCharModel(VOCAB, seed=rng.randrange(9)),
            lambda: ElmanCharModel(VOCAB, hidden_size=3, batch_first=False),
            lambda: ElmanCharModel(Vocab(["boy", "sees"]), hidden_size=3, embedding_size=2),
            lambda: ElmanCharModel(Vocab("a")),
            lambda: ElmanEnsemble(VOCAB, seeds=[1, 2]),
            lambda: GRUCharModel(VOCAB, 4, batch_first=False),
            lambda: LRUCharModel(VOCAB, 4, num_layers=1),
            lambda: TransformerCharModel(VOCAB, 4, positions="learned", context=5),
            lambda: Ensemble(lambda seed: MambaCharModel(VOCAB, 4, seed=seed), [1, 2]),
            lambda: Ensemble(lambda seed: nn.Embedding(5, 5), [1, 2]),
            lambda: nn.Linear(5, 5),
            lambda: nn.Identity(),
            lambda: nn.Sequential(nn.Embedding(5, 5)),
            lambda: nn.ModuleList(),
            lambda: nn.GRU(5, 5),
            lambda: ElmanCharModel,
        )
    )()
    change = rng.randrange(10)
    if isinstance(model, nn.Module) and change < 5:
        with torch.no_grad():
            for weight in model.parameters():
                if change == 0:
                    weight.fill_(math.nan)
                elif change == 1:
                    weight.fill_(math.inf)
                elif change == 2:
                    weight.requires_grad_(False)
        if change == 3:
            model = model.double()
        elif change == 4:
            model = model.to("meta")
    return model


def wild_batch(rng: random.Random) -> Batch:
    """Return a valid batch, perhaps with indices that few vocabularies have."""
    shape = rng.choice(((1, 1), (2, 3), (3, 6)))
    generator = torch.Generator().manual_seed(rng.getrandbits(32))
    most = rng.choice((1, 5, 5, 5, 40))
    inputs, targets = (torch.randint(most, shape, generator=generator) for _ in range(2))
    kind = rng.choice((torch.int64, torch.int64, torch.int32, torch.uint8))
    return Batch(inputs.to(kind), targets)


MAKERS: tuple[Callable[[random.Random], Any], ...] = (
    lambda rng: None,
    lambda rng: rng.random() < 0.5,
    lambda rng: rng.choice(SMALL),
    lambda rng: rng.choice(SMALL),
    lambda rng: rng.choice(FLOATS),
    lambda rng: rng.choice(TEXTS),
    lambda rng: rng.choice(TEXTS),
    lambda rng: rng.choice(TEXTS).encode("utf-8", "surrogatepass"),
    lambda rng: rng.choice((bytearray(b"hi"), memoryview(b"hi"), array("i", [0, 1]), array("d"))),
    lambda rng: rng.choice(
        (np.str_("h"), Texts("hi"), Letter.H, "z" * 200_000, ["z" * 9999] * 99)
    ),
    lambda rng: rng.choice((nested(2000), inside_itself(), Lying("hi"), deque("hi"), deque([0]))),
    lambda rng: rng.choice((Decimal("0.5"), Fraction(1, 3), date(2020, 1, 1), timedelta(1))),
    lambda rng: rng.choice((10**5000, -(10**5000), 10**20, 0.1 + 0.2j)),
    lambda rng: rng.choice((np.array([0, 1])[::-1], np.ma.masked_equal([0, 1], 1), np.array(3))),
    lambda rng: rng.choice((np.array([0, 2**63], np.uint64), np.broadcast_to(np.array(1), 3))),
    lambda rng: rng.choice((np.float64(0.1), np.float64("nan"), np.int8(-1), np.bool_(False))),
    lambda rng: rng.choice((torch.float64, torch.strided, torch.Size([2]), torch.tensor(2))),
    lambda rng: rng.choice((frozenset("hi"), {"h": 0}.keys(), {"h": 0}.values(), Counter("hi"))),
    lambda rng: rng.choice(
        (partial(print), print, Letter, Vocab, torch.nn.Linear, re.compile(""))
    ),
    lambda rng: complex(rng.choice(SMALL), 1),
    lambda rng: Fraction(1, 2),
    lambda rng: np.int64(rng.choice(SMALL)),
    lambda rng: np.float32(rng.choice(FLOATS[:6])),
    lambda rng: np.array(rng.choice(([], [0, 1], [[0, 1], [2, 3]], [0.5], ["h"], [None]))),
    wild_tensor,
    wild_tensor,
    wild_model,
    wild_batch,
    lambda rng: rng.choice((VOCAB, Vocab(["boy", "sees", "dog"]), Vocab("a"), Vocab("=01"))),
    lambda rng: get_task(rng.choice(("hihello", "parity", "reber", "anbn", "tomita_2"))),
    lambda rng: get_task(rng.choice(("mess3", "mqar", "word_problem", "dyck_bounded"))),
    lambda rng: [wild(rng) for _ in range(rng.randint(0, 3))],
    lambda rng: tuple(wild(rng) for _ in range(rng.randint(0, 3))),
    lambda rng: {rng.choice((*TEXTS, *SMALL, None)): wild(rng) for _ in range(rng.randint(0, 2))},
    lambda rng: set(rng.sample(TEXTS, 2)),
    lambda rng: range(*rng.choice(((0,), (3,), (5, 0)))),
    lambda rng: iter(["h", "i"]),
    lambda rng: (symbol for symbol in "hi"),
    lambda rng: lambda *arguments, **named: None,
    lambda rng: rng.choice((object(), Broken(), NotImplemented, ..., int, str, Exception, math)),
    lambda rng: torch.Generator().manual_seed(1),
    lambda rng: torch.device(rng.choice(("cpu", "meta"))),
    lambda rng: rng.choice((Proportion(1, 2), Row(1, 0.5, 0.5, 0.1))),
    lambda rng: Path(rng.choice(("", "none/such", "/", ".", "\0", "x" * 400))),
)


def wild(rng: random.Random, name: str = "", amounts: Container[str] = ()) -> Any:
    """Make a value of any kind, with large numbers only where they don't set the work."""
    if name not in amounts and rng.random() < 0.08:
        return rng.choice(LARGE)
    if name in SIZES and rng.random() < 0.1:
        return rng.choice(BEYOND)
    return rng.choice(MAKERS)(rng)


def damage(rng: random.Random, value: Any, name: str, amounts: Container[str]) -> Any:
    """Make a valid value slightly invalid."""
    if isinstance(value, bool | None):
        return rng.choice((0, 1, "False", "", "yes", [], 2, 0.5, np.True_, torch.tensor(True)))
    if isinstance(value, int | float):
        large = () if name in amounts else (value * 10**12,)
        return rng.choice(
            (-value, value + 1, value - 1, value / 2, float(value), str(value), [value], 0, *large,
             np.float64(value), torch.tensor(value), complex(value), value + 0.5)
        )  # fmt: skip
    if isinstance(value, str):
        at = rng.randint(0, len(value))
        longer = value[:at] + rng.choice(TEXTS) + value[at:]
        return rng.choice((longer, longer, value[:at], value.encode(), list(value), [value]))
    if isinstance(value, torch.Tensor):
        return damaged_tensor(rng, value)
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if rng.random() < 0.8}
        if kept and rng.random() < 0.7:
            key = rng.choice(list(kept))
            kept[key] = damage(rng, kept[key], name, amounts)
        return rng.choice((kept, kept, OrderedDict(kept), list(value), list(value.items())))
    if isinstance(value, list | tuple):
        return damaged_list(rng, list(value), type(value), name, amounts)
    return wild(rng, name, amounts)


def damaged_list(
    rng: random.Random, items: list[Any], kind: type, name: str, amounts: Container[str]
) -> Any:
    """Change, insert or remove an item, or convert to another collection type."""
    at = rng.randrange(len(items)) if items else 0
    change = rng.randrange(6)
    if change < 2 and items:
        items[at] = damage(rng, items[at], name, amounts)
    elif change == 2:
        items.insert(at, wild(rng, name, amounts))
    elif change == 3 and items:
        del items[at]
    elif change == 4:
        items = [items]
    return rng.choice((kind, kind, kind, list, tuple, iter, lambda x: dict(enumerate(x))))(items)


def damaged_tensor(rng: random.Random, value: torch.Tensor) -> Any:
    """Change a tensor's type, shape, numbers or layout."""
    changed = value.detach().clone()
    if changed.numel():
        numbers = (-1, -100, 99) if not changed.is_floating_point() else (math.nan, math.inf, 1e30)
        if changed.dtype not in (torch.bool, torch.uint8):
            changed.view(-1)[rng.randrange(changed.numel())] = rng.choice(numbers)
    return rng.choice(
        (changed, changed, value.to(rng.choice(DTYPES)), value.unsqueeze(0), value[..., :0],
         value[:0] if value.ndim else value, value.tolist(), value.numpy(), value.to("meta"),
         value.flatten(), value.sum(), value.T if value.ndim == 2 else value.unsqueeze(-1))
    )  # fmt: skip
