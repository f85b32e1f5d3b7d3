"""The choice between two ways to run replicas, checked against each replica alone."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from seqtoys.errors import ROOM, InputTypeError
from seqtoys.models.ensembles.attributes import contents_of, has_changed, restore_contents
from seqtoys.models.ensembles.running import (
    Call,
    Output,
    Tensors,
    run_batched,
    run_in_turn,
    state_of,
)
from seqtoys.models.ensembles.stacking import empty, fill
from seqtoys.models.probing import undisturbed
from seqtoys.support.rng_state import GlobalRngState

WITH_SHARED, BATCHED, IN_TURN = range(3)
"""How replicas are run: with buffers that are the same in all replicas left unbatched; with all
tensors batched; one after another."""

NO_RULE = "There is a performance drop"
"""The warning of PyTorch about an operation that it runs for one replica after another."""


class Runner:
    """Runs models of the same structure, batched as far as possible.

    The first inputs in each mode decide whether they can be batched: if `torch.vmap` can't run the
    model, if the model stores something, or if the logits differ from those of a replica alone,
    the replicas run one after another from then on.

    Args:
        models: The models, whose parameters and buffers are empty.
        obstacle: Why they can't be batched, if that is already known.

    Attributes:
        level: How they are run.
        reason: Why they are run one after another, or None if they are not.
        modes: Whether each part of a model is in training mode.
    """

    def __init__(self, models: Sequence[nn.Module], obstacle: str | None) -> None:
        self.models: list[nn.Module] = list(models)
        self.level: int = WITH_SHARED if obstacle is None else IN_TURN
        self.reason: str | None = obstacle
        self.modes: list[bool] = [part.training for part in models[0].modules()]
        self._proven: set[tuple[str, bool]] = set()
        self._is_shared: dict[str, tuple[Tensor, int, bool]] = {}

    def run(
        self, name: str, call: Call, tensors: Tensors, state: Any, *, trial: Call | None = None
    ) -> tuple[Output, Tensors]:
        """Run all replicas.

        Args:
            name: What the call does: it is checked once for each name and mode.
            call: Runs one model.
            tensors: The parameters and buffers.
            state: The states of all replicas, if any.
            trial: Runs one model on part of the same inputs, to compare each replica with the
                batched result. If None, the whole call is compared.

        Returns:
            What the models return, replicas first; and the buffers that have changed.

        Raises:
            InputTypeError: If the models keep their weights where they can't be replaced.
            Exception: Whatever the models raise when run one after another.
        """
        level, reason = self.level, self.reason
        while level < IN_TURN:
            with _undone_on_failure(self.models[0], tensors) as failure:
                found = self._run_batched(name, (call, trial or call), tensors, state, level)
            if not failure:
                self.level = level
                return found
            reason = failure[0]
            level = BATCHED if level == WITH_SHARED and self._shared(tensors) else IN_TURN
        for model in self.models:
            self._set_modes(model)
        try:
            found = run_in_turn(self.models, call, tensors, state)
        except Exception as error:
            self._check_uses_given_weights(call, tensors, state, error)
            raise
        self.level, self.reason = IN_TURN, reason
        return found

    def _run_batched(
        self, name: str, calls: tuple[Call, Call], tensors: Tensors, state: Any, level: int
    ) -> tuple[Output, Tensors]:
        """Run all replicas at once; check the result if it is the first in this mode.

        Raises:
            Exception: If they can't be batched.
        """
        model = self.models[0]
        self._set_modes(model)
        shared = self._shared(tensors) if level == WITH_SHARED else set()
        case, (call, trial) = (name, model.training), calls
        if case in self._proven:
            return run_batched(model, call, tensors, state, shared)
        with warnings.catch_warnings():
            warnings.filterwarnings("error", NO_RULE)
            copies = _with_copied_weights(tensors)
            # cuDNN runs a replica alone in lower precision by default (TF32), so that it would
            # seem to differ, and can't compute gradients of recurrent networks in evaluation mode.
            with torch.backends.cudnn.flags(enabled=False):
                self._check_agreement(trial, copies, state, shared)
                if torch.is_grad_enabled():
                    self._check_gradients(trial, copies, state, shared)
            before = contents_of(model)
            found = run_batched(model, call, tensors, state, shared)
        if has_changed(model, before):
            raise NotBatchedError(f"{type(model).__name__} stores values in attributes")
        self._proven.add(case)
        return found

    def _check_agreement(self, call: Call, tensors: Tensors, state: Any, shared: set[str]) -> None:
        """Check, in evaluation mode, that each replica gives the same result alone.

        Models that are random even in that mode can't be checked.

        Raises:
            NotBatchedError: If the results differ.
        """
        with undisturbed(self.models[0]):
            batched, _ = run_batched(self.models[0], call, tensors, state, shared)
        for at, model in enumerate(self.models):
            together = {name: state_of(values, at) for name, values in batched.items()}
            (alone,) = _run_alone(model, call, tensors, state, at, times=1)
            if not _agree(alone, together) and _agree(
                *_run_alone(model, call, tensors, state, at, times=2)
            ):
                raise NotBatchedError(
                    f"{type(model).__name__} gives different results when batched"
                )

    def _check_gradients(self, call: Call, tensors: Tensors, state: Any, shared: set[str]) -> None:
        """Check that the gradients of the first replica are those it has alone.

        Raises:
            Exception: If they differ, or if they can't be computed.
        """
        model = self.models[0]
        names = [name for name, weight in model.named_parameters() if weight.requires_grad]
        names = [name for name in names if tensors.parameters[name].requires_grad]
        with undisturbed(model), torch.enable_grad():
            batched, _ = run_batched(model, call, tensors, state, shared)
            found = _gradients(batched, [tensors.parameters[name] for name in names])
        with _as_replica(model, tensors, 0), torch.enable_grad():
            weights = dict(model.named_parameters())
            output = call(model, state_of(state, 0))
            expected = _gradients(output, [weights[name] for name in names])
        if any(_differ(one[0], other) for one, other in zip(found, expected, strict=True)):
            raise NotBatchedError(f"{type(model).__name__} gives different gradients when batched")

    def _check_uses_given_weights(
        self, call: Call, tensors: Tensors, state: Any, error: Exception
    ) -> None:
        """Check that an error is the model's own: that its first replica fails alone, too."""
        model = self.models[0]
        try:
            with _as_replica(model, tensors, 0):
                self._set_modes(model)
                call(model, state_of(state, 0))
        except Exception:
            return
        raise InputTypeError(
            f"expected {type(model).__name__} to refer to its weights as self.… in forward, got "
            "weights stored elsewhere, such as in a closure; an Ensemble can't replace those"
        ) from error

    def _set_modes(self, model: nn.Module) -> None:
        for part, mode in zip(model.modules(), self.modes, strict=True):
            part.training = mode

    def _shared(self, tensors: Tensors) -> set[str]:
        """Return the names of the buffers that are the same in all replicas, such as masks."""
        for name, buffer in tensors.buffers.items():
            known = self._is_shared.get(name)
            if known is None or known[0] is not buffer or known[1] != buffer._version:
                is_same = torch.equal(buffer, buffer[:1].expand_as(buffer))
                self._is_shared[name] = buffer, buffer._version, is_same
        return {name for name in tensors.buffers if self._is_shared[name][2]}


