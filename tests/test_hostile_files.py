"""Truncated, damaged or hostile files either load correctly or are rejected."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor

from seqtoys import (
    Checkpoint,
    ElmanCharModel,
    ElmanEnsemble,
    Ensemble,
    Vocab,
    fit,
    load,
    load_history,
    save,
)
from seqtoys.errors import ModelFileError, SeqtoysError
from seqtoys.models import MambaCharModel, TransformerCharModel

Parts = tuple[dict[str, Any], dict[str, Tensor]]
ErrorCheck = Callable[[Callable[[], object], type[Exception], str], None]
Original = tuple[bytes, Any, Any]
"""The bytes of a file, and the model and history in it."""

MUTANTS = 350  # for each mutation
RESUMED = 120


def parts_of(contents: bytes) -> Parts:
    """Split a file into metadata and tensors without the library."""
    end = 8 + int.from_bytes(contents[:8], "little")
    facts = json.loads(json.loads(contents[8:end])["__metadata__"]["seqtoys"])
    return facts, safetensors.torch.load(contents)


def signed(facts: dict[str, Any], tensors: dict[str, Tensor]) -> bytes:
    """Build a file without the library, with a valid checksum."""
    rest = {name: fact for name, fact in facts.items() if name != "checksum"}
    found = hashlib.sha256(json.dumps(rest, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        found.update(f"\n{name}\n{tensor.dtype} {tuple(tensor.shape)}\n".encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    text = json.dumps({**rest, "checksum": found.hexdigest()}, sort_keys=True)
    return safetensors.torch.save(tensors, {"seqtoys": text})


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> list[Original]:
    """Return a checkpoint, and models and ensembles with their histories."""
    return make_files(tmp_path_factory.mktemp("originals"))


def make_files(folder: Path) -> list[Original]:
    vocab = Vocab("hielo")
    model = ElmanCharModel(vocab, hidden_size=4, num_layers=2)
    save(model, folder / "model", history=fit(model, ["hihello", "hill"], epochs=3))
    ensemble = ElmanEnsemble(vocab, seeds=[1, 2, 3], embedding_size=2)
    save(ensemble, folder / "ensemble", history=fit(ensemble, "hihello", epochs=3))
    train(folder / "checkpoint", checkpoint=Checkpoint(folder / "checkpoint", every=1))
    later = TransformerCharModel(vocab, 4, positions="learned", context=9)
    save(later, folder / "transformer", history=fit(later, ["hihello", "hill"], epochs=2))
    many = Ensemble(lambda seed: MambaCharModel(vocab, 4, state_size=2, seed=seed), [1, 2])
    save(many, folder / "trained together", history=fit(many, "hihello", epochs=2))
    for path in folder.iterdir():
        facts, tensors = parts_of(path.read_bytes())
        facts["history"]["seconds"] = 1.0  # so that the same mutants are made each time
        path.write_bytes(signed(facts, tensors))
    return [
        (path.read_bytes(), load(path), load_history(path)) for path in sorted(folder.iterdir())
    ]


def train(path: Path, **options: Any) -> ElmanCharModel:
    model = ElmanCharModel(Vocab("hielo"), hidden_size=4)
    fit(model, ["hihello", "hill", "hole"], batch_size=2, epochs=4, **options)
    return model


def bit_flips(contents: bytes, chance: random.Random) -> bytes:
    changed = bytearray(contents)
    for _ in range(chance.randint(1, 4)):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def truncations(contents: bytes, chance: random.Random) -> bytes:
    return contents[: chance.randrange(len(contents))]


def splices(contents: bytes, chance: random.Random) -> bytes:
    start, end = sorted(chance.randrange(len(contents) + 1) for _ in range(2))
    piece = chance.choice([b"", contents[start:end] * 2, chance.randbytes(end - start), b"[" * 99])
    return contents[:start] + piece + contents[end:]


def header_edits(contents: bytes, chance: random.Random) -> bytes:
    """Replace characters in the header, keeping its length."""
    end, changed = 8 + int.from_bytes(contents[:8], "little"), bytearray(contents)
    for _ in range(chance.randint(1, 4)):
        changed[chance.randrange(8, end)] = chance.choice(b'0123456789"[]{},:.-eEaZ$ ')
    return bytes(changed)


def nasty(chance: random.Random) -> Any:
    return chance.choice(
        [
            None, True, False, -1, 0, 1, 2, 3, 10**12, 2**63, -(2**64), 10**400, 0.5, float("nan"),
            float("inf"), "", "5", "tanh", "\ud800", "x" * 10_000, [], [[]], [0] * 1000, {}, ["h"],
            {"$tensor": "rnn.weight_hh_l0"}, {"$tensor": 5}, {"$tuple": 1}, {"$dict": [[[], 1]]},
            {"$counter": [[1, 2]]}, {"$tensor": "x", "order": [0, 0]}, {"$what": []},
            {"a": {"b": {"c": [None] * 9}}},
        ]
    )  # fmt: skip


def signed_facts(contents: bytes, chance: random.Random) -> bytes:
    """Change metadata at any depth, with a valid checksum."""
    facts, tensors = parts_of(contents)
    for _ in range(chance.randint(1, 2)):
        place: Any = facts
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = chance.choice(keys)
            inner = place[key]
            if not isinstance(inner, dict | list) or not inner or chance.random() < 0.2:
                break
            place = inner
        action = chance.random()
        if action < 0.7:
            place[key] = nasty(chance)
        elif action < 0.85 or isinstance(place, list):
            del place[key]
        else:
            place[f"{key}_"] = place.pop(key)
        if not facts:
            break
    return signed(facts, tensors)


def signed_tensors(contents: bytes, chance: random.Random) -> bytes:
    """Change a tensor's name, shape, type or numbers, with a valid checksum."""
    facts, tensors = parts_of(contents)
    name = chance.choice(sorted(tensors))
    tensor = tensors.pop(name)
    change = chance.randrange(7)
    if change == 0:
        tensors[f"{name}x"] = tensor
    elif change == 1:
        tensors[name] = tensor.unsqueeze(chance.randint(0, tensor.ndim)).contiguous()
    elif change == 2:
        kinds = [torch.float64, torch.int64, torch.uint8, torch.bfloat16, torch.bool]
        tensors[name] = tensor.to(chance.choice(kinds))
    elif change == 3:
        tensors[name] = torch.full_like(tensor, chance.choice([1, 127, 255]))
    elif change == 4:
        tensors[name] = torch.zeros(*tensor.shape[:-1], 0, dtype=tensor.dtype)
    elif change == 5:
        other = chance.choice(sorted(tensors))
        tensors[name], tensors[other] = tensors[other], tensor
    return signed(facts, tensors)


