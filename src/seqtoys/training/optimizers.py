"""Optimizers and schedulers, made of what a user gives for them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from inspect import signature
from typing import Any, Protocol, TypeAlias, runtime_checkable

import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau, SequentialLR

from seqtoys.errors import OptionError
from seqtoys.models.forward import count_replicas
from seqtoys.support.annotations import described
from seqtoys.training.fused_adam import FusedAdam
from seqtoys.training.gradients import writes_gradients


@runtime_checkable
class Optimizer(Protocol):
    """Updates parameters by their gradients; has its learning rate where `torch.optim` has it."""

    param_groups: list[dict[str, Any]]

    def step(self) -> Any:
        """Update the parameters."""

    def state_dict(self) -> dict[str, Any]:
        """What it remembers from one update to the next."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Remember that again."""


OptimizerFactory: TypeAlias = Callable[..., torch.optim.Optimizer]
"""Makes an optimizer of parameters and `lr=`, as each class of `torch.optim` does."""

SchedulerFactory: TypeAlias = Callable[[torch.optim.Optimizer], Any]
"""Makes a learning-rate scheduler of `torch.optim.lr_scheduler`, stepped once an epoch."""

DEFAULT_LR = 0.01


def make_optimizer(
    optimizer: OptimizerFactory, model: nn.Module, lr: float | None, *, is_scheduled: bool
) -> Optimizer:
    """Make an optimizer: a fused Adam for networks whose gradients are written out.

    Args:
        optimizer: What makes it.
        model: What it updates.
        lr: The learning rate. If None, that of the factory, if it has one, else 0.01.
        is_scheduled: Whether a scheduler is to change the learning rate.

    Raises:
        OptionError: If no optimizer can be made, or not one that `fit` can use, or if it has
            another learning rate than `lr`.
    """
    if optimizer is torch.optim.Adam and writes_gradients(model):
        rate = DEFAULT_LR if lr is None else lr
        if is_scheduled:  # schedulers take PyTorch's own optimizers only
            return torch.optim.Adam(model.parameters(), lr=rate, fused=True)
        return FusedAdam(model.parameters(), lr=rate)
    named = {"lr": DEFAULT_LR if lr is None else lr} if leaves_lr_open(optimizer) else {}
    made = _make("optimizer", "parameters and lr", optimizer, model.parameters(), **named)
    if not isinstance(made, Optimizer) or not made.param_groups:
        raise OptionError(
            f"expected optimizer to make an optimizer of torch.optim, got {described(made)}"
        )
    _check_usable(made, replicas=count_replicas(model))
    rates = rates_of(made)
    if lr is not None and not _is_among(lr, rates):
        raise OptionError(
            f"lr={lr:g} cannot be combined with an optimizer made with lr={rates[0]:g}; "
            "leave one of the two out"
        )
    return made


def leaves_lr_open(optimizer: OptimizerFactory) -> bool:
    """Whether the factory of an optimizer takes a learning rate, and was not given one.

    Examples:
        >>> from torch.optim import SGD
        >>> leaves_lr_open(SGD), leaves_lr_open(partial(SGD, lr=0.5))
        (True, False)
        >>> leaves_lr_open(lambda parameters: SGD(parameters, lr=0.5))
        False
    """
    if isinstance(optimizer, partial) and "lr" in optimizer.keywords:
        return False
    try:
        takes = signature(optimizer).parameters.values()
    except (TypeError, ValueError):  # not a function, or one not written in Python
        return True
    return any(each.name == "lr" or each.kind is each.VAR_KEYWORD for each in takes)


def rates_of(optimizer: Optimizer) -> list[float]:
    """Return the learning rate of each group of parameters."""
    return [float(group["lr"]) for group in optimizer.param_groups]


def make_scheduler(
    scheduler: SchedulerFactory | None, optimizer: Optimizer, *, replicas: int, epochs: int
) -> Any:
    """Make a scheduler of the learning rate.

    Args:
        scheduler: What makes it. If None, there is none.
        optimizer: The optimizer whose learning rate it changes.
        replicas: The number of replicas that are trained; 0 for one model.
        epochs: How many epochs there are at most, with a step of the scheduler in each.

    Raises:
        OptionError: If no scheduler can be made, or not one that `fit` can use, or if it allows
            fewer steps than there are epochs.

    Examples:
        >>> from torch.optim import SGD
        >>> from torch.optim.lr_scheduler import StepLR
        >>> make_scheduler(StepLR, SGD(nn.Linear(5, 5).parameters()), replicas=0, epochs=9)
        Traceback (most recent call last):
        seqtoys.errors.OptionError: expected scheduler to need no more than an optimizer, got ...
    """
    if scheduler is None:
        return None
    made = _make("scheduler", "an optimizer", scheduler, optimizer)
    if not hasattr(made, "step"):
        raise OptionError(
            "expected scheduler to make a scheduler of torch.optim.lr_scheduler, "
            f"got {described(made)}"
        )
    if replicas and isinstance(made, ReduceLROnPlateau):
        raise OptionError(
            "expected a scheduler that goes by the epoch, as each replica of an ensemble "
            "has a loss of its own; got ReduceLROnPlateau"
        )
    most = _most_steps(made)
    if most < epochs:
        raise OptionError(
            f"expected a scheduler for {epochs:,} epochs, got {type(made).__name__} with "
            f"{most:,} steps, one an epoch; make them as many"
        )
    return made


