"""The file of a sweep: finished rows as JSON lines, each flushed to disk before the next."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from seqtoys.errors import DataError, ModelFileError
from seqtoys.support.atomic_file import PathLike, writing
from seqtoys.support.file_kinds import stat_regular
from seqtoys.support.file_lock import close_in_forks, try_lock
from seqtoys.support.serialization import MALFORMED
from seqtoys.training.options import Written
from seqtoys.version import __version__

Key = tuple[str, int]
"""The key of a row: the setting and the seed."""

ENCODING = ("utf-8", "surrogatepass")  # any code point can be a symbol
CHANGES = {"code": "other code or values (or another Python version)", "data": "other sequences"}
SHOWN = 60  # characters of a value in an error message


@runtime_checkable
class JournalRow(Protocol):
    """A row that a journal can keep: the result of one seed of one setting."""

    @property
    def settings(self) -> Mapping[str, Written]:
        """The setting."""

    @property
    def seed(self) -> int:
        """The seed."""

    @property
    def error(self) -> str | None:
        """Why the seed failed, or None."""

    @property
    def versions(self) -> Mapping[str, str]:
        """Digests of what the result depends on."""

    def to_json(self) -> str:
        """Serialize the row as one line of JSON."""


AnyRow = TypeVar("AnyRow", bound=JournalRow)


def key_of(settings: Mapping[str, Written], seed: int) -> Key:
    """Return the key of a row, whatever the order of its settings."""
    return json.dumps(settings, sort_keys=True), seed


class Journal(Generic[AnyRow]):
    """The rows of a sweep, in memory and in a file.

    The first line of the file identifies the sweep and the version that created it; each further
    line is a row. Later sweeps may add rows for other values of the grid and other seeds. If
    several rows have the same setting and seed, the last one counts, as failed rows are retried.

    While a journal is open, its file is locked, so that no other sweep can write to it. Complete
    lines are never removed; an incomplete last line, left when the process was killed, is.

    Args:
        path: The file, new or existing. If None, there is no file.
        about: The description that identifies the sweep.
        read: Restores a row from its line.
        kind: What the file belongs to, for messages.

    Raises:
        DataError: If the file belongs to another sweep, or is not a sweep file.
        ModelFileError: If it can't be read or written, or another sweep is writing to it.

    Examples:
        >>> from seqtoys.results import SweepRow
        >>> journal = Journal(None, {}, SweepRow.from_json)
        >>> journal.add([SweepRow({"lr": 0.1}, 7)])
        >>> journal.rows[key_of({"lr": 0.1}, 7)].seed
        7
    """

    def __init__(
        self,
        path: PathLike | None,
        about: dict[str, Any],
        read: Callable[[str], AnyRow],
        kind: str = "sweep",
    ) -> None:
        self.rows: dict[Key, AnyRow] = {}
        self._read, self._kind = read, kind
        self._file: io.FileIO | None = None
        if path is None:
            return
        self._path = path
        first = {"sweep": about, "version": __version__}
        head = f"{json.dumps(first, ensure_ascii=False)}\n".encode(*ENCODING)
        try:
            with writing(path):
                stat_regular(os.fsdecode(path))
                # unbuffered: after an error, a buffer would be written again on closing
                self._file = open(path, "a+b", buffering=0)  # noqa: SIM115
            self._begin(self._file, head)
        except BaseException:
            self._close()
            raise

    def _begin(self, file: io.FileIO, head: bytes) -> None:
        """Lock the file, read its rows, and repair it or write its first line."""
        close_in_forks(file)
        is_locked = try_lock(file)
        if is_locked is False:
            raise ModelFileError(
                f"can't write {os.fsdecode(self._path)}: another {self._kind} is writing to it; "
                "wait for it to finish, or use another path"
            )
        with writing(self._path):
            file.seek(0)
            known = file.readall()
        whole = known[: known.rfind(b"\n") + 1]
        if whole:
            there = _read_head(self._path, whole, self._kind)
            _check_same(there, json.loads(head)["sweep"], self._path, self._kind)
            self._keep(read_rows(self._path, whole, self._read, self._kind))
        elif not head.startswith(known):
            raise _foreign(self._path, self._kind)
        if len(known) > len(whole):
            self._remove_cut_line(file, len(whole), is_locked=bool(is_locked))
        if not whole:
            self._write(head)

    def _remove_cut_line(self, file: io.FileIO, length: int, *, is_locked: bool) -> None:
        if not is_locked:  # another sweep may be writing that very line
            raise DataError(
                f"the last line of {os.fsdecode(self._path)} is incomplete, and its file system "
                "does not support locks; if no other sweep is writing to it, remove that line"
            )
        with writing(self._path):
            file.truncate(length)

    def has(self, key: Key) -> bool:
        """Whether this row exists and did not fail."""
        return key in self.rows and self.rows[key].error is None

    def check_version(self, key: Key, versions: Mapping[str, str]) -> None:
        """Check that a row, if it exists, was made by the same code and from the same data.

        Raises:
            DataError: If it was not.
        """
        if not self.has(key):
            return
        for name, version in versions.items():
            if self.rows[key].versions.get(name) != version:
                settings, seed = key
                raise DataError(
                    f"{os.fsdecode(self._path)} holds a result of {CHANGES[name]} for {settings}, "
                    f"seed {seed}; use another path, or delete it"
                )

    def add(self, rows: Iterable[AnyRow]) -> None:
        """Add the rows of a cell, except those that already exist."""
        new = [row for row in rows if not self.has(key_of(row.settings, row.seed))]
        self._keep(new)
        self._write("".join(f"{row.to_json()}\n" for row in new).encode(*ENCODING))

    def __enter__(self) -> Journal[AnyRow]:
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self._close()
        finally:  # again, in case of Ctrl-C during the first try: an open file would stay locked
            self._close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _keep(self, rows: Iterable[AnyRow]) -> None:
        self.rows |= {key_of(row.settings, row.seed): row for row in rows}

    def _write(self, lines: bytes) -> None:
        if self._file is None:
            return
        with writing(self._path):
            there = os.stat(self._path)
        if not os.path.samestat(there, os.fstat(self._file.fileno())):
            raise ModelFileError(
                f"can't write {os.fsdecode(self._path)}: the file was replaced by another one; "
                f"start the {self._kind} again with another path"
            )
        with writing(self._path, ". All previous rows are in it"):
            while lines:  # a disk that is filling up may write only part of them
                lines = lines[self._file.write(lines) :]
            os.fsync(self._file.fileno())


def read_rows(
    path: PathLike, whole: bytes, read: Callable[[str], AnyRow], kind: str = "sweep"
) -> list[AnyRow]:
    """Read the rows after the first line, each with `read`.

    Raises:
        DataError: If a line is not a row.
    """
    head, *lines, _ = whole.split(b"\n")
    rows = []
    for number, line in enumerate(lines, start=2):
        if line == head:  # two sweeps created the file at once, without support for locks
            continue
        try:
            rows.append(read(line.decode(*ENCODING)))
        except (DataError, UnicodeDecodeError) as error:
            raise DataError(f"line {number} of {path} is not a row of a {kind}: {error}") from None
    return rows


def _read_head(path: PathLike, whole: bytes, kind: str) -> dict[str, Any]:
    try:
        about = json.loads(whole.partition(b"\n")[0].decode(*ENCODING))["sweep"]
        return dict(about)
    except MALFORMED:
        raise _foreign(path, kind) from None


def _foreign(path: object, kind: str) -> DataError:
    return DataError(
        f"expected {path} to be the file of a {kind}, got another file; use another path"
    )


def _check_same(there: dict[str, Any], here: dict[str, Any], path: object, kind: str) -> None:
    differing = [name for name in here if there.get(name) != here[name]]
    if differing:
        differences = (
            f"{name} {_short(there.get(name))}, not {_short(here[name])}" for name in differing
        )
        raise DataError(
            f"{path} holds another {kind}, with {'; '.join(differences)}; use another path, or "
            "delete it"
        )


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
