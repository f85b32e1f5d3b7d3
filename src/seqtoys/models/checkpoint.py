"""save and load: a model in one file, with its history; Checkpoint: where and when fit saves."""

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
from seqtoys.models.ensemble import ElmanEnsemble
from seqtoys.models.replaceable import loss_of
from seqtoys.records.ensemble_history import EnsembleHistory
from seqtoys.records.history import History
from seqtoys.records.predictions import Predictions
from seqtoys.support.amounts import check_length
from seqtoys.support.arguments import check_type, checked
from seqtoys.support.atomic_file import PathLike
from seqtoys.support.devices import device_of, on_cpu
from seqtoys.support.serialization import MALFORMED, Plain
from seqtoys.support.tensor_file import (
    TensorFile,
    brief_error,
    misfit,
    read_file,
    shortened,
    write_file,
)

KINDS = {kind.__name__: kind for kind in (ElmanCharModel, ElmanEnsemble)}


@dataclass(frozen=True)
class Checkpoint:
    """Where and how often `fit` saves a training, so that it can be resumed.

    `fit` writes the file before the first epoch, then every `every` epochs, at the end, and on
    Ctrl-C; each time whole or not at all.

    `fit` refuses to replace an unfinished training unless it resumes that one: else the same call
    again, as when the cell of a notebook is run twice, would destroy what Ctrl-C has saved. It
    also refuses to replace a file that this library did not write. A saved model and a training
    that has come to its end are replaced.

    Attributes:
        path: The file.
        every: The number of epochs between two saves. Flushing a disk takes longer than an epoch
            of a tiny model.
        overwrite: Whether to replace the file whatever it holds.

    Raises:
        OptionError: If `every` is no positive integer.

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


def save(
    model: ElmanCharModel | ElmanEnsemble,
    path: PathLike,
    *,
    history: History | EnsembleHistory | None = None,
    overwrite: bool = False,
) -> None:
    """Save a model in one safetensors file: its weights, vocabulary, settings and seeds.

    The same model and history give the same bytes. A crash leaves the old file or the new one,
    never a part. The weights have the names and shapes of `model.state_dict()`, for any reader of
    safetensors; the rest is JSON under the key `seqtoys` of the file's metadata, and the columns
    of a history are tensors beside the weights.

    Args:
        model: The model, or an ensemble.
        path: The file. A model that was saved there before is replaced, and so is a training that
            has come to its end; an unfinished one, or a file that this library did not write, is
            not.
        history: What `fit` gave for it; `load_history` reads it back.
        overwrite: Whether to replace the file whatever it holds.

    Raises:
        ModelFileError: If the file can't be written, or may not be replaced. What was there is
            then unchanged.
        InputTypeError: If the model is of another class, whose code the file would not have.
        DeviceError: If it is on the meta device, where there are no numbers.
        SeqtoysError: If the predictions of the history are no sequences of the model's symbols.

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
        raise InputTypeError(
            f"expected an ElmanCharModel or an ElmanEnsemble, got a {type(model).__name__}, whose "
            "code the file would not have; safetensors.torch.save_model saves any weights"
        )
    device_of(model)  # sees to it that it has numbers
    weights = model.state_dict()
    wrong = misfit(_shapes_and_types(_facts_of(model), weights), weights)
    if wrong is not None:
        raise InputTypeError(f"expected a model with the weights it was made with; {wrong}")
    if not model.has_own_parts:
        raise InputTypeError(
            "expected a model with the parts it was made with, got one with other parts, options "
            "or methods, or with a shared weight, which the file would not have; "
            "safetensors.torch.save_model saves any weights"
        )
    states = {} if history is None else {"history": _history_state(history, model.vocab)}
    lost = None if overwrite else loss_of(path)
    if lost is not None:
        raise ModelFileError(
            f"can't write {os.fsdecode(path)}: it holds {lost}; choose another path, or "
            "overwrite=True to replace it"
        )
    write_model(path, model, states)


@checked
def load(path: PathLike) -> ElmanCharModel | ElmanEnsemble:
    """Load what `save` saved, or the model of a checkpoint; on the CPU, in the dtype it had.

    Nothing in a file is ever executed. What its facts claim is checked against the tensors it has
    before anything is built.

    Args:
        path: The file.

    Raises:
        ModelFileError: If there is no file, or it is cut off, damaged, foreign, newer, or its
            parts don't fit each other. It says which.

    Examples:
        >>> load("none")
        Traceback (most recent call last):
        seqtoys.errors.ModelFileError: expected a model file at none, found nothing; check the path
    """
    file = read_file(path)
    try:
        return _build(file)
    except MALFORMED as error:
        raise file.refusal(f"facts that make no model ({brief_error(error)})") from error


@checked
def load_history(path: PathLike) -> History | EnsembleHistory:
    """Load the history that `save` saved with a model, or that of a checkpoint so far.

    Args:
        path: The file.

    Raises:
        ModelFileError: As `load` does, or if the file has no history.

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
        raise file.refusal("one without a history; save(model, path, history=…) keeps it")
    try:
        return _history_of(file.state("history"))
    except MALFORMED as error:
        raise file.refusal(f"facts that make no history ({brief_error(error)})") from error


def write_model(path: PathLike, model: nn.Module, states: Mapping[str, Plain]) -> None:
    """Write the weights of any module, with states beside them."""
    weights = {name: x for name, x in model.state_dict().items() if isinstance(x, Tensor)}
    write_file(path, weights, {"model": describe(model)}, states)


def describe(model: nn.Module) -> dict[str, Any]:
    """Say what is needed to build a model again; of a user's own module, its class alone.

    Examples:
        >>> describe(nn.Linear(2, 2))
        {'kind': 'Linear'}
    """
    is_own = type(model) not in KINDS.values()
    if is_own or not isinstance(model, ElmanCharModel | ElmanEnsemble):
        return {"kind": type(model).__name__}
    if not model.has_own_parts:  # which cannot be built again
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
        raise file.refusal(
            f"the training of another class ({shortened(about['kind'])}), whose code is not in "
            "it; make such a model, and give both to fit with resume=…"
        )
    wrong = misfit(_shapes_and_types(about, weights), weights)
    if wrong is not None:
        raise file.refusal(f"weights that don't fit its facts: {wrong}")
    # Weights to start from are not kept: let them be those that are drawn fastest.
    model = _make(about, {**about["settings"], "recurrent_init": "uniform"})
    model.settings = ElmanSettings(**about["settings"])
    model.to(_dtype(weights)).load_state_dict(weights)
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
    """What the weights of a model are, by its description; their type is up to themselves."""
    settings = ElmanSettings(**about["settings"])
    if settings.num_layers > len(weights):  # before anything is counted up to what facts claim
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
