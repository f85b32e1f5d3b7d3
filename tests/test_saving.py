"""save and load: models round-trip, and a file is always complete."""

from __future__ import annotations

import errno
import itertools
import json
import multiprocessing
import os
import random
import stat
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from safetensors import safe_open
from torch import nn

import seqtoys
from seqtoys import Checkpoint, ElmanCharModel, ElmanEnsemble, Vocab, fit, load, load_history, save
from seqtoys.errors import (
    DataError,
    InputTypeError,
    ModelFileError,
    OptionError,
    UnknownSymbolError,
)
from seqtoys.results import Baselines, EnsembleHistory, History, Row

pytestmark = pytest.mark.type_checked

VOCAB = Vocab("hielo")
WORDS = Vocab(["boy", "sees", "dog", "é\n", "\ud800"])
ErrorCheck = Callable[[Callable[[], object], type[Exception], str], None]
MODELS: dict[str, Callable[[], Any]] = {
    "the default": lambda: ElmanCharModel(VOCAB, seed=777),
    "a readout": lambda: ElmanCharModel(VOCAB, hidden_size=8, seed=2**64 - 1),
    "all options": lambda: ElmanCharModel(
        WORDS,
        hidden_size=6,
        embedding_size=3,
        num_layers=2,
        nonlinearity="relu",
        batch_first=False,
        seed=-5,
    ),
    "double": lambda: ElmanCharModel(VOCAB, hidden_size=4).double(),
    "half": lambda: ElmanCharModel(VOCAB, hidden_size=4).to(torch.bfloat16),
    "seeds": lambda: ElmanEnsemble(VOCAB, seeds=[7, -1, 7], hidden_size=4, embedding_size=2),
    "another initialization": lambda: ElmanEnsemble(VOCAB, seeds=[5], recurrent_init="orthogonal"),
    "many seeds": lambda: ElmanEnsemble(VOCAB, seeds=range(130)).double(),
}


@pytest.mark.parametrize("kind", MODELS)
def test_model_round_trips(kind: str, tmp_path: Path) -> None:
    model = MODELS[kind]()
    with torch.no_grad():
        for number, parameter in enumerate(model.parameters()):
            parameter.mul_(number - 1.5)  # so that the weights differ from their initialization
    save(model, tmp_path / "model")
    again = load(tmp_path / "model")
    assert type(again) is type(model)
    assert repr(again) == repr(model)
    assert again.settings == model.settings
    assert again.vocab == model.vocab
    for name in ("seed", "seeds"):
        assert getattr(again, name, None) == getattr(model, name, None)
    assert again.state_dict().keys() == model.state_dict().keys()
    for name, weight in model.state_dict().items():
        loaded = again.state_dict()[name]
        assert loaded.dtype == weight.dtype
        assert loaded.stride() == weight.stride()
        assert torch.equal(loaded, weight)
    inputs = torch.tensor([[0, 1, 2]])
    assert torch.equal(again(inputs)[0], model(inputs)[0])


def test_weights_are_readable_as_safetensors(tmp_path: Path) -> None:
    model = ElmanCharModel(VOCAB, hidden_size=4, seed=3)
    save(model, tmp_path / "model")
    with safe_open(tmp_path / "model", framework="pt") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        (key, text), *more = file.metadata().items()
    assert weights.keys() == model.state_dict().keys()
    assert all(torch.equal(weights[name], x) for name, x in model.state_dict().items())
    facts = json.loads(text)
    assert (key, more) == ("seqtoys", [])
    assert text == json.dumps(facts, sort_keys=True)
    assert (facts["format"], facts["version"]) == (1, seqtoys.__version__)
    settings = facts["model"].pop("settings")
    assert facts["model"] == {"kind": "ElmanCharModel", "vocab": list("hielo"), "seeds": [3]}
    assert settings == asdict(model.settings)
    of_version_0_1 = {
        "hidden_size": 4,
        "embedding_size": None,
        "num_layers": 1,
        "nonlinearity": "tanh",
        "recurrent_init": "uniform",
        "batch_first": True,
    }
    assert of_version_0_1.items() <= settings.items()  # later versions may add settings


def test_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    """Also after it is loaded and saved again."""
    for make in (MODELS["all options"], MODELS["many seeds"]):
        model = make()
        history = fit(model, [["boy", "sees"]] if model.vocab == WORDS else "hihello", epochs=2)
        save(model, tmp_path / "one", history=history)
        kept = load_history(tmp_path / "one")
        for _ in range(5):  # several metadata keys would have no fixed order
            save(load(tmp_path / "one"), tmp_path / "other", history=kept)
            assert (tmp_path / "other").read_bytes() == (tmp_path / "one").read_bytes()


