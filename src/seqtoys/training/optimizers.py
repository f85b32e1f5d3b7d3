"""Creation and checks of optimizers and schedulers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from inspect import signature
from typing import Any, Protocol, TypeAlias, runtime_checkable

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau, SequentialLR

from seqtoys.errors import OptionError
from seqtoys.models.forward import count_replicas
from seqtoys.support.annotations import described
from seqtoys.training.fused_adam import FusedAdam
from seqtoys.training.gradients import writes_gradients


@runtime_checkable
class Optimizer(Protocol):
    """Updates parameters from their gradients; `param_groups` are those of `torch.optim`."""

    param_groups: list[dict[str, Any]]

    def step(self) -> Any:
        """Update the parameters."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state kept between updates."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore that state."""


OptimizerFactory: TypeAlias = Callable[..., torch.optim.Optimizer]
"""Creates an optimizer from parameters and `lr=`, like the classes of `torch.optim`."""

SchedulerFactory: TypeAlias = Callable[[torch.optim.Optimizer], Any]
"""Creates a scheduler of `torch.optim.lr_scheduler`, which is stepped once per epoch."""

DEFAULT_LR = 0.01

WEIGHT_DECAYS: tuple[tuple[Any, float], ...] = (
    (torch.optim.Adam, 0.0),
    (torch.optim.AdamW, 0.01),
)
"""The optimizers that `FusedAdam` replaces, with their default weight decay."""

FUSED: tuple[Any, ...] = (torch.optim.Adam, torch.optim.AdamW, torch.optim.Adagrad)
"""The optimizers that are faster with `fused=True` for every network; SGD is not."""

IMPLEMENTATIONS = {"capturable", "differentiable", "foreach", "fused"}
"""The options that choose another implementation of the same optimizer."""

MIXING: tuple[Any, ...] = tuple(
    getattr(torch.optim, name) for name in ("Adafactor", "Muon") if hasattr(torch.optim, name)
)
"""The optimizers of PyTorch whose update of a number depends on others in the same tensor."""


def make_optimizer(
    optimizer: OptimizerFactory, model: nn.Module, lr: float | None, *, is_scheduled: bool
) -> Optimizer:
    """Create the optimizer; a fused one, if possible, for a hand-written backward pass.

    Args:
        optimizer: The factory.
        model: The model to update.
        lr: The learning rate. If None, the one set in the factory, or else 0.01.
        is_scheduled: Whether a scheduler will change the learning rate.

    Raises:
        OptionError: If the optimizer can't be created or used by `fit`, or if its learning rate
            differs from `lr`.
    """
    if writes_gradients(model):
        decays = [decay for kind, decay in WEIGHT_DECAYS if optimizer is kind]
        if decays and not is_scheduled:  # schedulers accept only PyTorch's own optimizers
            rate = DEFAULT_LR if lr is None else lr
            return FusedAdam(model.parameters(), lr=rate, weight_decay=decays[0])
        optimizer = _fused(optimizer)
    named = {"lr": DEFAULT_LR if lr is None else lr} if leaves_lr_open(optimizer) else {}
    made = _make("optimizer", "parameters and lr", optimizer, model.parameters(), **named)
    if not isinstance(made, Optimizer) or not made.param_groups:
        raise OptionError(
            f"expected optimizer to create a torch.optim optimizer, got {described(made)}"
        )
    _check_usable(made, replicas=count_replicas(model))
    rates = rates_of(made)
    if lr is not None and not _is_among(lr, rates):
        raise OptionError(
            f"lr={lr:g} cannot be combined with an optimizer made with lr={rates[0]:g}; "
            "omit one of the two"
        )
    return made


def leaves_lr_open(optimizer: OptimizerFactory) -> bool:
    """Whether an optimizer factory accepts a learning rate and has none set.

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
    except (TypeError, ValueError):  # not a function, or not written in Python
        return True
    return any(each.name == "lr" or each.kind is each.VAR_KEYWORD for each in takes)


def updates_elementwise(optimizer: OptimizerFactory) -> bool:
    """Whether an optimizer is one of PyTorch's that update each number on its own.

    Examples:
        >>> from torch.optim import SGD, Adafactor
        >>> updates_elementwise(partial(SGD, lr=0.5)), updates_elementwise(Adafactor)
        (True, False)
    """
    kind = optimizer.func if isinstance(optimizer, partial) else optimizer
    if not isinstance(kind, type) or not kind.__module__.startswith("torch.optim."):
        return False
    return not issubclass(kind, MIXING)


def _fused(optimizer: OptimizerFactory) -> OptimizerFactory:
    """Choose PyTorch's fused implementation, unless the factory chooses one."""
    kind, options = optimizer, dict[str, Any]()
    if isinstance(optimizer, partial):
        kind, options = optimizer.func, optimizer.keywords
    is_open = any(kind is each for each in FUSED) and options.keys().isdisjoint(IMPLEMENTATIONS)
    # If the learning rate is a tensor, only the other implementations compute in its precision.
    if not is_open or isinstance(options.get("lr"), Tensor):
        return optimizer
    return partial(optimizer, fused=True)


