"""Saving replaces only the library's own regular files, and nothing that would be lost."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from seqtoys import (
    Checkpoint,
    ElmanCharModel,
    ElmanEnsemble,
    Vocab,
    fit,
    load,
    load_history,
    save,
    scorecard,
    sweep,
)
from seqtoys.errors import ModelFileError
from seqtoys.results import ScoreCard
from seqtoys.support import atomic_file, file_lock
from seqtoys.support.atomic_file import write_whole
from seqtoys.support.file_lock import is_released, try_lock
from tests.test_hostile_files import parts_of, signed
from tests.test_resume import press_at

VOCAB = Vocab("hielo")
ErrorCheck = Callable[[Callable[[], object], type[Exception], str], None]
on_posix = pytest.mark.skipif(os.name != "posix", reason="named pipes, modes and links")


def model(seed: int = 0) -> ElmanCharModel:
    return ElmanCharModel(VOCAB, seed=seed)


def train(path: Path, **options: Any) -> Any:
    given: dict[str, Any] = {"epochs": 3, "checkpoint": Checkpoint(path, every=1), **options}
    return fit(model(), "hihello", **given)


def run_sweep(path: Path) -> Any:
    grid = {"lr": [0.1]}
    return sweep(ElmanEnsemble, "hihello", grid=grid, seeds=[0], epochs=1, vocab=VOCAB, path=path)


CARD = ScoreCard("net", "quick", [], [], [])
WRITERS: dict[str, Callable[[Path], object]] = {
    "save": lambda path: save(model(), path),
    "save with overwrite": lambda path: save(model(), path, overwrite=True),
    "fit": train,
    "sweep": run_sweep,
    "scorecard": lambda path: scorecard(ElmanCharModel, path=path),
    "to_html": lambda path: CARD.to_html(path),
    "to_json": lambda path: CARD.to_json(path),
}
JOURNALS = ("sweep", "scorecard")
READERS: dict[str, Callable[[Path], object]] = {
    "load": load,
    "load_history": load_history,
    "fit": lambda path: fit(model(), "hihello", resume=path),
}


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def make_device(path: Path) -> None:
    """Create a null device."""
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root makes devices")


SPECIAL: dict[str, Callable[[Path], None]] = {
    "a named pipe": make_pipe,
    "a socket": make_socket,
    "a device": make_device,
}


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """Fail instead of hanging, since opening a pipe may block forever."""

    def late(number: int, frame: object) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@on_posix
@pytest.mark.parametrize("is_linked", [False, True])
@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("kind", SPECIAL)
def test_special_files_are_not_replaced(
    kind: str, writer: str, is_linked: bool, tmp_path: Path, assert_error: ErrorCheck
) -> None:
    special = path = tmp_path / "special"
    SPECIAL[kind](special)
    if is_linked:
        path = tmp_path / "link"
        path.symlink_to(special)
    before = special.lstat()
    message = f"can't write {path}: it is {kind}, not a regular file; choose another path"
    message += "" if writer in JOURNALS else ". Any existing file is unchanged"
    with within(20):
        assert_error(lambda: WRITERS[writer](path), ModelFileError, message)
    assert os.path.samestat(special.lstat(), before)
    assert special.lstat().st_mode == before.st_mode
    assert path.is_symlink() == is_linked
    assert {each.name for each in tmp_path.iterdir()} == {special.name, path.name}


@on_posix
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", SPECIAL)
def test_special_files_are_not_read(
    kind: str, reader: str, tmp_path: Path, assert_error: ErrorCheck
) -> None:
    path = tmp_path / "special"
    SPECIAL[kind](path)
    message = f"expected a model file at {path}, found {kind}"
    with within(20):
        assert_error(lambda: READERS[reader](path), ModelFileError, message)


@pytest.mark.parametrize("writer", WRITERS)
def test_directory_is_not_replaced(writer: str, tmp_path: Path, assert_error: ErrorCheck) -> None:
    message = "Is a directory; give the path of a file in that directory"
    suffix = "" if writer in JOURNALS else ". Any existing file is unchanged"
    assert_error(
        lambda: WRITERS[writer](tmp_path),
        ModelFileError,
        f"can't write {tmp_path}: {message}{suffix}",
    )
    missing: Any = f"{tmp_path}/missing/"  # pathlib would take the slash away
    assert_error(
        lambda: WRITERS[writer](missing),
        ModelFileError,
        f"can't write {missing}: {message}{suffix}",
    )
    assert list(tmp_path.iterdir()) == []


@on_posix
def test_replaced_file_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "model"
    for mode in (0o600, 0o640, 0o755, 0o666):
        save(model(1), path)
        path.chmod(mode)
        save(model(2), path)
        assert stat.S_IMODE(path.stat().st_mode) == mode
        train(path)
        assert stat.S_IMODE(path.stat().st_mode) == mode


@on_posix
def test_new_file_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        save(model(), tmp_path / "model")
        run_sweep(tmp_path / "rows.jsonl")
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()] == [0o640] * 2


@on_posix
def test_private_file_is_never_readable_by_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, modes, fsync = tmp_path / "model", list[int](), os.fsync
    save(model(1), path)
    path.chmod(0o600)

    def watched(descriptor: int) -> None:
        modes.append(os.fstat(descriptor).st_mode)
        fsync(descriptor)

    def chmod(name: str, mode: int) -> None:
        modes.append(os.stat(name).st_mode)

    monkeypatch.setattr("os.fsync", watched)
    monkeypatch.setattr("os.chmod", chmod)
    save(model(2), path)
    assert [stat.S_IMODE(mode) for mode in modes if stat.S_ISREG(mode)] == [0o600] * 2


@on_posix
@pytest.mark.parametrize("is_allowed", [True, False])
def test_owner_and_group_are_kept_where_allowed(
    is_allowed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the new group gets no more permissions than others."""
    path, real, given = tmp_path / "model", os.stat, list[tuple[int, int]]()
    save(model(1), path)
    path.chmod(0o664)

    def of_others(name: Any, **options: Any) -> Any:
        found = real(name, **options)
        if os.fspath(name) != os.path.realpath(path):
            return found
        return os.stat_result([*found[:4], found.st_uid + 1, found.st_gid + 1, *found[6:]])

    def chown(name: str, user: int, group: int) -> None:
        given.append((user, group))
        if not is_allowed:
            raise PermissionError

    monkeypatch.setattr("os.stat", of_others)
    monkeypatch.setattr("os.chown", chown)
    save(model(2), path)
    monkeypatch.undo()
    own = path.stat()
    assert given == [(-1, own.st_gid + 1), (own.st_uid + 1, -1)]
    assert stat.S_IMODE(own.st_mode) == (0o664 if is_allowed else 0o644)


