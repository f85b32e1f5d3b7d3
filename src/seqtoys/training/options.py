"""The options of `fit`: types, ranges, and their representation in a history."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from importlib import import_module
from inspect import signature
from typing import Any, Literal, TypeAlias, TypedDict, cast

import numpy as np
from torch import Tensor

from seqtoys.data.vocab import Vocab
from seqtoys.errors import InputTypeError, OptionError, quoted
from seqtoys.models.checkpoint import Checkpoint
from seqtoys.records.row import Row
from seqtoys.support.annotations import described
from seqtoys.support.arguments import check_values
from seqtoys.support.atomic_file import PathLike
from seqtoys.support.randomness import check_seed
from seqtoys.support.values import check_length, check_positive, check_share, to_real
from seqtoys.training.curriculum import Curriculum, Lengths
from seqtoys.training.optimizers import OptimizerFactory, SchedulerFactory
from seqtoys.training.stopping import Until, check_goal

OF_OTHER_TYPES = (
    "stepwise", "optimizer", "scheduler", "vocab", "check", "progress", "on_epoch", "resume",
)  # fmt: skip
"""Options that are not numbers and are not checked elsewhere."""

FACTORIES = {"optimizer": "torch.optim", "scheduler": "torch.optim.lr_scheduler"}
"""The options that create an object, and where their classes are."""

COUNTS = ("epochs", "batch_size", "chunk", "patience", "report_every")

NUMBERS: dict[str, Callable[[object], float]] = {
    **{name: functools.partial(check_length, name=name) for name in COUNTS},
    **{name: functools.partial(check_positive, name) for name in ("lr", "clip_norm")},
    "validation": functools.partial(check_share, "validation"),
    "seed": check_seed,
}
"""The checks of the options that are numbers."""

DEEPEST = 20  # levels of nested lists
REQUIRED = ("epochs", "seed")
"""Options that can't be None."""

Keep: TypeAlias = Literal["best", "last"] | None
"""Which weights a model has after training; if None, the best ones if something is held out."""

Written: TypeAlias = str | bool | int | float | list[Any] | None
"""The value of an option as stored in a history or a file."""


class TrainingOptions(TypedDict, total=False):
    """The keyword arguments of `fit` that affect the result; see `fit` for their meaning."""

    epochs: int
    lr: float | None
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
    keep: Keep
    seed: int
    check: bool


class FitOptions(TrainingOptions, total=False):
    """All keyword arguments of `fit`."""

    vocab: Vocab | None
    progress: bool | None
    report_every: int | None
    on_epoch: Callable[[Row], object] | None
    checkpoint: Checkpoint | None
    resume: PathLike | None


def check_options(options: FitOptions) -> FitOptions:
    """Check the options of `fit`, and convert numbers to plain ones."""
    given: dict[str, Any] = {**options}
    for name, check in NUMBERS.items():
        if given[name] is not None or name in REQUIRED:
            given[name] = check(given[name])
    for name, package in FACTORIES.items():
        if not callable(given[name]) and not (name == "scheduler" and given[name] is None):
            raise InputTypeError(
                f"expected {name} to be a class of {package} or a partial of one, "
                f"got {described(given[name])}; {_factory_hint(name, package, given[name])}"
            )
    given.update(check_values(given, FitOptions, OF_OTHER_TYPES), until=check_goal(given["until"]))
    given["keep"] = _check_keep(given["keep"], given["validation"])
    options = cast(FitOptions, given)  # what follows reads the checked values
    if options["chunk"] is not None and options["stepwise"]:
        raise OptionError(
            "chunk=… cannot be combined with stepwise=True, as it reads a whole chunk at a time"
        )
    if not isinstance(options["checkpoint"], Checkpoint | None):
        raise OptionError(
            "expected checkpoint to be a Checkpoint(path, every=…), got "
            f"{quoted(options['checkpoint'])}"
        )
    return options


def _factory_hint(name: str, package: str, given: object) -> str:
    """Return which class, or which partial of one, was probably meant."""
    itself = f"fit creates the {name} itself"
    if isinstance(given, str):
        names = vars(import_module(package))
        classes = {each.lower(): each for each in names if each[0].isupper()}
        near = get_close_matches(given.lower(), classes, n=1)
        return f"use {package}.{classes[near[0]]}" if near else itself
    kind = type(given)
    if not kind.__module__.startswith("torch.optim"):
        return itself
    chosen: Mapping[str, Any] = getattr(given, "defaults", {})
    defaults = {each.name: each.default for each in signature(kind).parameters.values()}
    changed = [f"{k}={v!r}" for k, v in chosen.items() if k in defaults and v != defaults[k]]
    is_open = name == "scheduler"  # whose options aren't stored
    options = ", ".join([f"{package}.{kind.__name__}", *(["…"] if is_open else changed)])
    return f"use {f'functools.partial({options})' if is_open or changed else options}; {itself}"


def _check_keep(keep: object, validation: float | None) -> str:
    if keep is None:
        return "last" if validation is None else "best"
    if keep not in ("best", "last"):
        raise OptionError(f"expected keep to be 'best', 'last' or None, got {quoted(keep)}")
    if keep == "best" and validation is None:
        raise OptionError(
            "keep='best' needs held-out data to choose the best epoch; pass validation=0.2, or "
            "omit keep"
        )
    return str(keep)


def record(options: FitOptions) -> dict[str, Any]:
    """Return the options that affect the results as plain values.

    Examples:
        >>> record({"lr": 0.1, "optimizer": functools.partial(dict, betas=(0.9, 0.99))})
        {'lr': 0.1, 'optimizer': 'dict(betas=(0.9, 0.99))'}
    """
    return {
        name: as_written(value)
        for name, value in options.items()
        if name in TrainingOptions.__annotations__ and name != "check"  # has no effect on results
    }


def as_written(value: object, depth: int = 0) -> Written:
    """Convert the value of an option for JSON; classes and functions become their names.

    Args:
        value: The value of the option.
        depth: The nesting depth. Lists nested too deeply are quoted, as a list may contain itself.

    Examples:
        >>> from torch.optim import SGD
        >>> as_written(functools.partial(SGD, momentum=0.9)), as_written((1, 20))
        ('SGD(momentum=0.9)', [1, 20])
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if (number := to_real(value)) is not None:
        return number
    if isinstance(value, tuple | list):
        is_deep = depth == DEEPEST
        return quoted(value) if is_deep else [as_written(item, depth + 1) for item in value]
    if isinstance(value, Curriculum):
        return repr(value)
    if isinstance(value, functools.partial):
        options = [f"{name}={_without_address(option)}" for name, option in value.keywords.items()]
        return f"{as_written(value.func)}({', '.join(options)})"
    return str(getattr(value, "__qualname__", type(value).__qualname__))


def _without_address(option: object) -> str:
    """Return the repr of an option without memory addresses, which differ between runs."""
    number = None if isinstance(option, Tensor) else to_real(option)
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(option if number is None else number))
