"""Saving and loading of models with their history, and the checkpoint options of `fit`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from seqtoys.data.vocab import Vocab
from seqtoys.errors import InputTypeError, ModelFileError
from seqtoys.models.elman.initialization import weight_shapes
from seqtoys.models.elman.model import ElmanCharModel
from seqtoys.models.elman.settings import ElmanSettings
from seqtoys.models.elman.ensemble import ElmanEnsemble
from seqtoys.models.replaceable import loss_of
from seqtoys.models.trained import note_training
from seqtoys.records.ensemble_history import EnsembleHistory
from seqtoys.records.history import History
from seqtoys.records.predictions import Predictions
from seqtoys.support.annotations import described
from seqtoys.support.arguments import check_type, checked
from seqtoys.support.atomic_file import PathLike
from seqtoys.support.devices import device_of, on_cpu
from seqtoys.support.named import named
from seqtoys.support.serialization import MALFORMED, Plain
from seqtoys.support.tensor_file import (
    TensorFile,
    brief_error,
    read_file,
    shortened,
    weights_mismatch,
    write_file,
)
from seqtoys.support.values import check_length

KINDS = {kind.__name__: kind for kind in (ElmanCharModel, ElmanEnsemble)}


@dataclass(frozen=True)
class Checkpoint:
    """Where and how often `fit` saves a training run, so that it can be resumed.

    `fit` writes the file atomically before the first epoch, then every `every` epochs, at the end,
    and on Ctrl-C.

    `fit` does not replace an unfinished training run unless it resumes that run. Otherwise,
    running the same notebook cell twice would destroy the run that Ctrl-C saved. It also does not
    replace a file that this library did not write. A saved model and a finished training run are
    replaced.

    Attributes:
        path: The file.
        every: The number of epochs between saves. For a tiny model, writing to disk takes longer
            than an epoch.
        overwrite: Whether to replace the file regardless of its contents.

    Raises:
        OptionError: If `every` is not a positive integer.

    Examples:
        >>> Checkpoint("hello.safetensors", every=100)
        Checkpoint(path='hello.safetensors', every=100, overwrite=False)
    """

    path: PathLike
    every: int
    overwrite: bool = False

    def __post_init__(self) -> None:
        check_type("path", self.path, PathLike)
        vars(self)["every"] = check_length(self.every, "every")
        vars(self)["overwrite"] = check_type("overwrite", self.overwrite, bool)


@named
def save(
    model: ElmanCharModel | ElmanEnsemble,
    path: PathLike,
    *,
    history: History | EnsembleHistory | None = None,
    overwrite: bool = False,
) -> None:
    """Save a model in one safetensors file: its weights, vocabulary, settings and seeds.

    The same model and history give the same bytes. A crash leaves the old file or the new one,
    never a partial file. The weights have the names and shapes of `model.state_dict()`, so any
    safetensors reader can load them. Everything else is JSON under the key `seqtoys` of the file's
    metadata, except for the columns of a history, which are additional tensors.

    Args:
        model: The model, or an ensemble.
        path: The file. A saved model or a finished training run at this path is replaced; an
            unfinished run, or a file that this library did not write, is not.
        history: The history returned by `fit`; `load_history` loads it.
        overwrite: Whether to replace the file regardless of its contents.

    Raises:
        ModelFileError: If the file cannot be written, or must not be replaced. An existing file
            is then unchanged.
        InputTypeError: If the model is of another class, whose code cannot be saved.
        DeviceError: If it is on the meta device, without values.
        SeqtoysError: If the predictions of the history contain symbols unknown to the model.

    Examples:
        >>> import tempfile
        >>> model = ElmanCharModel(Vocab("hielo"), seed=777)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(model, f"{folder}/hello.safetensors")
        ...     again = load(f"{folder}/hello.safetensors")
        >>> torch.equal(again.rnn.weight_hh_l0, model.rnn.weight_hh_l0)
        True
    """
    check_type("path", path, PathLike)
    check_type("history", history, History | EnsembleHistory | None)
    check_type("overwrite", overwrite, bool)
    if type(model) not in KINDS.values():
        hint = ", whose code cannot be saved; save its weights with safetensors.torch.save_model"
        raise InputTypeError(
            "expected model to be an ElmanCharModel or an ElmanEnsemble, got "
            f"{described(model)}{hint if isinstance(model, nn.Module) else ''}"
        )
    device_of(model)  # raises an error if the model has no values
    weights = model.state_dict()
    wrong = weights_mismatch(_shapes_and_types(_facts_of(model), weights), weights)
    if wrong is not None:
        raise InputTypeError(f"expected a model with its original weights, but {wrong}")
    if not model.has_own_parts:
        raise InputTypeError(
            "expected an unmodified model, got one with replaced parts, options or methods, or "
            "with shared weights, which cannot be saved; save its weights with "
            "safetensors.torch.save_model"
        )
    states = {} if history is None else {"history": _history_state(history, model.vocab)}
    lost = None if overwrite else loss_of(path)
    if lost is not None:
        raise ModelFileError(
            f"can't write {os.fsdecode(path)}: it holds {lost}; choose another path, or pass "
            "overwrite=True to replace it"
        )
    write_model(path, model, states, weights)


@checked
def load(path: PathLike) -> ElmanCharModel | ElmanEnsemble:
    """Load a saved model, or the model of a checkpoint, on the CPU and with its original dtype.

    Nothing in a file is ever executed. The metadata is checked against the tensors before
    anything is built.

    Args:
        path: The file.

    Raises:
        ModelFileError: If the file is missing, truncated, corrupted, foreign, too new, or
            inconsistent; the message states which.

    Examples:
        >>> load("none")
        Traceback (most recent call last):
        seqtoys.errors.ModelFileError: expected a model file at none, found nothing; check the path
    """
    file = read_file(path)
    try:
        return _build(file)
    except MALFORMED as error:
        raise file.file_error(
            f"metadata that does not describe a model ({brief_error(error)})"
        ) from error


@checked
def load_history(path: PathLike) -> History | EnsembleHistory:
    """Load the history saved with a model, or the history so far of a checkpoint.

    Args:
        path: The file.

    Raises:
        ModelFileError: As in `load`, or if the file has no history.

    Examples:
        >>> import tempfile
        >>> from seqtoys import fit
        >>> model = ElmanCharModel(Vocab("hielo"), seed=777)
        >>> history = fit(model, "hihello", epochs=5)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(model, f"{folder}/hello.safetensors", history=history)
        ...     load_history(f"{folder}/hello.safetensors") == history
        True
    """
    file = read_file(path)
    if "history" not in file.facts:
        raise file.file_error("one without a history; save it with save(model, path, history=…)")
    try:
        return _history_of(file.state("history"))
    except MALFORMED as error:
        raise file.file_error(
            f"metadata that does not describe a history ({brief_error(error)})"
        ) from error


def write_model(
    path: PathLike, model: nn.Module, states: Mapping[str, Plain], weights: Mapping[str, Any]
) -> None:
    """Write any module with some `weights`, a state dict, together with states."""
    tensors = {name: x for name, x in weights.items() if isinstance(x, Tensor)}
    write_file(path, tensors, {"model": describe(model)}, states)


def describe(model: nn.Module) -> dict[str, Any]:
    """Return the metadata needed to rebuild a model; for user-defined modules, only the class.

    Examples:
        >>> describe(nn.Linear(2, 2))
        {'kind': 'Linear'}
    """
    is_own = type(model) not in KINDS.values()
    if is_own or not isinstance(model, ElmanCharModel | ElmanEnsemble):
        return {"kind": type(model).__name__}
    if not model.has_own_parts:  # cannot be rebuilt
        return {"kind": f"modified {type(model).__name__}"}
    return _facts_of(model)


def _facts_of(model: ElmanCharModel | ElmanEnsemble) -> dict[str, Any]:
    return {
        "kind": type(model).__name__,
        "vocab": list(model.vocab),
        "settings": asdict(model.settings),
        "seeds": [model.seed] if isinstance(model, ElmanCharModel) else list(model.seeds),
    }


def _build(file: TensorFile) -> ElmanCharModel | ElmanEnsemble:
    about, weights = file.facts["model"], file.weights()
    if about["kind"] not in KINDS:
        raise file.file_error(
            f"the training run of another class ({shortened(about['kind'])}), whose code is not "
            "in the file; create such a model and pass it to fit with resume=…"
        )
    wrong = weights_mismatch(_shapes_and_types(about, weights), weights)
    if wrong is not None:
        raise file.file_error(f"weights that don't match its metadata: {wrong}")
    # The initial weights are overwritten, so use the fastest initialization.
    model = _make(about, {**about["settings"], "recurrent_init": "uniform"})
    model.settings = ElmanSettings(**about["settings"])
    model.to(_dtype(weights)).load_state_dict(weights)
    if "history" in file.facts:
        history = file.state("history")
        note_training(model, history["epochs_before"] + len(history["lr"]))
    return model


@on_cpu()
def _make(about: Mapping[str, Any], settings: Mapping[str, Any]) -> ElmanCharModel | ElmanEnsemble:
    vocab, seeds = Vocab(about["vocab"]), about["seeds"]
    if about["kind"] == ElmanEnsemble.__name__:
        return ElmanEnsemble(vocab, seeds, **settings)
    (seed,) = seeds
    return ElmanCharModel(vocab, seed=seed, **settings)


def _shapes_and_types(
    about: Mapping[str, Any], weights: Mapping[str, Tensor]
) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
    """Return the expected shapes of a model's weights, with the dtype that the weights have."""
    settings = ElmanSettings(**about["settings"])
    if settings.num_layers > len(weights):  # guards the loops below against absurd metadata
        raise ValueError(f"{settings.num_layers} layers with {len(weights)} tensors")
    replicas = (len(about["seeds"]),) if about["kind"] == ElmanEnsemble.__name__ else ()
    shapes = weight_shapes(len(about["vocab"]), settings)
    return {name: ((*replicas, *shape), _dtype(weights)) for name, shape in shapes.items()}


def _dtype(weights: Mapping[str, Tensor]) -> torch.dtype:
    dtype: torch.dtype = getattr(weights.get("rnn.weight_hh_l0"), "dtype", torch.float32)
    return dtype if dtype.is_floating_point else torch.float32


def _history_state(history: History | EnsembleHistory, vocab: Vocab) -> dict[str, Plain]:
    state = history.state()
    if isinstance(history, History):
        written = history.predictions
        state["predictions"] = Predictions.read(written, vocab).state() if written else None
    return state


def _history_of(state: Mapping[str, Plain]) -> History | EnsembleHistory:
    if "seeds" in state:
        return EnsembleHistory.from_state(state)
    kept = state["predictions"]
    written = [] if kept is None else Predictions.from_state(kept).written()
    return History.from_state({**state, "predictions": written})
