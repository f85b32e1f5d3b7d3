"""Saving and loading of models with their history."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from seqtoys.data.vocab import Vocab
from seqtoys.errors import InputTypeError, ModelFileError
from seqtoys.models.char_model import CharModel, plan
from seqtoys.models.deltanet import DeltaNetCharModel
from seqtoys.models.elman.ensemble import ElmanEnsemble
from seqtoys.models.elman.initialization import weight_shapes
from seqtoys.models.elman.model import ElmanCharModel
from seqtoys.models.elman.settings import ElmanSettings
from seqtoys.models.ensembles.ensemble import Ensemble
from seqtoys.models.forward import count_replicas
from seqtoys.models.gru import GRUCharModel
from seqtoys.models.lru import LRUCharModel
from seqtoys.models.lstm import LSTMCharModel
from seqtoys.models.mamba import MambaCharModel
from seqtoys.models.replaceable import loss_of
from seqtoys.models.trained import note_training
from seqtoys.models.transformer import TransformerCharModel
from seqtoys.models.vocabulary import vocab_of
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

OWN: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        ElmanCharModel,
        GRUCharModel,
        LSTMCharModel,
        TransformerCharModel,
        LRUCharModel,
        MambaCharModel,
        DeltaNetCharModel,
    )
}
"""The classes of models that can be rebuilt from a vocabulary, settings and a seed."""

ENSEMBLE_OF = "Ensemble of "

KINDS = (*OWN, ElmanEnsemble.__name__, *(f"{ENSEMBLE_OF}{name}" for name in OWN))
"""The kinds of models that a file can hold."""

Saved: TypeAlias = ElmanCharModel | ElmanEnsemble | CharModel | Ensemble


@named
def save(
    model: Saved,
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
        model: An `ElmanCharModel` or another model of `seqtoys.models`, an `ElmanEnsemble`, or an
            `Ensemble` of one of these models.
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
    if not isinstance(model, nn.Module) or _kind_of(model) not in KINDS:
        hint = ", whose code cannot be saved; save its weights with safetensors.torch.save_model"
        got = _kind_of(model) if isinstance(model, Ensemble) else described(model)
        raise InputTypeError(
            f"expected model to be one of {', '.join(OWN)}, an Ensemble of one of these, or an "
            f"ElmanEnsemble, got {got}{hint if isinstance(model, nn.Module) else ''}"
        )
    device_of(model)  # raises an error if the model has no values
    weights = model.state_dict()
    wrong = weights_mismatch(_shapes_and_types(_facts_of(model), weights), weights)
    if wrong is not None:
        raise InputTypeError(f"expected a model with its original weights, but {wrong}")
    if not _is_unmodified(model):
        raise InputTypeError(
            "expected an unmodified model, got one with replaced parts, options or methods, or "
            "with shared weights, which cannot be saved; save its weights with "
            "safetensors.torch.save_model"
        )
    vocab = vocab_of(model)
    states = {} if history is None else {"history": _history_state(history, vocab)}
    lost = None if overwrite else loss_of(path)
    if lost is not None:
        raise ModelFileError(
            f"can't write {os.fsdecode(path)}: it holds {lost}; choose another path, or pass "
            "overwrite=True to replace it"
        )
    write_model(path, model, states, weights)


@checked
def load(path: PathLike) -> Any:
    """Load a saved model, or the model of a checkpoint, on the CPU and with its original dtype.

    Nothing in a file is ever executed. The metadata is checked against the tensors before
    anything is built.

    Args:
        path: The file.

    Returns:
        A model of the class that was saved, such as an `ElmanCharModel`.

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
    kind = _kind_of(model)
    seeds = {"seeds": list(model.seeds)} if isinstance(model, Ensemble) else {}
    if kind not in KINDS:
        return {"kind": kind, **seeds}
    if not _is_unmodified(model):  # cannot be rebuilt
        return {"kind": f"modified {kind}", **seeds}
    return _facts_of(model)


def _kind_of(model: nn.Module) -> str:
    """Return the class of a model; of an ensemble, also that of its models."""
    if type(model) is Ensemble:
        return f"{ENSEMBLE_OF}{_class_name(model.template)}"
    return _class_name(model)