HISTORIES: dict[str, Callable[[Any], Any]] = {
    "a text": lambda model: fit(model, "hihello", epochs=4),
    "texts, some held out": lambda model: fit(
        model, ["hello", "hi", "oil"], epochs=5, validation=0.3
    ),
    "a chunked text": lambda model: fit(model, "hihello" * 9, chunk=5, epochs=2, validation=0.2),
    "until": lambda model: fit(model, "hihello", until="solved", lr=0.05),
}


@pytest.mark.parametrize("name", HISTORIES)
@pytest.mark.parametrize("many", [False, True])
def test_history_round_trips(name: str, many: bool, tmp_path: Path) -> None:
    model = ElmanEnsemble(VOCAB, [777, 1]) if many else ElmanCharModel(VOCAB, seed=777)
    history = HISTORIES[name](model)
    save(model, tmp_path / "model", history=history)
    again = load_history(tmp_path / "model")
    assert again == history
    assert str(again) == str(history)
    if isinstance(history, EnsembleHistory):
        assert isinstance(again, EnsembleHistory)
        assert [again[i] for i in range(2)] == [history[i] for i in range(2)]
        assert torch.equal(again.solved, history.solved)
        assert again.rows[0].loss.dtype == history.rows[0].loss.dtype
        assert EnsembleHistory.from_json(history.to_json()) == history
    assert isinstance(load(tmp_path / "model"), type(model))


def test_ensemble_histories_compare_by_value() -> None:
    history = fit(ElmanEnsemble(VOCAB, [777, 1]), "hihello", epochs=3)
    other = EnsembleHistory.from_json(history.to_json())
    other.rows[2].loss[1] += 1e-16
    other.rows[1].accuracy[0] = float("nan")
    assert other != history
    assert other == EnsembleHistory.from_json(other.to_json())
    assert history != 5
    kept = json.loads(history.to_json())["predictions"]["kept"]["$tensor"]
    assert (kept["dtype"], kept["shape"]) == ("uint8", [3, 2, 6])


def test_histories_of_words_and_several_sequences_round_trip(tmp_path: Path) -> None:
    model = ElmanCharModel(WORDS, hidden_size=4)
    for data in (["boy", "sees", "dog"], [["boy", "sees"], ["dog", "é\n", "\ud800"]]):
        history = fit(model, data, epochs=3)
        save(model, tmp_path / "model", history=history)
        assert load_history(tmp_path / "model") == history


def test_invalid_histories_raise(tmp_path: Path, assert_error: ErrorCheck) -> None:
    model, path = ElmanCharModel(VOCAB), tmp_path / "model"
    made = History(Baselines(1.6, 0.5, 0.0))
    made.append(Row(1, 1.0, 0.5, 0.1, "hi"))
    foreign = History(Baselines(1.6, 0.5, 0.0))
    foreign.append(Row(1, 1.0, 0.5, 0.1, "xy"))
    with pytest.raises(UnknownSymbolError):
        save(model, path, history=foreign)
    made.predictions.append("hihi")
    assert_error(
        lambda: save(model, path, history=made),
        DataError,
        "expected predictions of the same length in each epoch, got sequences of [2] symbols and "
        "of [4]",
    )
    save(model, path)
    assert_error(
        lambda: load_history(path),
        ModelFileError,
        f"expected a model file at {path}, found one without a history; "
        "save it with save(model, path, history=…)",
    )
    for text in ("", "[]", "{}", '{"seeds": [1]}', History(Baselines(1, 1, 0)).to_json()):
        with pytest.raises(DataError, match="history as returned by to_json, got"):
            EnsembleHistory.from_json(text)


class Subclass(ElmanCharModel):
    pass