MUTATIONS: list[Callable[[bytes, random.Random], bytes]] = [
    bit_flips,
    truncations,
    splices,
    header_edits,
    signed_facts,
    signed_tensors,
]


def settings_of(model: Any) -> Any:
    return (model[0] if isinstance(model, Ensemble) else model).settings


def same(one: Any, other: Any) -> bool:
    weights, others = one.state_dict(), other.state_dict()
    return (
        repr(one) == repr(other)
        and settings_of(one) == settings_of(other)
        and weights.keys() == others.keys()
        and all(torch.equal(weights[name], others[name]) for name in weights)
    )


def outcome(call: Callable[[Path], Any], path: Path) -> Any:
    """Return what a file holds, or None if it is rejected with a proper error."""
    try:
        return call(path)
    except ModelFileError as error:
        message = str(error)
    assert message.startswith(f"expected a model file at {path}, found ")
    assert len(message) < 1000
    return None


def examine(mutant: bytes, intact: Original, path: Path, *, is_signed: bool) -> bool:
    """Load a mutant, check the result if it is accepted, and return whether it was."""
    path.write_bytes(mutant)
    loaded, history = outcome(load, path), outcome(load_history, path)
    if not is_signed:
        assert loaded is None or same(loaded, intact[1])
        assert history is None or history == intact[2]
    elif loaded is not None:
        facts, tensors = parts_of(mutant)
        assert list(loaded.vocab) == facts["model"]["vocab"]
        weights = loaded.state_dict()
        assert all(torch.equal(weights[name], tensors[name]) for name in weights)
    return loaded is not None


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("mutate", MUTATIONS)
def test_mutant_loads_correctly_or_is_rejected(
    mutate: Callable[[bytes, random.Random], bytes], originals: list[Original], tmp_path: Path
) -> None:
    chance = random.Random(mutate.__name__)
    accepted = 0
    is_signed = mutate.__name__.startswith("signed")
    for _ in range(MUTANTS):
        intact = chance.choice(originals)
        mutant = mutate(intact[0], chance)
        accepted += examine(mutant, intact, tmp_path / "mutant", is_signed=is_signed)
    # Some signed mutants change nothing in the model, and some edits have no effect.
    assert 0.2 * MUTANTS < accepted < 0.95 * MUTANTS if is_signed else accepted < 0.05 * MUTANTS


