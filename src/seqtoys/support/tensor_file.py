"""Files of tensors and metadata: safetensors, with all metadata in one JSON object."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from seqtoys.errors import ModelFileError, shown_path
from seqtoys.support.atomic_file import PathLike, reason_of, write_whole
from seqtoys.support.devices import on_cpu
from seqtoys.support.digest import digest
from seqtoys.support.file_kinds import special_kind
from seqtoys.support.serialization import MALFORMED, Plain, contiguous_copy, pack, unpack
from seqtoys.version import __version__

FORMAT = 1  # the version of the metadata; readers reject newer ones
KEY = "seqtoys"  # the only metadata key, since safetensors writes several in random order
MOST_HEADER = 4 * 2**20  # bytes
MOST_LISTS = 100_000  # lists and objects: parsed JSON takes many times its length in memory
SIZE = 8  # the bytes that encode the length of the header
OF_A_STATE = re.compile(r"\w+/\d+")  # the tensor names of a state
TOLD = 3  # the most tensor mismatches listed in a message


def write_file(
    path: PathLike,
    tensors: Mapping[str, Tensor],
    facts: Mapping[str, Any],
    states: Mapping[str, Plain],
) -> None:
    """Write tensors and metadata atomically; the same contents give the same bytes.

    Args:
        path: The file.
        tensors: The tensors that can be read by name.
        facts: Metadata, as JSON values.
        states: Nested values with tensors in them, each stored under its name in the metadata.

    Raises:
        ModelFileError: If the file cannot be written.
        InputTypeError: If a state contains anything but plain values and tensors.
    """
    kept = {name: contiguous_copy(tensor) for name, tensor in tensors.items()}
    packed: dict[str, Any] = {**facts, "format": FORMAT, "version": __version__}
    for part, state in states.items():
        names = (f"{part}/{number}" for number in count())

        def store(tensor: Tensor, names: Iterator[str] = names) -> str:
            name = next(names)
            assert name not in kept, "a weight and a tensor of a state have the same name"
            kept[name] = tensor
            return name

        packed[part] = pack(state, store, part)
    packed["checksum"] = _checksum(packed, kept)
    contents = safetensors.torch.save(kept, {KEY: json.dumps(packed, sort_keys=True)})
    header = contents[SIZE : SIZE + int.from_bytes(contents[:SIZE], "little")].decode()
    if len(header) > MOST_HEADER or _count_lists(header) > MOST_LISTS:
        raise ModelFileError(
            f"can't write {shown_path(path)}: names, symbols and settings take {len(header):,} "
            f"bytes with {_count_lists(header):,} lists and objects; the limits are "
            f"{MOST_HEADER:,} and {MOST_LISTS:,}"
        )
    write_whole(path, contents)


@dataclass(frozen=True)
class TensorFile:
    """The contents of a file.

    Attributes:
        path: The path of the file.
        facts: The metadata.
        tensors: All tensors.
    """

    path: str
    facts: dict[str, Any]
    tensors: dict[str, Tensor]

    def weights(self) -> dict[str, Tensor]:
        """Return the tensors that can be read by name, without those of states."""
        return {k: tensor for k, tensor in self.tensors.items() if not OF_A_STATE.fullmatch(k)}

    def state(self, part: str) -> Plain:
        """Return a state.

        Raises:
            Exception: One of `MALFORMED`, if it is missing or was not written by `write_file`.
        """
        state = unpack(self.facts[part], lambda name: self.tensors[name].clone())
        if not isinstance(state, dict):
            raise ValueError(f"{part} is not an object")
        return state

    def file_error(self, found: str) -> ModelFileError:
        """Return the error for unexpected contents, described by `found`."""
        return file_error(self.path, found)


def read_file(path: PathLike) -> TensorFile:
    """Read a file written by `write_file`.

    Args:
        path: The file.

    Raises:
        ModelFileError: If the file is missing, truncated, foreign, corrupted or too new.
    """
    name = os.fsdecode(path)
    try:
        kind = special_kind(os.stat(name).st_mode)
    except FileNotFoundError as error:
        raise file_error(name, "nothing; check the path") from error
    except (OSError, ValueError) as error:  # a path with a null character raises ValueError
        raise _unreadable(name, error) from error
    if kind is not None:
        raise file_error(name, kind)
    try:
        return _checked(name, *_parse(name, _read(name)))
    except ModelFileError:
        raise
    except OSError as error:
        raise _unreadable(name, error) from error
    except (SafetensorError, *MALFORMED) as error:
        raise file_error(
            name, f"other contents ({brief_error(error)}); create model files with save"
        ) from error


def _unreadable(name: str, error: Exception) -> ModelFileError:
    return file_error(name, f"a file that can't be read ({reason_of(error)})")


def file_error(path: str, found: str) -> ModelFileError:
    """Return the error for a path with something other than a model file."""
    return ModelFileError(f"expected a model file at {shown_path(path)}, found {found}")


def weights_mismatch(
    wanted: Mapping[str, tuple[tuple[int, ...], torch.dtype]], found: Mapping[str, Tensor]
) -> str | None:
    """Describe how tensors differ from the expected ones, or return None if they match.

    Args:
        wanted: The expected shape and dtype of each, by name.
        found: The tensors.

    Examples:
        >>> weights_mismatch({"bias": ((2,), torch.float32)}, {"bias": torch.ones(3)})
        'bias has shape (3,), not (2,)'
    """
    wrong = []
    for name, (shape, dtype) in wanted.items():
        if name not in found:
            wrong.append(f"{name} is missing")
        elif found[name].shape != shape:
            wrong.append(f"{name} has shape {tuple(found[name].shape)}, not {shape}")
        elif found[name].dtype != dtype:
            wrong.append(f"{name} is of {found[name].dtype}, not {dtype}")
    wrong += [f"{name} is unexpected" for name in sorted(found.keys() - wanted)]
    more = [f"and {len(wrong) - TOLD} more"] if len(wrong) > TOLD else []
    return "; ".join([*map(shortened, wrong[:TOLD]), *more]) or None


def _read(name: str) -> bytes:
    """Read a whole file, after checking from its header that this library wrote it."""
    with open(name, "rb") as file:
        start = file.read(SIZE)
        length = int.from_bytes(start, "little")
        if len(start) < SIZE or not 2 <= length <= MOST_HEADER:
            raise file_error(name, "other contents (no header); create model files with save")
        header = file.read(length)
        if KEY not in _read_json(header.decode()).get("__metadata__", {}):
            raise file_error(
                name, "a safetensors file not written by seqtoys; create model files with save"
            )
        return start + header + file.read()


@on_cpu()  # safetensors uses PyTorch's default device
def _parse(name: str, contents: bytes) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Parse the contents of a file into metadata and tensors."""
    end = SIZE + int.from_bytes(contents[:SIZE], "little")
    header = _read_json(contents[SIZE:end].decode())
    facts = _read_json(header.pop("__metadata__")[KEY])
    whole = end + max((entry["data_offsets"][1] for entry in header.values()), default=0)
    if len(contents) < whole:
        raise file_error(name, f"a truncated file, with {len(contents):,} of {whole:,} bytes")
    return facts, safetensors.torch.load(contents)