@on_posix
def test_read_only_file_is_not_replaced(tmp_path: Path, assert_error: ErrorCheck) -> None:
    path = tmp_path / "model"
    save(model(1), path)
    path.chmod(0o444)
    content = path.read_bytes()
    message = (
        f"can't write {path}: it is read-only; choose a path you can write to. "
        "Any existing file is unchanged"
    )
    for name in ("save", "save with overwrite", "fit", "to_html", "to_json"):
        assert_error(lambda name=name: WRITERS[name](path), ModelFileError, message)  # type: ignore[misc]
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


@on_posix
def test_saving_to_a_dangling_link_creates_its_target(
    tmp_path: Path, assert_error: ErrorCheck
) -> None:
    link, target = tmp_path / "link", tmp_path / "target"
    link.symlink_to("target")
    save(model(5), link)
    assert link.is_symlink()
    assert not target.is_symlink()
    assert load(link).seed == 5
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    with pytest.raises(ModelFileError, match=r"loop: Too many levels of symbolic links"):
        save(model(), loop)
    assert loop.is_symlink()


@on_posix
def test_other_hard_links_keep_the_old_contents(tmp_path: Path) -> None:
    path, other = tmp_path / "model", tmp_path / "other"
    save(model(1), path)
    os.link(path, other)
    save(model(2), path)
    assert [load(each).seed for each in (path, other)] == [2, 1]


FOREIGN: dict[str, bytes] = {
    "a text": b"to be or not to be",
    "an image": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4,
    "weights of another library": safetensors.torch.save({"weight": torch.zeros(3)}),
    "a header": (8).to_bytes(8, "little") + b"nonsense",
}
DATA = "data that seqtoys did not write or can't read"


@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_file_is_not_replaced(kind: str, tmp_path: Path, assert_error: ErrorCheck) -> None:
    path = tmp_path / "notes"
    path.write_bytes(FOREIGN[kind])
    assert_error(
        lambda: save(model(), path),
        ModelFileError,
        f"can't write {path}: it holds {DATA}; choose another path, or pass overwrite=True to "
        "replace it",
    )
    assert_error(
        lambda: train(path),
        ModelFileError,
        f"can't write {path}: it holds {DATA}; pass resume='{path}' to continue a training, "
        "choose another path, or use Checkpoint(…, overwrite=True) to replace it",
    )
    assert path.read_bytes() == FOREIGN[kind]
    save(model(5), path, overwrite=True)
    assert load(path).seed == 5
    path.write_bytes(FOREIGN[kind])
    fit(model(), "hihello", epochs=1, checkpoint=Checkpoint(path, every=1, overwrite=True))
    assert len(load_history(path).lr) == 1


