"""Checks of a model on its first batch: it must be causal, and treat sequences independently."""

from __future__ import annotations

import sys
import warnings

import torch
from jaxtyping import Int
from torch import Tensor, nn

from seqtoys.data.batch import Batch
from seqtoys.models.elman.network import ElmanNetwork
from seqtoys.models.forward import check_logits, run_model
from seqtoys.models.probing import undisturbed

ROWS, STEPS = 3, 16  # the part of a batch that is checked, unless more steps are asked for

LOOKS_AHEAD = (
    "{} looks ahead: changing symbols at later positions changes its logits at earlier ones. It "
    "can see its targets, so a loss below the optimum is meaningless. Mask the later positions, "
    "or pass check=False if this is intended."
)
MIXES_SEQUENCES = (
    "{} mixes the sequences of a batch: changing symbols in one sequence changes the logits of "
    "another. Its loss depends on the rest of the batch, so a loss below the optimum is "
    "meaningless. Set batch_first=True if a module expects (time, batch), or pass check=False if "
    "this is intended."
)
RETURNS_PROBABILITIES = (
    "{} returns probabilities: its logits are positive and their sum is 1 at each position. The "
    "loss applies a softmax itself, so it stays high however well the model predicts. Return the "
    "values before the softmax, or pass check=False if this is intended."
)


def check_model(
    model: nn.Module, batch: Batch, *, symbols: int | None = None, stepwise: bool = False
) -> None:
    """Warn if a model looks ahead, mixes sequences or returns probabilities, on part of a batch.

    The model is run in evaluation mode, without side effects on random states, buffers, modes or
    gradients. The library's own networks are causal by construction and are skipped. Models that
    are not deterministic or can't read part of the batch are not checked.

    Args:
        model: The model, or an ensemble.
        batch: The first training batch.
        symbols: The number of symbols, if known.
        stepwise: Whether to feed one symbol at a time.

    Raises:
        ShapeError: If the logits are not `(batch, time, vocab)`, whatever the sizes of the batch.
    """
    for fault in find_faults(model, batch, symbols=symbols, stepwise=stepwise):
        _warn(fault)


def find_faults(
    model: nn.Module,
    batch: Batch,
    *,
    symbols: int | None = None,
    stepwise: bool = False,
    steps: int = STEPS,
) -> list[str]:
    """Return what `check_model` warns of.

    Args:
        model: As for `check_model`.
        batch: As for `check_model`.
        symbols: As for `check_model`.
        stepwise: As for `check_model`.
        steps: The number of positions that are read. A model that looks further ahead than this
            is not found.

    Raises:
        ShapeError: If the logits are not `(batch, time, vocab)`, whatever the sizes of the batch.
    """
    network = getattr(model, "_orig_mod", model)  # of torch.compile, which would compile again
    if isinstance(network, ElmanNetwork) and network.is_unmodified:
        return []
    inputs = _part_of(batch.inputs, symbols, steps)
    changed = _other_symbols(inputs, symbols)
    given = (inputs, inputs, _change_later(inputs, changed), _change_middle_row(inputs, changed))
    found = [_read(network, each, symbols, stepwise) for each in given]
    if any(logits is None or not logits.is_floating_point() for logits in found):
        return []
    base, again, after_later, after_other = (x for x in found if x is not None)
    if _differ(base, again):
        return []
    half = _half(inputs)
    faults = {
        RETURNS_PROBABILITIES: _are_probabilities(base),
        LOOKS_AHEAD: _differ(base[..., :half, :], after_later[..., :half, :]),
        MIXES_SEQUENCES: _differ(base[..., ::2, :, :], after_other[..., ::2, :, :]),
    }
    return [fault.format(type(model).__name__) for fault, is_found in faults.items() if is_found]


def _part_of(
    inputs: Int[Tensor, "batch time"], symbols: int | None, steps: int
) -> Int[Tensor, "rows steps"]:
    """Select a few rows and steps, such that the numbers of rows, steps and symbols all differ.

    This reveals wrong shapes of logits, such as (batch, vocab, time).
    """
    most = min(inputs.shape[1], steps)
    steps = next((n for n in range(most, 0, -1) if n not in (ROWS, symbols)), most)
    rows = torch.arange(ROWS, device=inputs.device) % len(inputs)
    return inputs[rows, :steps]


def _half(inputs: Tensor) -> int:
    return (inputs.shape[1] + 1) // 2


def _change_later(inputs: Int[Tensor, "rows steps"], changed: Tensor) -> Tensor:
    at = _half(inputs)
    return torch.cat([inputs[:, :at], changed[:, at:]], 1)


def _change_middle_row(inputs: Int[Tensor, "rows steps"], changed: Tensor) -> Tensor:
    """Change the middle row only."""
    return torch.stack([inputs[0], changed[1], inputs[2]])


def _other_symbols(inputs: Tensor, symbols: int | None) -> Tensor:
    """Replace each symbol by another one that occurs, so that any model can read it."""
    known = inputs.unique()
    if len(known) == 1 and symbols is not None:
        known = torch.arange(symbols, device=inputs.device, dtype=inputs.dtype)
    others: Tensor = known[(torch.searchsorted(known, inputs) + 1) % len(known)]
    return others


def _read(model: nn.Module, inputs: Tensor, symbols: int | None, stepwise: bool) -> Tensor | None:
    try:
        with undisturbed(model):
            logits = run_model(model, inputs, stepwise=stepwise)
    except Exception:  # from the model; training will raise it, too, unless the part is too small
        return None
    # Detached, as a view of a weight requires gradients even if it is made under no_grad.
    return check_logits(logits.detach(), model, inputs, symbols)


def _are_probabilities(logits: Tensor) -> bool:
    sums = logits.float().sum(-1)
    return bool((logits > 0).all()) and torch.allclose(sums, torch.ones_like(sums), atol=1e-3)


def _differ(logits: Tensor, others: Tensor) -> bool:
    """Whether logits differ by more than rounding."""
    finite = logits[logits.isfinite()].abs()
    largest = max(1.0, float(finite.max())) if len(finite) else 1.0
    rounding = 64 * torch.finfo(logits.dtype).eps * largest
    return bool(((logits - others).abs() > rounding).any())


def _warn(message: str) -> None:
    """Warn at the line that called the library."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and _is_inside(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=level)


def _is_inside(module: str) -> bool:
    return module.partition(".")[0] == "seqtoys"