def _read_json(text: str) -> Any:
    if _count_lists(text) > MOST_LISTS:
        raise ValueError(f"more than {MOST_LISTS:,} lists and objects")
    return json.loads(text)


def _count_lists(text: str) -> int:
    """Count the lists and objects in JSON text; brackets in strings are counted, too."""
    return text.count("[") + text.count("{")


def _checked(name: str, facts: dict[str, Any], tensors: dict[str, Tensor]) -> TensorFile:
    if facts["format"] > FORMAT:
        raise file_error(
            name,
            shortened(f"format {facts['format']}, written by seqtoys {facts['version']}")
            + f"; this version reads format {FORMAT}: update seqtoys",
        )
    if facts["format"] != FORMAT or facts["checksum"] != _checksum(facts, tensors):
        raise file_error(name, "contents that were modified or corrupted after they were written")
    return TensorFile(name, facts, tensors)


def _checksum(facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    rest = {name: fact for name, fact in facts.items() if name != "checksum"}
    return digest(sorted(tensors.items()), json.dumps(rest, sort_keys=True))


def brief_error(error: Exception) -> str:
    """Return the type and a shortened message of an error.

    Examples:
        >>> brief_error(ValueError("no numbers"))
        'ValueError: no numbers'
    """
    return shortened(f"{type(error).__name__}: {error}")


def shortened(text: str, width: int = 120) -> str:
    """Truncate text from a file to a length that fits in a message.

    Examples:
        >>> shortened("a long, long text", 8)
        'a long,…'
    """
    return text if len(text) <= width else f"{text[: width - 1]}…"