def test_own_file_is_replaced(tmp_path: Path) -> None:
    """For example when a notebook cell is run again."""
    path = tmp_path / "model"
    path.touch()
    for seed in range(2):
        save(model(seed), path)
    for _ in range(2):
        train(path)
    save(model(7), path)
    assert load(path).seed == 7


def test_damaged_file_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "run"
    train(path)
    facts, tensors = parts_of(path.read_bytes())
    facts["history"]["stopped"] = 5
    path.write_bytes(signed(facts, tensors))
    with pytest.raises(ModelFileError, match=DATA):
        train(path)
    with pytest.raises(ModelFileError, match=DATA):
        save(model(), path)


class Stop(BaseException):
    """Raised to stop training as if the process were killed: nothing more is written."""


def stopped_training(path: Path, epochs: int, make: Callable[[], Any] = model) -> None:
    def watch(row: Any) -> None:
        if row.epoch > epochs:
            raise Stop

    with pytest.raises(Stop):
        fit(make(), "hihello", epochs=9, on_epoch=watch, checkpoint=Checkpoint(path, every=1))


def test_training_stopped_by_an_error_is_not_replaced(tmp_path: Path) -> None:
    def watch(row: Any) -> None:
        if row.epoch == 4:
            raise KeyError

    path = tmp_path / "run"
    with pytest.raises(KeyError):
        train(path, epochs=9, on_epoch=watch)
    with pytest.raises(ModelFileError, match="an unfinished training run of 4 epochs"):
        train(path)


@pytest.mark.parametrize("make", [model, lambda: ElmanEnsemble(VOCAB, [1, 2])])
def test_unfinished_training_is_not_replaced(
    make: Callable[[], Any], tmp_path: Path, assert_error: ErrorCheck
) -> None:
    path, other = tmp_path / "run", tmp_path / "other"
    stopped_training(path, 5, make)
    content = path.read_bytes()
    lost = f"can't write {path}: it holds an unfinished training run of 5 epochs; "
    assert_error(
        lambda: train(path),
        ModelFileError,
        f"{lost}pass resume='{path}' to continue a training, choose another path, or use "
        "Checkpoint(…, overwrite=True) to replace it",
    )
    assert_error(
        lambda: save(make(), path),
        ModelFileError,
        f"{lost}choose another path, or pass overwrite=True to replace it",
    )
    stopped_training(other, 1, make)
    for resume in (other, tmp_path / "missing"):  # from another training
        with pytest.raises(ModelFileError, match="unfinished training run of 5 epochs"):
            train(path, resume=resume)
    assert path.read_bytes() == content
    here = Checkpoint(os.path.relpath(path), every=1)  # the same file by another name
    history = fit(make(), "hihello", epochs=9, checkpoint=here, resume=path)
    assert len(history.lr) == 9
    fit(make(), "hihello", epochs=1, checkpoint=here)  # the training has finished
    assert len(load_history(path).lr) == 1


def test_training_without_updates_is_replaced(tmp_path: Path) -> None:
    stopped_training(tmp_path / "run", 0)
    assert len(train(tmp_path / "run")) == 3


