"""Step-by-step inference: read one symbol at a time, and return the next logits in NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from typing import Any, TypeAlias, TypeGuard

import numpy as np
import torch
from torch import nn

from seqtoys.errors import InputTypeError, ShapeError
from seqtoys.models.elman.ensemble import ElmanEnsemble
from seqtoys.models.elman.layers import weight_of
from seqtoys.models.elman.model import ElmanCharModel
from seqtoys.models.elman.network import ElmanNetwork
from seqtoys.models.forward import Replicated, count_replicas, in_mode
from seqtoys.models.reading import make_reader
from seqtoys.support.arrays import Array

Read: TypeAlias = Callable[[Any], Array]
"""Reads one symbol of each text, updates the states, and returns the logits `(*texts, vocab)`."""

_OF_NUMPY = (torch.float32, torch.float64)


@dataclass(frozen=True)
class Stepper:
    """Reads texts symbol by symbol, from the initial state.

    Attributes:
        read: Reads a symbol of each text: one index for all, or an array `(*texts,)`.
        around: Returns a context manager for reading, which sets modes, gradients and warnings.
    """

    read: Read
    around: Callable[[], AbstractContextManager[object]]


def make_stepper(model: object, texts: tuple[int, ...], vocab_size: int) -> Stepper:
    """Create a stepper of one or more texts in parallel.

    Args:
        model: An `ElmanCharModel`, an `ElmanEnsemble`, any model with `step` and
            `initial_hidden`, any other module, or an ensemble of such models.
        texts: The shape of the texts: `(replicas, texts)` for an ensemble, `(texts,)`, or `()` for
            one text.
        vocab_size: The number of symbols.

    Raises:
        InputTypeError: If the model is neither a module nor has `step` and `initial_hidden`.
        DeviceError: If it is on the meta device.

    Examples:
        >>> from seqtoys import Vocab
        >>> stepper = make_stepper(ElmanCharModel(Vocab("hielo")), (3,), 5)
        >>> stepper.read(0).shape, stepper.read(np.array([1, 2, 3])).shape
        ((5,), (3, 5))
    """
    if _is_for_numpy(model):
        quiet = partial(np.errstate, over="ignore", invalid="ignore")
        return Stepper(_elman_reader(model), quiet)
    if not isinstance(model, Replicated):
        return Stepper(_text_reader(model, texts, vocab_size), partial(evaluating, model))
    if isinstance(model, ElmanEnsemble) or not hasattr(model, "__getitem__"):
        return Stepper(_ensemble_reader(model, texts, vocab_size), partial(evaluating, model))
    replicas = replicas_of(model)
    readers = [_text_reader(replica, texts[1:], vocab_size) for replica in replicas]

    def read(symbols: Any) -> Array:
        rows = np.broadcast_to(symbols, texts)
        return np.stack([read(row) for read, row in zip(readers, rows, strict=True)])

    return Stepper(read, partial(evaluating, *replicas))


def _is_for_numpy(model: object) -> TypeGuard[ElmanCharModel | ElmanEnsemble]:
    """Whether a model is unmodified, with weights that NumPy can access without a copy."""
    if not isinstance(model, ElmanNetwork) or not model.is_unmodified:
        return False
    weight = weight_of(model.get_submodule("rnn"), "weight_hh_l0")  # all weights are alike
    return weight.device.type == "cpu" and weight.dtype in _OF_NUMPY


def _elman_reader(model: ElmanCharModel | ElmanEnsemble) -> Read:
    """Implement `step` in NumPy, whose calls on single vectors take half the time of PyTorch's.

    States are `(units,)` or `(texts, units)`; for an ensemble, `(replicas, texts, units)`.
    """
    replicas, settings = count_replicas(model), model.settings
    weights = {
        f"{name}.{key}": weight.detach().numpy()
        for name, part in model.named_children()
        for key, weight in part._parameters.items()
        if weight is not None
    }

    def matrix(name: str) -> Array:  # ([replicas,] from, to), a view
        return np.ascontiguousarray(weights[name]).swapaxes(-1, -2)

    def bias_of(*names: str) -> Array:  # (to,), or (replicas, 1, to)
        first, *others = (weights[name] for name in names)
        bias: Array = sum(others, first)
        return bias[:, np.newaxis] if replicas else bias

    layers = range(settings.num_layers)
    recurrent = [matrix(f"rnn.weight_hh_l{i}") for i in layers]
    upward = [
        (matrix(f"rnn.weight_ih_l{i}"), bias_of(f"rnn.bias_ih_l{i}", f"rnn.bias_hh_l{i}"))
        for i in layers
    ]
    if settings.hidden_size is not None:
        upward.append((matrix("readout.weight"), bias_of("readout.bias")))
    (rows, bias), *upward = upward
    if settings.embedding_size is not None:
        rows = weights["embedding.weight"] @ rows
    rows = np.ascontiguousarray(rows) + bias  # ([replicas,] symbols, units)
    states = [np.zeros_like(bias) for _ in layers]
    squash: Callable[[Array], Array] = (
        np.tanh if settings.nonlinearity == "tanh" else partial(np.maximum, 0)
    )
    multiply: Callable[[Array, Array], Array] = np.matmul if replicas else np.ndarray.dot
    each = np.arange(replicas)[:, np.newaxis]  # (replicas, 1)

    stages = list(zip_longest(recurrent, upward))  # without a readout, the last `above` is None

    def read(symbols: Any) -> Array:
        vectors: Array = rows[each, symbols] if replicas else rows[symbols]  # (*texts, units)
        for layer, (weight_hh, above) in enumerate(stages):
            vectors = states[layer] = squash(vectors + multiply(states[layer], weight_hh))
            if above is not None:
                weight, bias = above
                vectors = multiply(vectors, weight) + bias  # (*texts, units above, or vocab)
        return vectors

    return read


def _ensemble_reader(ensemble: Replicated, texts: tuple[int, ...], vocab_size: int) -> Read:
    """Read with an ensemble whose replicas can't be separated, such as a modified `ElmanEnsemble`.

    All replicas read all texts, but only the logits for its own texts are kept for each.
    """
    replicas = np.arange(texts[0])
    read_all = _text_reader(ensemble, texts, vocab_size, replicas=texts[:1])

    def read(symbols: Any) -> Array:
        logits = read_all(np.broadcast_to(symbols, texts).ravel())  # (replicas, *texts, vocab)
        return logits[replicas, replicas]  # (*texts, vocab)

    return read


def _text_reader(
    model: object, texts: tuple[int, ...], vocab_size: int, *, replicas: tuple[int, ...] = ()
) -> Read:
    batch = math.prod(texts)
    read_symbols = make_reader(model, batch)

    def read(symbols: Any) -> Array:
        logits, _ = read_symbols(torch.from_numpy(np.full(batch, symbols)))  # (batch,)
        if logits.shape != (*replicas, batch, vocab_size):
            raise ShapeError(
                "expected the model to return logits of shape (batch, vocab) = "
                f"({batch}, {vocab_size}) for each symbol, got {tuple(logits.shape)}"
            )
        return logits.detach().cpu().double().numpy().reshape(*replicas, *texts, vocab_size)

    return read


def replicas_of(ensemble: Replicated) -> list[Any]:
    """Return the replicas of an ensemble as separate models.

    Raises:
        InputTypeError: If it cannot be indexed.
    """
    if not hasattr(ensemble, "__getitem__"):
        raise InputTypeError(
            "expected an ensemble that can be indexed, as in model[0], got "
            f"{type(ensemble).__name__}; define __getitem__"
        )
    return [ensemble[replica] for replica in range(len(ensemble.seeds))]


@contextmanager
def evaluating(*models: object) -> Iterator[None]:
    """Put modules in evaluation mode, and disable gradients.

    Args:
        models: The models; those that are not modules have no modes.
    """
    with torch.no_grad(), ExitStack() as modes:
        for model in models:
            if isinstance(model, nn.Module):
                modes.enter_context(in_mode(model, training=False))
        yield
