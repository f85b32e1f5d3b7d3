"""The errors this library raises: each says what was expected, what came, where, and what to do.

```text
SeqtoysError
├── VocabError          (ValueError)       a vocabulary without symbols, or with one twice
├── UnknownSymbolError  (ValueError)       a symbol the vocabulary lacks
├── IndexRangeError     (IndexError)       an index that names no symbol
├── InputTypeError      (TypeError)        floats for indices, a string for words
├── ShapeError          (ValueError)       a tensor of the wrong shape
├── DeviceError         (ValueError)       a tensor on another device
├── DataError           (ValueError)       sequences that can't be trained on
├── OptionError         (ValueError)       an option out of its range
├── ModelFileError      (OSError)          a model file that can't be read or written
├── NonFiniteLossError  (ArithmeticError)  a loss that became inf or nan
└── MissingPackageError (ImportError)      a figure without matplotlib
```

Each is also the built-in error named beside it, so `except ValueError` works as one would expect.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from reprlib import Repr
from typing import Any

ROOM = 80  # characters of a value in a message
BUILT_IN = (str, int, list, tuple, dict, set, frozenset)


class SeqtoysError(Exception):
    """The base of every error this library raises on purpose.

    Attributes:
        history: If the error ended a training, the history of the epochs before it, else None.
            `fit` gives this attribute to errors of other classes, too.
    """

    history: Any = None


class VocabError(SeqtoysError, ValueError):
    """A vocabulary is empty, or names a symbol twice."""


class UnknownSymbolError(SeqtoysError, ValueError):
    """A symbol is not in the vocabulary."""


class IndexRangeError(SeqtoysError, IndexError):
    """An index names no symbol of the vocabulary."""


class InputTypeError(SeqtoysError, TypeError):
    """A value is of the wrong type: floats where indices belong, a string where words do."""


class ShapeError(SeqtoysError, ValueError):
    """A tensor has the wrong shape."""


class DeviceError(SeqtoysError, ValueError):
    """A tensor lies on another device than the model."""


class DataError(SeqtoysError, ValueError):
    """Sequences can't be used: too short, too few, or of unequal lengths."""


class OptionError(SeqtoysError, ValueError):
    """An option is out of its range, or missing where it is needed."""


class ModelFileError(SeqtoysError, OSError):
    """A model file can't be written, or what is read is none: cut off, foreign, damaged, newer."""


class NonFiniteLossError(SeqtoysError, ArithmeticError):
    """The loss became inf or nan during training, or the logits while sampling."""


class MissingPackageError(SeqtoysError, ImportError):
    """A package that only a part of the library needs is not installed."""


def excerpt(sequence: Sequence[Any], position: int = 0, width: int = 20) -> str:
    """Quote a sequence for a message: whole if short, else the part around a position.

    Args:
        sequence: The sequence.
        position: Where to look.
        width: How many symbols to show on each side.

    Examples:
        >>> excerpt("hihell")
        "'hihell'"
        >>> excerpt("a long, long, long text", position=20, width=4)
        "…'ng text'"
    """
    start, end = max(0, position - width), position + width
    if isinstance(sequence, str):
        shown = repr(sequence[start:end])
    else:  # islice, as not every sequence has slices: a deque has none
        shown = f"[{', '.join(quoted(item, ROOM // 4) for item in islice(sequence, start, end))}]"
    return f"{'…' * (start > 0)}{shown}{'…' * (end < len(sequence))}"


def quoted(value: object, room: int = ROOM) -> str:
    """Quote any value for a message: its repr, abbreviated.

    Args:
        value: The value. Its repr may be long, nested deeply, or raise.
        room: The number of characters of a string, and half of what is returned at most.

    Examples:
        >>> quoted(0.5), quoted(["h"] * 99), quoted(10**5000)
        ('0.5', "['h', 'h', 'h', 'h', 'h', 'h', …]", 'about 10^5000')
    """
    text = _Quoting(room).repr(value)
    return text if len(text) <= 2 * room else f"{text[: 2 * room]}…"


def shown_path(path: str | bytes | os.PathLike[Any]) -> str:
    """Write the name of a file for a message, without the middle of one too long to exist.

    Args:
        path: The name.

    Examples:
        >>> shown_path(b"model"), len(shown_path("m" * 200_000))
        ('model', 401)
    """
    name = os.fsdecode(path)
    return name if len(name) <= 5 * ROOM else f"{name[: 4 * ROOM]}…{name[-ROOM:]}"


def with_article(name: str) -> str:
    """Put "a" or "an" before a name.

    Args:
        name: The name.

    Examples:
        >>> with_article("OSError")
        'an OSError'
    """
    return f"{'an' if name[:1] in 'aeiouAEIOU' else 'a'} {name[:ROOM]}"


class _Quoting(Repr):
    """Abbreviates the values of built-in types, and names the type of what has no short repr."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother, self.fillvalue = 3, room, room, "…"

    def repr1(self, x: Any, level: int) -> str:
        # Repr goes by the name of a type, and anyone may call a class "list".
        return super().repr1(x, level) if type(x) in BUILT_IN else self.repr_instance(x, level)

    def repr_int(self, x: int, level: int) -> str:
        digits = int(x.bit_length() * math.log10(2))
        return repr(x) if digits <= self.maxother // 2 else f"about {'-' * (x < 0)}10^{digits}"

    def repr_instance(self, x: Any, level: int) -> str:
        with suppress(Exception):  # whatever the repr of a user's class raises
            text = repr(x)
            if len(text) <= self.maxother and "\n" not in text:
                return text
        return with_article(type(x).__name__)
