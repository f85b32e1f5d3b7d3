"""The file of a sweep: finished rows as lines of JSON, each on disk before the next."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from seqtoys.errors import DataError
from seqtoys.options import Written
from seqtoys.plain import MALFORMED
from seqtoys.sweeps.row import SweepRow
from seqtoys.version import __version__
from seqtoys.whole_file import PathLike, writing

Key = tuple[str, int]
"""What tells rows apart: the setting and the seed."""

ENCODING = ("utf-8", "surrogatepass")  # as any code point can be a symbol
SHOWN = 60  # characters of a value in an error


def key_of(settings: Mapping[str, Written], seed: int) -> Key:
    """What tells a row from others of its sweep."""
    return json.dumps(settings), seed


class Journal:
    """Keeps the rows of a sweep, in memory and in a file.

    The first line of the file says which sweep it is, and which version made it; each further line
    is a row. A line that was cut, because the process was killed, is taken off. Of several rows of
    one setting and seed the last holds: a failed one is tried again.

    Args:
        path: The file; it is made if there is none. None: no file.
        about: What tells the sweep from others.

    Raises:
        DataError: If the file holds another sweep, or something else.
        ModelFileError: If it can't be read or written.

    Examples:
        >>> journal = Journal(None, {})
        >>> journal.add([SweepRow({"lr": 0.1}, 7)])
        >>> journal.rows[key_of({"lr": 0.1}, 7)].seed
        7
    """

    def __init__(self, path: PathLike | None, about: dict[str, Any]) -> None:
        self.rows: dict[Key, SweepRow] = {}
        self._file = None
        if path is None:
            return
        first = {"sweep": about, "version": __version__}
        head = f"{json.dumps(first, ensure_ascii=False)}\n".encode(*ENCODING)
        with writing(path):
            known = Path(path).read_bytes() if Path(path).exists() else b""
        whole = known[: known.rfind(b"\n") + 1]
        if whole:
            _check_same(_read_head(path, whole), json.loads(head)["sweep"], path)
            self._keep(read_rows(path, whole))
        elif not head.startswith(known):
            raise _foreign(path)
        self._path = path
        with writing(path):
            # closed by __exit__; without a buffer, as one would be written again when it is closed
            self._file = open(path, "ab", buffering=0)  # noqa: SIM115
        try:
            with writing(path):
                self._file.truncate(len(whole))
            if not whole:
                self._write(head)
        except BaseException:
            self._file.close()
            raise

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
        if self._file is not None:
            self._file.close()

    def _keep(self, rows: Iterable[SweepRow]) -> None:
        self.rows |= {key_of(row.settings, row.seed): row for row in rows}

    def _write(self, lines: bytes) -> None:
        if self._file is not None:
            with writing(self._path):
                os.stat(self._path)  # what is written to a file that was deleted is lost
            with writing(self._path, ". All rows before are in it"):
                while lines:  # as a disk that fills up takes a part first
                    lines = lines[self._file.write(lines) :]
                os.fsync(self._file.fileno())


def read_rows(path: PathLike, whole: bytes) -> list[SweepRow]:
    """Read the rows after the first line.

    Raises:
        DataError: If a line is no row.
    """
    rows = []
    for number, line in enumerate(whole.split(b"\n")[1:-1], start=2):
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