def check_rate(
    lr: float | None, before: Sequence[float], optimizer: Optimizer, scheduler: Any
) -> float:
    """Return the learning rate that the scheduler starts from.

    Most schedulers start from that of the optimizer. A few, such as `OneCycleLR`, replace it by
    one of their own, and note that as `initial_lr`.

    Args:
        lr: The learning rate that was asked for; None if none was.
        before: What `rates_of` gave before there was a scheduler.
        optimizer: The optimizer.
        scheduler: The scheduler, or None.

    Raises:
        OptionError: If a learning rate was asked for, and the scheduler replaces it.
    """
    groups = zip(optimizer.param_groups, before, strict=True)
    rates = [float(group.get("initial_lr", rate)) for group, rate in groups]
    if lr is not None and not _is_among(lr, rates):
        raise OptionError(
            f"lr={lr:g} cannot be combined with {type(scheduler).__name__}, which starts from a "
            f"learning rate of its own, {rates[0]:g}; leave lr out"
        )
    return rates[0]


def step_optimizer(optimizer: Optimizer) -> None:
    """Update the parameters.

    Raises:
        OptionError: If the optimizer fails.
    """
    try:
        optimizer.step()
    except Exception as error:
        raise _failed(optimizer, error) from error


def step_scheduler(scheduler: Any, watched: float) -> None:
    """Let a scheduler change the learning rate after an epoch; None changes nothing.

    Args:
        scheduler: The scheduler.
        watched: The loss that `ReduceLROnPlateau` watches.

    Raises:
        OptionError: If the scheduler fails.
    """
    if scheduler is None:
        return
    try:
        scheduler.step(*([watched] if isinstance(scheduler, ReduceLROnPlateau) else []))
    except Exception as error:
        raise _failed(scheduler, error) from error


def _check_usable(optimizer: Optimizer, *, replicas: int) -> None:
    name = type(optimizer).__name__
    closure = signature(optimizer.step).parameters.get("closure")
    if closure is not None and closure.default is closure.empty:
        raise OptionError(
            f"expected an optimizer whose step needs no closure, got {name}: fit computes each "
            "loss once, and such an optimizer asks for it several times an update"
        )
    if replicas and isinstance(optimizer, torch.optim.Adafactor):
        raise OptionError(
            f"expected an optimizer that updates each number by itself, got {name}, which would "
            "mix the replicas of an ensemble"
        )


def _is_among(lr: float, rates: Sequence[float]) -> bool:
    return any(math.isclose(lr, rate, rel_tol=1e-6) for rate in rates)  # one may be a float32


def _most_steps(scheduler: Any) -> int | float:
    """The number of steps a scheduler allows: of PyTorch's own, only `OneCycleLR` ends."""
    if isinstance(scheduler, OneCycleLR):
        return scheduler.total_steps
    parts = getattr(scheduler, "_schedulers", [])
    if not isinstance(scheduler, SequentialLR):
        return min(map(_most_steps, parts), default=math.inf)
    starts = [0, *scheduler._milestones]
    ends = [*scheduler._milestones, math.inf]
    for part, start, end in zip(parts, starts, ends, strict=True):
        last = start + _most_steps(part)
        if last + 1 < end:  # the step after that is still its own
            return last
    return math.inf


def _failed(part: Any, error: Exception) -> OptionError:
    return OptionError(f"{type(part).__name__}.step() failed with {type(error).__name__}: {error}")


def _make(name: str, needed: str, factory: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """Call the factory of an optimizer or a scheduler."""
    try:
        return factory(*given, **named)
    except Exception as error:
        inner = factory.func if isinstance(factory, partial) else factory
        called = getattr(inner, "__name__", described(inner))
        if not _takes(factory, *given, **named):
            raise OptionError(
                f"expected {name} to need no more than {needed}, got {called}: {error}; "
                f"functools.partial({called}, …) gives it the rest"
            ) from error
        raise OptionError(
            f"cannot make the {name}: {called} failed with {type(error).__name__}: {error}"
        ) from error


def _takes(factory: Callable[..., Any], *given: Any, **named: Any) -> bool:
    """Whether a function has the parameters for some arguments, and needs no others."""
    try:
        signature(factory).bind(*given, **named)
    except (TypeError, ValueError):
        return False
    return True