def rates_of(optimizer: Optimizer) -> list[float]:
    """Return the learning rate of each group of parameters."""
    return [float(group["lr"]) for group in optimizer.param_groups]


def make_scheduler(
    scheduler: SchedulerFactory | None, optimizer: Optimizer, *, replicas: int, epochs: int
) -> Any:
    """Create the learning-rate scheduler.

    Args:
        scheduler: The factory, or None.
        optimizer: The optimizer whose learning rate it changes.
        replicas: The number of replicas, or 0 for one model.
        epochs: The maximum number of epochs; the scheduler is stepped once in each.

    Raises:
        OptionError: If the scheduler can't be created or used by `fit`, or if it allows fewer
            steps than there are epochs.

    Examples:
        >>> from torch.optim import SGD
        >>> from torch.optim.lr_scheduler import StepLR
        >>> make_scheduler(StepLR, SGD(nn.Linear(5, 5).parameters()), replicas=0, epochs=9)
        Traceback (most recent call last):
        seqtoys.errors.OptionError: expected scheduler to require only an optimizer, got ...
    """
    if scheduler is None:
        return None
    made = _make("scheduler", "an optimizer", scheduler, optimizer)
    if not hasattr(made, "step"):
        raise OptionError(
            "expected scheduler to create a torch.optim.lr_scheduler scheduler, "
            f"got {described(made)}"
        )
    if replicas and isinstance(made, ReduceLROnPlateau):
        raise OptionError(
            "ReduceLROnPlateau cannot be combined with an ensemble, in which each replica has its "
            "own loss; use a scheduler that depends on the epoch alone"
        )
    most = _most_steps(made)
    if most < epochs:
        raise OptionError(
            f"expected a scheduler for {epochs:,} epochs, got {type(made).__name__} with "
            f"{most:,} steps, one per epoch; use the same number for both"
        )
    return made


def check_rate(
    lr: float | None, before: Sequence[float], optimizer: Optimizer, scheduler: Any
) -> float:
    """Return the learning rate that the scheduler starts from.

    Most schedulers start from the rate of the optimizer. A few, such as `OneCycleLR`, replace it
    and record their own as `initial_lr`.

    Args:
        lr: The `lr` passed to `fit`, or None.
        before: The result of `rates_of` before the scheduler was created.
        optimizer: The optimizer.
        scheduler: The scheduler, or None.

    Raises:
        OptionError: If `lr` is given and the scheduler replaces it.
    """
    groups = zip(optimizer.param_groups, before, strict=True)
    rates = [float(group.get("initial_lr", rate)) for group, rate in groups]
    if lr is not None and not _is_among(lr, rates):
        raise OptionError(
            f"lr={lr:g} cannot be combined with {type(scheduler).__name__}, which sets its own "
            f"initial learning rate, {rates[0]:g}; omit lr"
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
    """Step a scheduler at the end of an epoch.

    Args:
        scheduler: The scheduler, or None.
        watched: The loss that `ReduceLROnPlateau` monitors.

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
            f"expected an optimizer whose step needs no closure, got {name}; fit computes the "
            "loss only once per update"
        )
    if replicas and isinstance(optimizer, MIXING):
        raise OptionError(
            f"{name} cannot be combined with an ensemble, as it would mix the replicas; use an "
            "optimizer that updates each parameter elementwise"
        )


def _is_among(lr: float, rates: Sequence[float]) -> bool:
    return any(math.isclose(lr, rate, rel_tol=1e-6) for rate in rates)  # one may be a float32


def _most_steps(scheduler: Any) -> int | float:
    """Return the number of steps a scheduler allows; among PyTorch's, only `OneCycleLR` ends."""
    if isinstance(scheduler, OneCycleLR):
        return scheduler.total_steps
    parts = getattr(scheduler, "_schedulers", [])
    if not isinstance(scheduler, SequentialLR):
        return min(map(_most_steps, parts), default=math.inf)
    starts = [0, *scheduler._milestones]
    ends = [*scheduler._milestones, math.inf]
    for part, start, end in zip(parts, starts, ends, strict=True):
        last = start + _most_steps(part)
        if last + 1 < end:  # the next step still belongs to this part
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
                f"expected {name} to require only {needed}, got {called}: {error}; set further "
                f"arguments with functools.partial({called}, …)"
            ) from error
        raise OptionError(
            f"cannot create the {name}: {called} failed with {type(error).__name__}: {error}"
        ) from error


def _takes(factory: Callable[..., Any], *given: Any, **named: Any) -> bool:
    """Whether a function can be called with some arguments."""
    try:
        signature(factory).bind(*given, **named)
    except (TypeError, ValueError):
        return False
    return True