def test_partial_first_epoch_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first epoch may take long; none of its updates may be lost."""
    path = tmp_path / "run"

    options: dict[str, Any] = {"batch_size": 1, "checkpoint": Checkpoint(path, every=1)}
    with monkeypatch.context() as patched:
        press_at({1}, patched)
        history = fit(model(), ["hello", "hill", "hole"], **options)
    assert (len(history), history.stopped) == (0, "interrupted")
    with pytest.raises(ModelFileError, match="an unfinished training run of 0 epochs"):
        fit(model(), ["hello", "hill", "hole"], **options)


FORK: Any = multiprocessing.get_context("fork" if os.name == "posix" else None)


def save_and_be_killed(path: Path) -> None:
    os.fsync = lambda fd: os.kill(os.getpid(), signal.SIGKILL)
    save(model(), path)


def save_when_signaled(path: Path, writes: Any, proceed: Any) -> None:
    def wait(fd: object) -> None:
        writes.set()
        proceed.wait(60)

    os.fsync = wait
    save(model(1), path)


def temporary(folder: Path) -> list[Path]:
    return list(folder.glob(".seqtoys-*.tmp"))


@on_posix
def test_temporary_files_of_killed_saves_are_removed_and_live_ones_kept(
    tmp_path: Path,
) -> None:
    (tmp_path / ".seqtoys-notes.tmp").touch()  # a user's file
    path, writes, proceed = tmp_path / "model", FORK.Event(), FORK.Event()
    for _ in range(2):
        killed = FORK.Process(target=save_and_be_killed, args=(path,))
        killed.start()
        killed.join(60)
        assert killed.exitcode == -signal.SIGKILL
    left = temporary(tmp_path)
    assert len(left) == 2  # the second save's and the notes: it removed the first's
    live = FORK.Process(target=save_when_signaled, args=(path, writes, proceed))
    live.start()
    assert writes.wait(60)
    save(model(2), path)
    assert len(temporary(tmp_path)) == 2  # the live save's and the notes
    assert load(path).seed == 2
    proceed.set()
    live.join(60)
    assert live.exitcode == 0
    assert load(path).seed == 1
    assert {path.name for path in tmp_path.iterdir()} == {"model", ".seqtoys-notes.tmp"}


def test_temporary_file_removed_meanwhile_is_rewritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can be removed before it is locked, or where there are no locks."""
    replace, tries = os.replace, list[str]()

    def removed_first(source: str, target: str) -> None:
        tries.append(source)
        if len(tries) < 3:
            os.unlink(source)
        replace(source, target)

    monkeypatch.setattr("os.replace", removed_first)
    write_whole(tmp_path / "file", b"contents")
    assert (tmp_path / "file").read_bytes() == b"contents"
    assert len(set(tries)) == 3

    def always_removed(source: str, target: str) -> None:
        os.unlink(source)
        replace(source, target)

    monkeypatch.setattr("os.replace", always_removed)
    with pytest.raises(ModelFileError, match="No such file"):
        write_whole(tmp_path / "file", b"others")
    assert (tmp_path / "file").read_bytes() == b"contents"


def test_without_locks_temporary_files_are_removed_after_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_lock, "fcntl", None)
    monkeypatch.setattr(atomic_file, "RENAMES_OPEN_FILES", False)
    old, new = (tmp_path / f".seqtoys-{digit * 16}.tmp" for digit in "01")
    for path, age in ((old, 25), (new, 23)):
        path.touch()
        os.utime(path, (time.time() - age * 3600,) * 2)
    monkeypatch.setattr(file_lock, "msvcrt", Windows())
    write_whole(tmp_path / "file", b"contents")
    assert {path.name for path in tmp_path.iterdir()} == {"file", new.name}


class Windows:
    """A minimal stand-in for Windows byte-range locks."""

    LK_NBLCK = 2

    def __init__(self, error: int | None = None) -> None:
        self.error, self.locked = error, list[tuple[int, int]]()

    def locking(self, descriptor: int, mode: int, count: int) -> None:
        assert (mode, count) == (self.LK_NBLCK, 1)
        if self.error is not None:
            raise OSError(self.error, os.strerror(self.error))
        self.locked.append((descriptor, os.lseek(descriptor, 0, os.SEEK_CUR)))


def test_windows_lock_uses_an_unread_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_lock, "fcntl", None)
    with open(tmp_path / "file", "ab", buffering=0) as file:
        for error, found in ((None, True), (13, False), (36, None)):
            system = Windows(error)
            monkeypatch.setattr(file_lock, "msvcrt", system)
            assert try_lock(file) is found
            assert system.locked == ([(file.fileno(), 2**31 - 2)] if found else [])
    assert is_released(str(tmp_path / "file")) is None


@on_posix
def test_lock_excludes_threads_and_ends_when_the_file_closes(tmp_path: Path) -> None:
    path = tmp_path / "file"

    def locked(_: int) -> bool | None:
        with open(path, "ab") as file:
            found = try_lock(file)
            barrier.wait()
            return found

    barrier = threading.Barrier(4)
    with ThreadPoolExecutor(4) as pool:
        assert sorted(map(bool, pool.map(locked, range(4)))) == [False] * 3 + [True]
    assert is_released(str(path)) is True
    assert is_released(str(tmp_path / "missing")) is False
    with open(path, "ab") as file:
        assert try_lock(file)
        assert is_released(str(path)) is False
    assert file_lock._import_if_there("no_such_module") is None
