"""The options of `fit`: their types, their ranges, and how a history keeps them."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, TypedDict

from seqtoys.curriculum import Curriculum, Lengths
from seqtoys.errors import OptionError
from seqtoys.history import Row
from seqtoys.stopping import Until
from seqtoys.updates import OptimizerFactory, SchedulerFactory
from seqtoys.vocab import Vocab


class FitOptions(TypedDict, total=False):
    """What `fit` takes by name; it says what each means."""

    epochs: int
    lr: float
    stepwise: bool
    batch_size: int | None
    chunk: int | None
    lengths: Lengths
    validation: float | None
    optimizer: OptimizerFactory
    scheduler: SchedulerFactory | None
    clip_norm: float | None
    until: Until
    patience: int | None
    seed: int
    vocab: Vocab | None
    progress: bool | None
    report_every: int | None
    on_epoch: Callable[[Row], object] | None


def record_options(arguments: dict[str, Any]) -> dict[str, Any]:
    """Check the numbers among fit's arguments, and write all but the data as plain values."""
    for name in ("epochs", "batch_size", "chunk", "patience", "report_every", "lr", "clip_norm"):
        value, wanted = arguments[name], "integer"
        fits = isinstance(value, int) and not isinstance(value, bool) and value > 0
        if name in ("lr", "clip_norm"):
            wanted = "finite number"
            fits = isinstance(value, int | float) and 0 < value < math.inf
        if not fits and not (value is None and name not in ("epochs", "lr")):
            raise OptionError(f"expected {name} to be a positive {wanted}, got {value!r}")
    if arguments["chunk"] is not None and arguments["stepwise"]:
        raise OptionError(
            "expected chunk or stepwise, got both; chunk reads whole chunks at a time"
        )
    left_out = ("model", "data", "vocab", "progress", "report_every", "on_epoch")
    return {name: _plain(value) for name, value in arguments.items() if name not in left_out}


def _plain(value: object) -> str | int | float | list[int] | None:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, Curriculum):
        return repr(value)
    if isinstance(value, functools.partial):
        options = [f"{name}={option!r}" for name, option in value.keywords.items()]
        return f"{_plain(value.func)}({', '.join(options)})"
    return str(getattr(value, "__qualname__", type(value).__qualname__))