@pytest.mark.usefixtures("unchecked")
def test_mutated_training_resumes_correctly_or_is_rejected(
    originals: list[Original], tmp_path: Path
) -> None:
    path, chance = tmp_path / "checkpoint", random.Random(0)
    original, finished, _ = originals[0]
    resumed = 0
    for at in range(RESUMED):
        mutate = MUTATIONS[at % len(MUTATIONS)]
        path.write_bytes(mutate(original, chance))
        try:
            model = train(path, resume=path)
        except SeqtoysError:
            continue
        resumed += 1
        assert mutate.__name__.startswith("signed") or same(model, finished)
    assert 0 < resumed < RESUMED


def edited(contents: bytes, **about: Any) -> bytes:
    facts, tensors = parts_of(contents)
    facts["model"].update(about)
    return signed(facts, tensors)


SETTINGS = {"hidden_size": 4, "num_layers": 2, "embedding_size": None}
CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "too many units": (
        {"settings": {**SETTINGS, "hidden_size": 10**12}},
        "weights that don't match its metadata: rnn.weight_ih_l0 has shape (4, 5), not "
        "(1000000000000, 5); rnn.weight_hh_l0 has shape (4, 4), not "
        "(1000000000000, 1000000000000); rnn.bias_ih_l0 has shape (4,), not (1000000000000,); "
        "and 6 more",
    ),
    "too many layers": (
        {"settings": {**SETTINGS, "num_layers": 10**12}},
        "metadata that does not describe a model (ValueError: 1000000000000 layers with 10 "
        "tensors)",
    ),
    "fewer layers": (
        {"settings": {**SETTINGS, "num_layers": 1}},
        "weights that don't match its metadata: rnn.bias_hh_l1 is unexpected; rnn.bias_ih_l1 is "
        "unexpected; rnn.weight_hh_l1 is unexpected; and 1 more",
    ),
    "an embedding": (
        {"settings": {**SETTINGS, "embedding_size": 5}},
        "weights that don't match its metadata: embedding.weight is missing",
    ),
    "a size that is a float": (
        {"settings": {**SETTINGS, "hidden_size": 4.0}},
        "metadata that does not describe a model (OptionError: expected hidden_size to be a "
        "positive integer or "
        "None, got 4.0)",
    ),
    "an axis order that is a string": (
        {"settings": {**SETTINGS, "batch_first": "yes"}},
        "metadata that does not describe a model (OptionError: expected batch_first to be True "
        "or False, got "
        "'yes')",
    ),
    "an unknown setting": (
        {"settings": {**SETTINGS, "dropout": 0.5}},
        "metadata that does not describe a model (TypeError: ElmanSettings.__init__() got an "
        "unexpected keyword "
        "argument 'dropout')",
    ),
    "a symbol twice": (
        {"vocab": list("hielh")},
        "metadata that does not describe a model (VocabError: expected distinct symbols, got "
        "'h' at positions 0 "
        "and 4; Vocab.from_text removes duplicates)",
    ),
    "more symbols": (
        {"vocab": list("hielos")},
        "weights that don't match its metadata: rnn.weight_ih_l0 has shape (4, 5), not (4, 6); "
        "readout.weight has shape (5, 4), not (6, 4); readout.bias has shape (5,), not (6,)",
    ),
    "no seed": (
        {"seeds": []},
        "metadata that does not describe a model (ValueError: not enough values to unpack "
        "(expected 1, got 0))",
    ),
    "an invalid seed": (
        {"seeds": [0.5]},
        "metadata that does not describe a model (InputTypeError: expected seed to be an "
        "integer, got 0.5)",
    ),
    "an ensemble from one model": (
        {"kind": "ElmanEnsemble"},
        "weights that don't match its metadata: rnn.weight_ih_l0 has shape (4, 5), not (1, 4, 5); "
        "rnn.weight_hh_l0 has shape (4, 4), not (1, 4, 4); rnn.bias_ih_l0 has shape (4,), not "
        "(1, 4); and 7 more",
    ),
    "an unknown class": (
        {"kind": "os.system"},
        "the training run of another class (os.system), whose code is not in the file; create "
        "such a model and pass it to fit with resume=…",
    ),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_model_metadata_is_validated(
    claim: str, originals: list[Original], tmp_path: Path, assert_error: ErrorCheck
) -> None:
    about, found = CLAIMS[claim]
    path = tmp_path / "model"
    path.write_bytes(edited(originals[2][0], **about))
    assert_error(
        lambda: load(path), ModelFileError, f"expected a model file at {path}, found {found}"
    )


