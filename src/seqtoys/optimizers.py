"""Optimizers and schedulers, made of what a user gives for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, runtime_checkable

import torch
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from seqtoys.errors import OptionError
from seqtoys.fused_adam import FusedAdam
from seqtoys.kinds import described
from seqtoys.learner import writes_gradients


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


def make_optimizer(
    optimizer: OptimizerFactory, model: nn.Module, lr: float, *, is_scheduled: bool
) -> Optimizer:
    """Make an optimizer, a fused one for networks whose gradients are written out.

    Args:
        optimizer: What makes it.
        model: What it updates.
        lr: The learning rate.
        is_scheduled: Whether a scheduler is to change that.

    Raises:
        OptionError: If it takes something else than parameters and `lr=`, or makes something else.
    """
    lr = float(lr)  # of an integer, PyTorch has room for 64 bits only
    if optimizer is torch.optim.Adam and writes_gradients(model):
        if is_scheduled:  # by what takes PyTorch's own optimizers only
            return torch.optim.Adam(model.parameters(), lr=lr, fused=True)
        return FusedAdam(model.parameters(), lr=lr)
    made = _make("optimizer", "parameters and lr", optimizer, model.parameters(), lr=lr)
    if not isinstance(made, Optimizer):
        raise OptionError(
            f"expected optimizer to make an optimizer of torch.optim, got {described(made)}"
        )
    return made


def make_scheduler(
    scheduler: SchedulerFactory | None, optimizer: Optimizer, *, replicas: int
) -> Any:
    """Make a scheduler of the learning rate.

    Args:
        scheduler: What makes it; None: there is none.
        optimizer: Whose learning rate it changes.
        replicas: The number of replicas that are trained; 0: one model.

    Raises:
        OptionError: If it takes more than an optimizer, or makes something else.

    Examples:
        >>> from torch.optim import SGD
        >>> from torch.optim.lr_scheduler import StepLR
        >>> make_scheduler(StepLR, SGD(nn.Linear(5, 5).parameters()), replicas=0)
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
    return made


def _make(name: str, needed: str, factory: Callable[..., Any], *given: Any, **named: Any) -> Any:
    try:
        return factory(*given, **named)
    except TypeError as error:
        called = getattr(factory, "__name__", described(factory))
        raise OptionError(
            f"expected {name} to need no more than {needed}, got {called}: {error}; "
            f"functools.partial({called}, …) gives it the rest"
        ) from error
