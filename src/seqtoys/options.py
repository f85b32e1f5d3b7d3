"""The options of `fit`: their types, their ranges, and how a history keeps them."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable
from typing import Any, TypeAlias, TypedDict, cast

from seqtoys.arguments import check_values
from seqtoys.checkpoint import Checkpoint
from seqtoys.curriculum import Curriculum, Lengths
from seqtoys.errors import OptionError, quoted
from seqtoys.optimizers import OptimizerFactory, SchedulerFactory
from seqtoys.row import Row
from seqtoys.stopping import Until
from seqtoys.vocab import Vocab
from seqtoys.whole_file import PathLike

OF_OTHER_TYPES = (
    "stepwise", "optimizer", "scheduler", "vocab", "check", "progress", "on_epoch", "resume",
)  # fmt: skip
"""Options that are no numbers, and that no one else checks."""

Written: TypeAlias = str | bool | int | float | list[Any] | None
"""The value of an option as a history, or a file, has it."""


class TrainingOptions(TypedDict, total=False):
    """What decides a training, among what `fit` takes by name; it says what each means."""

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


class FitOptions(TrainingOptions, total=False):
    """All that `fit` takes by name."""

    vocab: Vocab | None
    check: bool
    progress: bool | None
    report_every: int | None
    on_epoch: Callable[[Row], object] | None
    checkpoint: Checkpoint | None
    resume: PathLike | None


def check_options(arguments: dict[str, Any]) -> FitOptions:
    """Pick the options among fit's arguments, and check those that are numbers."""
    options = cast(FitOptions, {name: arguments[name] for name in FitOptions.__annotations__})
    for name in ("epochs", "batch_size", "chunk", "patience", "report_every", "lr", "clip_norm"):
        value, is_real = arguments[name], name in ("lr", "clip_norm")
        is_integer = isinstance(value, int) and not isinstance(value, bool)
        fits = (is_integer or (is_real and isinstance(value, float))) and 0 < value < math.inf
        if not fits and not (value is None and name not in ("epochs", "lr")):
            wanted = "finite number" if is_real else "integer"
            raise OptionError(f"expected {name} to be a positive {wanted}, got {quoted(value)}")
    check_values(arguments, FitOptions, OF_OTHER_TYPES)
    if options["chunk"] is not None and options["stepwise"]:
        raise OptionError(
            "expected chunk or stepwise, got both; chunk reads whole chunks at a time"
        )
    if not isinstance(options["checkpoint"], Checkpoint | None):
        raise OptionError(
            "expected checkpoint to be a Checkpoint(path, every=…), got "
            f"{quoted(options['checkpoint'])}"
        )
    return options


def record(options: FitOptions) -> dict[str, Any]:
    """Write the options that decide the numbers as plain values.

    Examples:
        >>> record({"lr": 0.1, "optimizer": functools.partial(dict, betas=(0.9, 0.99))})
        {'lr': 0.1, 'optimizer': 'dict(betas=(0.9, 0.99))'}
    """
    return {
        name: as_written(value)
        for name, value in options.items()
        if name in TrainingOptions.__annotations__
    }


def as_written(value: object) -> Written:
    """Write the value of an option as JSON has it: classes and functions by their names.

    Examples:
        >>> from torch.optim import SGD
        >>> as_written(functools.partial(SGD, momentum=0.9)), as_written((1, 20))
        ('SGD(momentum=0.9)', [1, 20])
    """
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, tuple | list):
        return [as_written(item) for item in value]
    if isinstance(value, Curriculum):
        return repr(value)
    if isinstance(value, functools.partial):
        options = [f"{name}={_without_address(option)}" for name, option in value.keywords.items()]
        return f"{as_written(value.func)}({', '.join(options)})"
    return str(getattr(value, "__qualname__", type(value).__qualname__))


def _without_address(option: object) -> str:
    """Write an option; where in memory a function lies would differ from run to run."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(option))