def test_weights_need_not_be_finite(originals: list[Original], tmp_path: Path) -> None:
    """A replica that diverged is saved and loaded like any other."""
    facts, tensors = parts_of(originals[2][0])
    tensors["readout.bias"][1:3] = torch.tensor([float("nan"), float("-inf")])
    (tmp_path / "model").write_bytes(signed(facts, tensors))
    bias = load(tmp_path / "model").state_dict()["readout.bias"]
    assert torch.equal(bias.isfinite(), torch.tensor([True, False, False, True, True]))


def test_weights_of_another_dtype_raise(
    originals: list[Original], tmp_path: Path, assert_error: ErrorCheck
) -> None:
    path = tmp_path / "model"
    for dtype in (torch.float64, torch.int64):
        facts, tensors = parts_of(originals[2][0])
        tensors["readout.bias"] = tensors["readout.bias"].to(dtype)
        path.write_bytes(signed(facts, tensors))
        assert_error(
            lambda: load(path),
            ModelFileError,
            f"expected a model file at {path}, found weights that don't match its metadata: "
            f"readout.bias is of {dtype}, not torch.float32",
        )


HISTORIES: dict[str, tuple[int, dict[str, Any], str]] = {
    "a string": (
        2,
        {"seconds": "5"},
        "DataError: expected seconds of type int or float, got '5'",
    ),
    "columns": (
        2,
        {"loss": {"$tensor": "history/1"}},  # held_out: tensors are stored in alphabetical order
        "DataError: expected accuracy of 0 epochs, like the loss, got 3",
    ),
    "reasons": (
        1,
        {"stopped": ["epochs"]},
        "DataError: expected at least one replica and the same number of seeds, stopping reasons "
        "and epoch counts, got 3, 1 and 3",
    ),
    "replicas": (
        1,
        {"loss": {"$tensor": "history/4"}},
        "DataError: expected loss of 3 replicas, got shape (3,)",
    ),
    "predictions": (
        2,
        {
            "predictions": {
                "counts": [1, 2],
                "vocab": ["h"],
                "single": False,
                "kept": {"$tensor": "history/5"},
            }
        },
        "DataError: expected predictions (epochs, 3) of 1 symbols, got others of shape (3, 9)",
    ),
    "an unknown tag": (2, {"lr": {"$what": []}}, "ValueError: unknown tag $what with 1 keys"),
    "an invalid axis order": (
        2,
        {"lr": {"$tensor": "history/1", "order": [1]}},
        "ValueError: [1] is not a permutation of 1 axes",
    ),
}


@pytest.mark.parametrize("claim", HISTORIES)
def test_history_metadata_is_validated(
    claim: str, originals: list[Original], tmp_path: Path, assert_error: ErrorCheck
) -> None:
    at, fields, found = HISTORIES[claim]
    facts, tensors = parts_of(originals[at][0])
    facts["history"].update(fields)
    path = tmp_path / "model"
    path.write_bytes(signed(facts, tensors))
    assert_error(
        lambda: load_history(path),
        ModelFileError,
        f"expected a model file at {path}, found metadata that does not describe a history "
        f"({found})",
    )
    path.write_bytes(signed({**facts, "history": 5}, tensors))
    assert_error(
        lambda: load_history(path),
        ModelFileError,
        f"expected a model file at {path}, found metadata that does not describe a history "
        "(ValueError: history is not an object)",
    )


@pytest.mark.parametrize(
    ("updates", "found"),
    [
        ({"epoch": 99}, "DataError: expected updates of 4 epochs, got another number"),
        (
            {"source": {"$tensor": "history/0"}},
            "DataError: expected a permutation of 3 sequences, got something else",
        ),
    ],
)
def test_training_metadata_is_validated(
    updates: dict[str, Any],
    found: str,
    originals: list[Original],
    tmp_path: Path,
    assert_error: ErrorCheck,
) -> None:
    facts, tensors = parts_of(originals[0][0])
    facts["training"]["updates"].update(updates)
    path = tmp_path / "run"
    path.write_bytes(signed(facts, tensors))
    assert_error(
        lambda: train(path, resume=path),
        ModelFileError,
        f"expected a model file at {path}, found a training that can't be resumed ({found})",
    )
