"""The file of a sweep: finished rows as lines of JSON, each on disk before the next."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from seqtoys.errors import DataError, ModelFileError
from seqtoys.support.atomic_file import PathLike, writing
from seqtoys.support.file_kinds import stat_regular
from seqtoys.support.file_lock import close_in_forks, try_lock
from seqtoys.support.serialization import MALFORMED
from seqtoys.sweeps.row import SweepRow
from seqtoys.training.options import Written
from seqtoys.version import __version__

Key = tuple[str, int]
"""What tells rows apart: the setting and the seed."""

ENCODING = ("utf-8", "surrogatepass")  # as any code point can be a symbol
SHOWN = 60  # characters of a value in an error


def key_of(settings: Mapping[str, Written], seed: int) -> Key:
    """What tells a row from others of its sweep."""
    return json.dumps(settings), seed


class Journal:
    """The rows of a sweep, in memory and in a file.

    The first line of the file says which sweep it is, and which version made it; each further line
    is a row. If several rows have one setting and seed, the last counts: a failed one is tried
    again.

    While a journal is open, its file is locked: no other sweep can write to it. Whole lines are
    never removed; a last line that was cut, because the process was killed, is.

    Args:
        path: The file; it may be new. If None, there is no file.
        about: What identifies the sweep.

    Raises:
        DataError: If the file holds another sweep, or something else.
        ModelFileError: If it can't be read or written, or another sweep writes to it.

    Examples:
        >>> journal = Journal(None, {})
        >>> journal.add([SweepRow({"lr": 0.1}, 7)])
        >>> journal.rows[key_of({"lr": 0.1}, 7)].seed
        7
    """

    def __init__(self, path: PathLike | None, about: dict[str, Any]) -> None:
        self.rows: dict[Key, SweepRow] = {}
        self._file: io.FileIO | None = None
        if path is None:
            return
        self._path = path
        first = {"sweep": about, "version": __version__}
        head = f"{json.dumps(first, ensure_ascii=False)}\n".encode(*ENCODING)
        try:
            with writing(path):
                stat_regular(os.fsdecode(path))
                # without a buffer, as one would be written again when the file is closed
                self._file = open(path, "a+b", buffering=0)  # noqa: SIM115
            self._begin(self._file, head)
        except BaseException:
            self._close()
            raise

    def _begin(self, file: io.FileIO, head: bytes) -> None:
        """Lock the file, read the rows that are there, and mend or begin it."""
        close_in_forks(file)
        is_locked = try_lock(file)
        if is_locked is False:
            raise ModelFileError(
                f"can't write {os.fsdecode(self._path)}: another sweep is writing to it; wait for "
                "that one to end, or give another path"
            )
        with writing(self._path):
            file.seek(0)
            known = file.readall()
        whole = known[: known.rfind(b"\n") + 1]
        if whole:
            _check_same(_read_head(self._path, whole), json.loads(head)["sweep"], self._path)
            self._keep(read_rows(self._path, whole))
        elif not head.startswith(known):
            raise _foreign(self._path)
        if len(known) > len(whole):
            self._remove_cut_line(file, len(whole), is_locked=bool(is_locked))
        if not whole:
            self._write(head)

    def _remove_cut_line(self, file: io.FileIO, length: int, *, is_locked: bool) -> None:
        if not is_locked:  # someone else may be writing that very line
            raise DataError(
                f"the last line of {os.fsdecode(self._path)} is not complete, and its file system "
                "has no locks: if no other sweep is writing to it, remove that line"
            )
        with writing(self._path):
            file.truncate(length)

    def has(self, keys: Iterable[Key]) -> bool:
        """Whether there are rows of these, none of them failed."""
        return all(key in self.rows and self.rows[key].error is None for key in keys)

    def add(self, rows: Iterable[SweepRow]) -> None:
        """Keep the rows of a cell; those that are kept already stay as they are."""
        new = [row for row in rows if not self.has([key_of(row.settings, row.seed)])]
        self._keep(new)
        self._write("".join(f"{row.to_json()}\n" for row in new).encode(*ENCODING))

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self._close()
        finally:  # once more, as Ctrl-C may come before: a file left open would stay locked
            self._close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _keep(self, rows: Iterable[SweepRow]) -> None:
        self.rows |= {key_of(row.settings, row.seed): row for row in rows}

    def _write(self, lines: bytes) -> None:
        if self._file is None:
            return
        with writing(self._path):
            there = os.stat(self._path)
        if not os.path.samestat(there, os.fstat(self._file.fileno())):
            raise ModelFileError(
                f"can't write {os.fsdecode(self._path)}: the file was replaced by another one; "
                "call sweep again with another path"
            )
        with writing(self._path, ". All rows before are in it"):
            while lines:  # as a disk that fills up takes a part first
                lines = lines[self._file.write(lines) :]
            os.fsync(self._file.fileno())


def read_rows(path: PathLike, whole: bytes) -> list[SweepRow]:
    """Read the rows after the first line.

    Raises:
        DataError: If a line is no row.
    """
    head, *lines, _ = whole.split(b"\n")
    rows = []
    for number, line in enumerate(lines, start=2):
        if line == head:  # two sweeps began the file at once, where there are no locks
            continue
        try:
            rows.append(SweepRow.from_json(line.decode(*ENCODING)))
        except (DataError, UnicodeDecodeError) as error:
            raise DataError(f"line {number} of {path} is no row of a sweep: {error}") from None
    return rows


def _read_head(path: PathLike, whole: bytes) -> dict[str, Any]:
    try:
        about = json.loads(whole.partition(b"\n")[0].decode(*ENCODING))["sweep"]
        return dict(about)
    except MALFORMED:
        raise _foreign(path) from None


def _foreign(path: object) -> DataError:
    return DataError(
        f"expected {path} to be the file of a sweep, got another file; give another path"
    )


def _check_same(there: dict[str, Any], here: dict[str, Any], path: object) -> None:
    differing = [name for name in here if there.get(name) != here[name]]
    if differing:
        told = (
            f"{name} {_short(there.get(name))}, not {_short(here[name])}" for name in differing
        )
        raise DataError(
            f"{path} holds another sweep, with {'; '.join(told)}; give another path, or delete it"
        )


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