def _class_name(model: nn.Module) -> str:
    """Return the name of a class; another one for a class that is only named like our own."""
    name = type(model).__name__
    ours = {**OWN, ElmanEnsemble.__name__: ElmanEnsemble}
    return name if ours.get(name, type(model)) is type(model) else f"another {name}"


def _is_unmodified(model: Any) -> bool:
    """Whether a model of the library's classes can be rebuilt from its settings."""
    if not isinstance(model, Ensemble):
        return bool(model.has_own_parts)
    first = model[0]
    return all(
        each.has_own_parts and (each.settings, each.vocab) == (first.settings, first.vocab)
        for each in model
    )


def _facts_of(model: Any) -> dict[str, Any]:
    member = model[0] if isinstance(model, Ensemble) else model
    return {
        "kind": _kind_of(model),
        "vocab": list(member.vocab),
        "settings": asdict(member.settings),
        "seeds": list(model.seeds) if count_replicas(model) else [model.seed],
    }


def _build(file: TensorFile) -> Saved:
    about, weights = file.facts["model"], file.weights()
    if about["kind"] not in KINDS:
        raise file.file_error(
            f"the training run of another class ({shortened(about['kind'])}), whose code is not "
            "in the file; create such a model and pass it to fit with resume=…"
        )
    wrong = weights_mismatch(_shapes_and_types(about, weights), weights)
    if wrong is not None:
        raise file.file_error(f"weights that don't match its metadata: {wrong}")
    model = _make(about)
    model.to(_dtype(weights)).load_state_dict(weights)
    if "history" in file.facts:
        history = file.state("history")
        note_training(model, history["epochs_before"] + len(history["lr"]))
    return model


@on_cpu()
def _make(about: Mapping[str, Any]) -> Saved:
    vocab, seeds, kind = Vocab(about["vocab"]), about["seeds"], about["kind"]

    def make(seed: int) -> Any:
        return _initialized_fast(OWN[kind.removeprefix(ENSEMBLE_OF)], about, vocab, seed=seed)

    if kind == ElmanEnsemble.__name__:
        model: Saved = _initialized_fast(ElmanEnsemble, about, vocab, seeds)
    elif kind.startswith(ENSEMBLE_OF):
        model = Ensemble(make, seeds)
    else:
        (seed,) = seeds
        model = make(seed)
    return model


def _initialized_fast(kind: Any, about: Mapping[str, Any], *given: Any, **options: Any) -> Any:
    """Make a model whose initial weights will be overwritten, by the fastest initialization."""
    if issubclass(kind, CharModel):
        return kind(*given, **options, **about["settings"])
    model = kind(*given, **options, **{**about["settings"], "recurrent_init": "uniform"})
    model.settings = ElmanSettings(**about["settings"])
    return model


def _shapes_and_types(
    about: Mapping[str, Any], weights: Mapping[str, Tensor]
) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
    """Return the expected shapes of a model's weights, with the dtype that the weights have."""
    kind: Any = OWN.get(about["kind"].removeprefix(ENSEMBLE_OF), ElmanEnsemble)
    is_elman = not issubclass(kind, CharModel)
    settings: Any = (ElmanSettings if is_elman else kind.SETTINGS)(**about["settings"])
    if settings.num_layers > len(weights):  # guards the loops below against absurd metadata
        raise ValueError(f"{settings.num_layers} layers with {len(weights)} tensors")
    replicas = () if about["kind"] in OWN else (len(about["seeds"]),)
    symbols = len(about["vocab"])
    if is_elman:
        shapes = weight_shapes(symbols, settings)
    else:
        planned = plan(kind, symbols, settings).state_dict()
        shapes = {name: tuple(x.shape) for name, x in planned.items()}
    return {name: ((*replicas, *shape), _dtype(weights)) for name, shape in shapes.items()}


def _dtype(weights: Mapping[str, Tensor]) -> torch.dtype:
    return next((x.dtype for x in weights.values() if x.is_floating_point()), torch.float32)


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