def test_unloadable_models_are_not_saved(tmp_path: Path, assert_error: ErrorCheck) -> None:
    not_ours = ", whose code cannot be saved; save its weights with safetensors.torch.save_model"
    wrong = {
        nn.Linear(2, 2, device="meta"): f"a Linear{not_ours}",
        Subclass(VOCAB): f"a Subclass{not_ours}",
        "model": "'model'",
    }
    for model, got in wrong.items():
        assert_error(
            lambda model=model: save(model, tmp_path / "x"),  # type: ignore[misc]
            InputTypeError,
            "expected model to be one of ElmanCharModel, GRUCharModel, LSTMCharModel, "
            "TransformerCharModel, LRUCharModel, MambaCharModel, DeltaNetCharModel, an Ensemble "
            f"of one of these, or an ElmanEnsemble, got {got}",
        )
    changed = ElmanCharModel(VOCAB)
    changed.rnn.extra = nn.Parameter(torch.zeros(1))
    changed.rnn.bias_hh_l0 = nn.Parameter(torch.zeros(4))
    changed.rnn.bias_ih_l0 = nn.Parameter(torch.zeros(5).double())
    del changed.rnn.weight_hh_l0
    assert_error(
        lambda: save(changed, tmp_path / "x"),
        InputTypeError,
        "expected a model with its original weights, but rnn.weight_hh_l0 is missing; "
        "rnn.bias_ih_l0 is of torch.float64, not torch.float32; "
        "rnn.bias_hh_l0 has shape (4,), not (5,); and 1 more",
    )
    many = ElmanCharModel(Vocab([f"{i:0100}" for i in range(50_000)]), hidden_size=1)
    message = (
        r"x: names, symbols and settings take 5,3\d\d,\d\d\d bytes with \d\d lists and objects; "
    )
    with pytest.raises(ModelFileError, match=message + "the limits are 4,194,304 and 100,000$"):
        save(many, tmp_path / "x")
    brackets = ElmanCharModel(Vocab(["[" * n for n in range(1, 500)]), hidden_size=1)
    with pytest.raises(ModelFileError, match=r"bytes with 124,7\d\d lists and objects"):
        save(brackets, tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def reading(path: Path, found: str) -> tuple[Callable[[], object], type[Exception], str]:
    return lambda: load(path), ModelFileError, f"expected a model file at {path}, found {found}"


def reason_of_stat(path: Path) -> str:
    """Return why Python can't look up a path, in the words of its version."""
    with pytest.raises(ValueError, match="embedded null") as caught:
        path.stat()
    return str(caught.value)


def test_other_files_raise(tmp_path: Path, assert_error: ErrorCheck) -> None:
    path = tmp_path / "model"
    assert_error(*reading(path, "nothing; check the path"))
    assert_error(*reading(tmp_path, "a directory"))
    save(ElmanCharModel(VOCAB), path)
    whole = path.read_bytes()
    beyond = path / "model"
    assert_error(*reading(beyond, "a file that can't be read (Not a directory)"))
    null = tmp_path / "\0"
    assert_error(*reading(null, f"a file that can't be read ({reason_of_stat(null)})"))
    path.write_bytes(whole[:-1])
    size = len(whole)
    assert_error(*reading(path, f"a truncated file, with {size - 1:,} of {size:,} bytes"))
    for contents in (b"", b"seven b", b"PK\3\4" * 99):
        path.write_bytes(contents)
        assert_error(*reading(path, "other contents (no header); create model files with save"))
    path.write_bytes(whole[:-1] + b"?")
    changed = "contents that were modified or corrupted after they were written"
    assert_error(*reading(path, changed))
    path.write_bytes(whole.replace(b'\\"format\\": 1', b'\\"format\\": 7'))
    assert_error(
        *reading(
            path,
            f"format 7, written by seqtoys {seqtoys.__version__}; this version reads format 1: "
            "update seqtoys",
        )
    )
    safetensors.torch.save_file({"weight": torch.zeros(2)}, path)
    assert_error(
        *reading(path, "a safetensors file not written by seqtoys; create model files with save")
    )
    for text, kind in FOREIGN.items():
        safetensors.torch.save_file({}, path, {"seqtoys": text})
        with pytest.raises(ModelFileError, match=rf"found other contents \({kind}.*with save"):
            load(path)


def test_unreadable_file_raises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, assert_error: ErrorCheck
) -> None:
    path = tmp_path / "model"
    save(ElmanCharModel(VOCAB), path)

    def refuses(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("builtins.open", refuses)
    assert_error(*reading(path, "a file that can't be read (Permission denied)"))


FOREIGN = {
    "{": "JSONDecodeError",
    "[" * 99_000: "RecursionError",
    "[" * 100_001: "ValueError: more than 100,000 lists and objects",
    "5": "TypeError",
    "{}": "KeyError",
    "1" * 5000: "ValueError",
}


def writing(path: Path) -> tuple[Callable[[], object], type[Exception]]:
    return lambda: save(ElmanCharModel(VOCAB), path), ModelFileError


def write_error(path: Path, reason: str) -> str:
    return f"can't write {path}: {reason}. Any existing file is unchanged"


def test_unwritable_paths_raise(tmp_path: Path, assert_error: ErrorCheck) -> None:
    missing = tmp_path / "missing" / "model"
    assert_error(
        *writing(missing),
        write_error(missing, "No such file or directory; create its directory first"),
    )
    assert_error(
        *writing(tmp_path),
        write_error(tmp_path, "Is a directory; give the path of a file in that directory"),
    )
    null = tmp_path / "\0"
    assert_error(*writing(null), write_error(null, f"{reason_of_stat(null)}; try another path"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("function", "number", "reason"),
    [
        ("open", errno.EACCES, "Permission denied; choose a path you can write to"),
        ("open", errno.EROFS, "Read-only file system; choose a path you can write to"),
        ("fsync", errno.ENOSPC, "No space left on device; free some disk space"),
        ("fsync", errno.EIO, "Input/output error; try another path"),
        ("replace", errno.EPERM, "Operation not permitted; choose a path you can write to"),
    ],
)
def test_failed_write_keeps_the_old_file(
    function: str,
    number: int,
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    assert_error: ErrorCheck,
) -> None:
    path = tmp_path / "model"
    save(ElmanCharModel(VOCAB, seed=5), path)
    before = path.read_bytes()

    real = open

    def fails(*given: Any, **options: Any) -> Any:
        if function == "open" and "x" not in given[1]:  # reading the existing file succeeds
            return real(*given, **options)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("builtins.open" if function == "open" else f"os.{function}", fails)
    assert_error(*writing(path), write_error(path, reason))
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_interrupted_write_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def press(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", press)
    with pytest.raises(KeyboardInterrupt):
        save(ElmanCharModel(VOCAB), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_file_is_flushed_before_renaming_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    replace, fsync = os.replace, os.fsync

    def watched_fsync(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        done.append("folder" if is_folder else f"file of {os.fstat(descriptor).st_size}")
        fsync(descriptor)

    def watched_replace(source: str, target: str) -> None:
        assert os.path.dirname(source) == os.path.dirname(target)
        done.append("name")
        replace(source, target)

    monkeypatch.setattr("os.fsync", watched_fsync)
    monkeypatch.setattr("os.replace", watched_replace)
    save(ElmanCharModel(VOCAB), tmp_path / "model")
    size = (tmp_path / "model").stat().st_size
    assert done == [f"file of {size}", "name", "folder"]


def test_folder_that_cannot_be_flushed_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(path: Any, *_: object) -> int:
        raise OSError(errno.EINVAL, "no flushing here")

    monkeypatch.setattr("os.open", refuses)
    save(ElmanCharModel(VOCAB), tmp_path / "model")
    assert isinstance(load(tmp_path / "model"), ElmanCharModel)


def test_saving_through_a_link_replaces_its_target(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "model")
    for seed in (1, 2):
        save(ElmanCharModel(VOCAB, seed=seed), tmp_path / "link")
        assert (tmp_path / "link").is_symlink()
        assert [path.name for path in (tmp_path / "folder").iterdir()] == ["model"]
        again = load(tmp_path / "folder" / "model")
        assert isinstance(again, ElmanCharModel)
        assert again.seed == seed


def test_concurrent_writers_leave_a_complete_file(tmp_path: Path) -> None:
    models = [ElmanCharModel(VOCAB, hidden_size=50, seed=seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda model: save(model, tmp_path / "model"), models * 5))
    again = load(tmp_path / "model")
    assert isinstance(again, ElmanCharModel)
    assert all(map(torch.equal, again.parameters(), models[again.seed].parameters()))
    assert list(tmp_path.iterdir()) == [tmp_path / "model"]


def save_repeatedly(path: Path, sender: Any) -> None:
    for seed in itertools.count():
        save(ElmanCharModel(VOCAB, hidden_size=200, seed=seed), path)
        sender.send(seed)


@pytest.mark.skipif(os.name != "posix", reason="processes are forked")
def test_process_killed_while_saving_leaves_a_complete_file(tmp_path: Path) -> None:
    context: Any = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=save_repeatedly, args=(tmp_path / "model", sending))
    process.start()
    sending.close()
    last_seed = receiving.recv()
    time.sleep(random.random() / 20)
    process.kill()
    process.join()
    with suppress(EOFError):
        while True:
            last_seed = receiving.recv()
    model = load(tmp_path / "model")
    assert isinstance(model, ElmanCharModel)
    assert model.seed in (last_seed, last_seed + 1)
    fresh = ElmanCharModel(VOCAB, hidden_size=200, seed=model.seed)
    assert all(map(torch.equal, model.parameters(), fresh.parameters()))
    save(fresh, tmp_path / "fresh")
    assert (tmp_path / "fresh").read_bytes() == (tmp_path / "model").read_bytes()


def test_every_must_be_a_positive_integer(assert_error: ErrorCheck) -> None:
    for every in (0, 2.5, True):
        assert_error(
            lambda every=every: Checkpoint("x", every=every),  # type: ignore[misc]
            OptionError,
            f"expected every to be a positive integer, got {every!r}",
        )
