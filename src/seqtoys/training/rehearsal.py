"""Trial updates with copies of the optimizer and scheduler, before training or resuming."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from seqtoys.errors import DataError
from seqtoys.support.serialization import Plain, mismatch
from seqtoys.training.optimizers import Optimizer, step_optimizer, step_scheduler


def rehearse(optimizer: Optimizer, scheduler: Any) -> None:
    """Make one update with zero gradients, on copies of an optimizer and its scheduler.

    PyTorch validates some options only then, such as `StepLR(…, step_size=0)` or, on a CPU,
    `Adam(…, capturable=True)`. Only PyTorch's own classes are tried, since copies of others may
    not work without the objects they were created with.

    Args:
        optimizer: The optimizer, before its first update.
        scheduler: Its scheduler, or None.

    Raises:
        OptionError: If the update fails.

    Examples:
        >>> from torch.optim import SGD
        >>> from torch.optim.lr_scheduler import StepLR
        >>> optimizer = SGD([torch.nn.Parameter(torch.ones(5))], lr=0.1)
        >>> rehearse(optimizer, StepLR(optimizer, step_size=0))
        Traceback (most recent call last):
        seqtoys.errors.OptionError: StepLR.step() failed with ZeroDivisionError: ...
    """
    if not _is_pytorchs(optimizer) or not (scheduler is None or _is_pytorchs(scheduler)):
        return
    if isinstance(optimizer, torch.optim.SparseAdam):  # does not accept dense gradients
        return
    with _undisturbed(optimizer):
        try:
            fresh, plan = copy.deepcopy((optimizer, scheduler))
        except Exception:  # the scheduler may refer to something that can't be copied
            return
        _update(fresh, plan)


def check_memory(optimizer: Optimizer, scheduler: Any, saved: Mapping[str, Plain]) -> None:
    """Check that an optimizer and its scheduler can resume from a saved state.

    Copies of both load the state and make one update with zero gradients. PyTorch itself loads any
    state, fails only at the first update, and in fused kernels reads past the end of tensors that
    are too short. Optimizers that can't be copied or need more than gradients are not checked.

    Args:
        optimizer: The optimizer, before its first update.
        scheduler: Its scheduler, or None.
        saved: The state of each, by name.

    Raises:
        DataError: If they can't resume.
    """
    with _undisturbed(optimizer):
        try:
            fresh, plan = copy.deepcopy((optimizer, scheduler))
            _update(fresh, plan)
        except Exception:  # whatever a user's own optimizer may raise
            return
        wrong = _misfit_of(optimizer, fresh, saved["optimizer"])
        if wrong is None and _is_pytorchs(scheduler):
            wrong = mismatch(saved["scheduler"], scheduler.state_dict(), "scheduler")
        if wrong is not None:
            raise DataError(wrong)
        try:
            trial, plan = copy.deepcopy((optimizer, scheduler))
            state = copy.deepcopy(saved)  # an optimizer updates its loaded state in place
            trial.load_state_dict(state["optimizer"])
            if plan is not None:
                plan.load_state_dict(state["scheduler"])
            _update(trial, plan)
        except Exception as error:
            raise DataError(f"the optimizer's next update fails ({error})") from error


def _update(optimizer: Any, scheduler: Any) -> None:
    for parameter in _parameters(optimizer):
        parameter.grad = torch.zeros_like(parameter)
    step_optimizer(optimizer)
    step_scheduler(scheduler, 1.0)


def _misfit_of(optimizer: Optimizer, updated: Any, saved: Plain) -> str | None:
    """Compare a saved state with the state of an optimizer after an update."""
    if not isinstance(optimizer, torch.optim.Optimizer):
        return None
    groups = optimizer.state_dict()["param_groups"]
    wrong = mismatch(saved["param_groups"], groups, "optimizer['param_groups']")
    if wrong is not None:
        return wrong
    if [group["params"] for group in saved["param_groups"]] != [g["params"] for g in groups]:
        return "optimizer['param_groups'] has other parameters"
    own = updated.state_dict()["state"]
    count = len(_parameters(optimizer))
    for at, memory in saved["state"].items():
        if type(at) is not int or not 0 <= at < count or not isinstance(memory, dict):
            return f"optimizer['state'][{at!r}] does not belong to a parameter"
        for name, value in memory.items():
            like = own.get(at, {}).get(name)
            if isinstance(like, Tensor | int | float):  # lists, as in L-BFGS, grow
                wrong = mismatch(value, like, f"optimizer['state'][{at}][{name!r}]")
                if wrong is not None:
                    return wrong
    return None


def _parameters(optimizer: Any) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _is_pytorchs(part: Any) -> bool:
    return type(part).__module__.startswith("torch.optim.")


@contextmanager
def _undisturbed(optimizer: Optimizer) -> Iterator[None]:
    """Preserve the random state and suppress warnings during a trial update."""
    on_gpu = {p.device for p in _parameters(optimizer) if p.device.type == "cuda"}
    with torch.random.fork_rng(devices=list(on_gpu)), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
