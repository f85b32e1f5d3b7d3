"""Checks of a model: shapes, finite logits, and no look ahead."""

from __future__ import annotations

import torch
from torch import nn

from seqtoys.data.batch import Batch
from seqtoys.errors import DataError, NonFiniteLossError
from seqtoys.models.forward import logits_of
from seqtoys.models.model_checks import find_faults
from seqtoys.models.probing import undisturbed

ADVICE = ", or pass check=False if this is intended"


def check_sound(model: nn.Module, batch: Batch, symbols: int) -> None:
    """Check that the scores of a model would mean something, before it is trained.

    Unlike `fit`, which only warns, the score card has no use for a model that can see its targets.

    Args:
        model: The model.
        batch: Sequences as in training.
        symbols: The number of symbols.

    Raises:
        ShapeError: If its logits are not `(batch, time, vocab)`.
        NonFiniteLossError: If they are not finite.
        DataError: If it looks ahead, mixes the sequences of a batch, or returns probabilities.

    Examples:
        >>> from seqtoys import ElmanCharModel, get_task
        >>> task = get_task("parity")
        >>> check_sound(ElmanCharModel(task.vocab), task.sample(8), len(task.vocab))
    """
    with undisturbed(model):
        logits = logits_of(model, batch.inputs, symbols=symbols)
    if not torch.isfinite(logits).all():
        raise NonFiniteLossError(
            "the logits are inf or nan before training; check the initialization of the model"
        )
    check_causal(model, batch, symbols)


def check_causal(model: nn.Module, batch: Batch, symbols: int) -> None:
    """Check that a model does not look ahead, mix sequences, or return probabilities.

    A part whose weights are initially zero, such as a gated residual branch, does so only once it
    has been trained.

    Args:
        model: The model.
        batch: Sequences as in training.
        symbols: The number of symbols.

    Raises:
        DataError: If it does.

    Examples:
        >>> from seqtoys import ElmanCharModel, get_task
        >>> task = get_task("parity")
        >>> check_causal(ElmanCharModel(task.vocab), task.sample(8), len(task.vocab))
    """
    for fault in find_faults(model, batch, symbols=symbols, steps=batch.inputs.shape[1]):
        raise DataError(fault.replace(ADVICE, ""))
