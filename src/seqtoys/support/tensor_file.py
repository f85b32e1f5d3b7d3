"""Tensors and facts about them in one file: safetensors, with all facts in one JSON object."""

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

FORMAT = 1  # of the facts; a reader refuses what is newer
KEY = "seqtoys"  # the one key of the metadata: with more, safetensors orders them by chance
MOST_HEADER = 4 * 2**20  # bytes
MOST_LISTS = 100_000  # and objects, in JSON: it takes many times its length in memory
SIZE = 8  # bytes that say how long the header is
OF_A_STATE = re.compile(r"\w+/\d+")  # the names of its tensors
TOLD = 3  # of the things wrong with tensors


def write_file(
    path: PathLike,
    tensors: Mapping[str, Tensor],
    facts: Mapping[str, Any],
    states: Mapping[str, Plain],
) -> None:
    """Write tensors and facts, whole or not at all; the same ones give the same bytes.

    Args:
        path: Where to.
        tensors: What can be read by name.
        facts: What JSON can hold.
        states: Nested values with tensors in them, each under a name among the facts.

    Raises:
        ModelFileError: If that can't be done.
        InputTypeError: If a state holds something else.
    """
    kept = {name: contiguous_copy(tensor) for name, tensor in tensors.items()}
    packed: dict[str, Any] = {**facts, "format": FORMAT, "version": __version__}
    for part, state in states.items():
        names = (f"{part}/{number}" for number in count())

        def store(tensor: Tensor, names: Iterator[str] = names) -> str:
            name = next(names)
            assert name not in kept, "a weight has the name of a state's tensor"
            kept[name] = tensor
            return name

        packed[part] = pack(state, store, part)
    packed["checksum"] = _checksum(packed, kept)
    contents = safetensors.torch.save(kept, {KEY: json.dumps(packed, sort_keys=True)})
    header = contents[SIZE : SIZE + int.from_bytes(contents[:SIZE], "little")].decode()
    if len(header) > MOST_HEADER or _count_lists(header) > MOST_LISTS:
        raise ModelFileError(
            f"can't write {shown_path(path)}: names, symbols and settings take {len(header):,} "
            f"bytes with {_count_lists(header):,} lists and objects, and a file may have "
            f"{MOST_HEADER:,} and {MOST_LISTS:,}"
        )
    write_whole(path, contents)


@dataclass(frozen=True)
class TensorFile:
    """What a file holds.

    Attributes:
        path: Where it is.
        facts: The JSON object.
        tensors: All its tensors.
    """

    path: str
    facts: dict[str, Any]
    tensors: dict[str, Tensor]

    def weights(self) -> dict[str, Tensor]:
        """The tensors that can be read by name, no state's."""
        return {k: tensor for k, tensor in self.tensors.items() if not OF_A_STATE.fullmatch(k)}

    def state(self, part: str) -> Plain:
        """Read a state.

        Raises:
            Exception: One of `MALFORMED`, if there is none, or none that `write_file` wrote.
        """
        state = unpack(self.facts[part], lambda name: self.tensors[name].clone())
        if not isinstance(state, dict):
            raise ValueError(f"{part} is no object")
        return state

    def refusal(self, found: str) -> ModelFileError:
        """Make the error that says what was found instead of what was expected."""
        return refusal(self.path, found)


def read_file(path: PathLike) -> TensorFile:
    """Read a file that `write_file` wrote.

    Args:
        path: Where it is.

    Raises:
        ModelFileError: If there is none, or it is cut off, foreign, damaged or newer.
    """
    name = os.fsdecode(path)
    try:
        kind = special_kind(os.stat(name).st_mode)
    except FileNotFoundError as error:
        raise refusal(name, "nothing; check the path") from error
    except (OSError, ValueError) as error:  # a name with a null character is a ValueError
        raise _unreadable(name, error) from error
    if kind is not None:
        raise refusal(name, kind)
    try:
        return _checked(name, *_parse(name, _read(name)))
    except ModelFileError:
        raise
    except OSError as error:
        raise _unreadable(name, error) from error
    except (SafetensorError, *MALFORMED) as error:
        raise refusal(
            name, f"other contents ({brief_error(error)}); save writes model files"
        ) from error


def _unreadable(name: str, error: Exception) -> ModelFileError:
    return refusal(name, f"what can't be read ({reason_of(error)})")


def refusal(path: str, found: str) -> ModelFileError:
    """Make the error that says what was found instead of a model file."""
    return ModelFileError(f"expected a model file at {shown_path(path)}, found {found}")


def misfit(
    wanted: Mapping[str, tuple[tuple[int, ...], torch.dtype]], found: Mapping[str, Tensor]
) -> str | None:
    """Say in what tensors differ from those that are wanted; None: in nothing.

    Args:
        wanted: Shape and type of each by its name.
        found: The tensors.

    Examples:
        >>> misfit({"bias": ((2,), torch.float32)}, {"bias": torch.ones(3)})
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
    """Read all of a file, once its header says that it is one of this library's."""
    with open(name, "rb") as file:
        start = file.read(SIZE)
        length = int.from_bytes(start, "little")
        if len(start) < SIZE or not 2 <= length <= MOST_HEADER:
            raise refusal(name, "other contents (no header); save writes model files")
        header = file.read(length)
        if KEY not in _read_json(header.decode()).get("__metadata__", {}):
            raise refusal(name, "a safetensors file of others; save writes model files")
        return start + header + file.read()


@on_cpu()  # safetensors leaves the device to PyTorch
def _parse(name: str, contents: bytes) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Take a file apart into facts and tensors."""
    end = SIZE + int.from_bytes(contents[:SIZE], "little")
    header = _read_json(contents[SIZE:end].decode())
    facts = _read_json(header.pop("__metadata__")[KEY])
    whole = end + max((entry["data_offsets"][1] for entry in header.values()), default=0)
    if len(contents) < whole:
        raise refusal(name, f"one that is cut off after {len(contents):,} of {whole:,} bytes")
    return facts, safetensors.torch.load(contents)


def _read_json(text: str) -> Any:
    if _count_lists(text) > MOST_LISTS:
        raise ValueError(f"more than {MOST_LISTS:,} lists and objects")
    return json.loads(text)


def _count_lists(text: str) -> int:
    """Count the lists and objects in JSON, and the brackets in its strings."""
    return text.count("[") + text.count("{")


def _checked(name: str, facts: dict[str, Any], tensors: dict[str, Tensor]) -> TensorFile:
    if facts["format"] > FORMAT:
        raise refusal(
            name,
            shortened(f"format {facts['format']}, written by seqtoys {facts['version']}")
            + f"; this one reads format {FORMAT}: update seqtoys",
        )
    if facts["format"] != FORMAT or facts["checksum"] != _checksum(facts, tensors):
        raise refusal(name, "contents that were changed or damaged after they were written")
    return TensorFile(name, facts, tensors)


def _checksum(facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    rest = {name: fact for name, fact in facts.items() if name != "checksum"}
    return digest(sorted(tensors.items()), json.dumps(rest, sort_keys=True))


def brief_error(error: Exception) -> str:
    """Say what went wrong, in few words.

    Examples:
        >>> brief_error(ValueError("no numbers"))
        'ValueError: no numbers'
    """
    return shortened(f"{type(error).__name__}: {error}")


def shortened(text: str, width: int = 120) -> str:
    """Cut what a stranger wrote to a width that a message has room for.

    Examples:
        >>> shortened("a long, long text", 8)
        'a long,…'
    """
    return text if len(text) <= width else f"{text[: width - 1]}…"