class NotBatchedError(Exception):
    """Replicas that run together would not compute what each computes alone."""


@contextmanager
def _undone_on_failure(model: nn.Module, tensors: Tensors) -> Iterator[list[str]]:
    """Catch an exception, undo the side effects before it, and describe it in the list."""
    failure: list[str] = []
    before = contents_of(model)
    stacks = iter([*tensors.parameters.values(), torch.zeros(0, device="cpu")])
    generators = GlobalRngState(next(stacks).device)
    drawn = generators.state()
    try:
        yield failure
    except Exception as error:  # from the model, or from vmap
        failure.append(_summary_of(error))
        restore_contents(model, before)
        generators.restore(drawn)


def _summary_of(error: Exception) -> str:
    if isinstance(error, NotBatchedError):
        return str(error)
    line = str(error).partition("\n")[0].partition(". ")[0]
    if line.startswith(NO_RULE):
        return f"torch.vmap has no batching rule for {line.rpartition(' ')[2]}"
    return f"{type(error).__name__}: {line if len(line) <= ROOM else line[:ROOM] + '…'}"


def _run_alone(
    model: nn.Module, call: Call, tensors: Tensors, state: Any, at: int, *, times: int
) -> list[Output]:
    """Run a replica as an ordinary module, one or more times, without side effects."""
    with _as_replica(model, tensors, at):
        return [call(model, state_of(state, at)) for _ in range(times)]


@contextmanager
def _as_replica(model: nn.Module, tensors: Tensors, at: int) -> Iterator[None]:
    """Temporarily give a model the tensors of a replica; all its side effects are undone."""
    stacks = {**tensors.parameters, **tensors.buffers}
    fill(model, {name: stack[at] for name, stack in stacks.items()})
    try:
        with undisturbed(model):
            yield
    finally:
        empty(model)


def _with_copied_weights(tensors: Tensors) -> Tensors:
    """Copy the weights, which a model may change."""
    copies = {id(weight): weight.detach().clone() for weight in tensors.parameters.values()}
    for weight in tensors.parameters.values():
        copies[id(weight)].requires_grad_(weight.requires_grad)
    parameters = {name: copies[id(weight)] for name, weight in tensors.parameters.items()}
    return Tensors(parameters, tensors.buffers)


def _gradients(output: Output, weights: Sequence[Tensor]) -> Sequence[Tensor]:
    """Return the gradients of the logits, or nothing if they do not depend on any weight."""
    if "logits" not in output or not output["logits"].requires_grad:
        return []
    total = output["logits"].square().sum()
    return torch.autograd.grad(total, weights, allow_unused=True, materialize_grads=True)


def _leaves(output: Output) -> list[Tensor]:
    nested = (v if isinstance(v, tuple) else (v,) for v in output.values())
    return [tensor for values in nested for tensor in values]


def _agree(one: Output, other: Output) -> bool:
    return not any(map(_differ, _leaves(one), _leaves(other)))


def _differ(one: Tensor, other: Tensor) -> bool:
    """Whether tensors differ by more than rounding."""
    if not one.is_floating_point() and not one.is_complex():
        return not torch.equal(one, other)
    sizes = one.abs().flatten()
    largest = torch.cat([sizes[sizes.isfinite()], sizes.new_ones(1)]).max().item()
    near = torch.finfo(one.dtype).eps ** 0.5 * largest
    return not torch.allclose(one, other, rtol=0.0, atol=near, equal_nan=True)
