"""The errors this library raises: what was expected, what was given, where, and what to do.

```text
SeqtoysError
├── VocabError          (ValueError)       a vocabulary that is empty or has duplicate symbols
├── UnknownSymbolError  (ValueError)       a symbol that is not in the vocabulary
├── IndexRangeError     (IndexError)       an index that is out of range
├── InputTypeError      (TypeError)        floats instead of indices, a string instead of words
├── ShapeError          (ValueError)       a tensor of the wrong shape
├── DeviceError         (ValueError)       a tensor on the wrong device
├── DataError           (ValueError)       sequences that cannot be used for training
├── OptionError         (ValueError)       an option that is out of range
├── ModelFileError      (OSError)          a model file that cannot be read or written
├── NonFiniteLossError  (ArithmeticError)  a loss that became inf or nan
└── MissingPackageError (ImportError)      plotting without matplotlib
```

Each also subclasses the built-in error in parentheses, so `except ValueError` works as expected.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from reprlib import Repr
from typing import Any

ROOM = 80  # the most characters of a value in a message
BUILT_IN = (str, int, list, tuple, dict, set, frozenset)


class SeqtoysError(Exception):
    """The base class of all errors this library raises deliberately.

    Attributes:
        history: If the error interrupted a training run, the history of the epochs before it;
            otherwise None. `fit` also sets this attribute on errors of other classes.
    """

    history: Any = None


class VocabError(SeqtoysError, ValueError):
    """A vocabulary is empty or has duplicate symbols."""


class UnknownSymbolError(SeqtoysError, ValueError):
    """A symbol is not in the vocabulary."""


class IndexRangeError(SeqtoysError, IndexError):
    """An index is out of range."""


class InputTypeError(SeqtoysError, TypeError):
    """A value has the wrong type: floats instead of indices, a string instead of words."""


class ShapeError(SeqtoysError, ValueError):
    """A tensor has the wrong shape."""


class DeviceError(SeqtoysError, ValueError):
    """A tensor is not on the expected device."""


class DataError(SeqtoysError, ValueError):
    """Sequences cannot be used: too short, too few, or of unequal lengths."""


class OptionError(SeqtoysError, ValueError):
    """An option is out of range, or missing where it is required."""


class ModelFileError(SeqtoysError, OSError):
    """A model file cannot be written, or is missing, truncated, corrupted, foreign or too new."""


class NonFiniteLossError(SeqtoysError, ArithmeticError):
    """The loss became inf or nan during training, or the logits while sampling."""


class MissingPackageError(SeqtoysError, ImportError):
    """An optional package is not installed."""


def excerpt(sequence: Sequence[Any], position: int = 0, width: int = 20) -> str:
    """Quote a sequence for a message: all of it if short, else the part around a position.

    Args:
        sequence: The sequence.
        position: The position of interest.
        width: The number of symbols to show on each side of it.

    Examples:
        >>> excerpt("hihell")
        "'hihell'"
        >>> excerpt("a long, long, long text", position=20, width=4)
        "…'ng text'"
    """
    start, end = max(0, position - width), position + width
    if isinstance(sequence, str):
        shown = repr(sequence[start:end])
    else:  # islice, since not every sequence supports slicing: a deque does not
        shown = f"[{', '.join(quoted(item, ROOM // 4) for item in islice(sequence, start, end))}]"
    return f"{'…' * (start > 0)}{shown}{'…' * (end < len(sequence))}"


def quoted(value: object, room: int = ROOM) -> str:
    """Quote any value for a message: an abbreviated repr.

    Args:
        value: The value. Its repr may be long, deeply nested, or raise.
        room: The maximum number of characters of a string; the result has at most twice as many.

    Examples:
        >>> quoted(0.5), quoted(["h"] * 99), quoted(10**5000)
        ('0.5', "['h', 'h', 'h', 'h', 'h', 'h', …]", 'about 10^5000')
    """
    text = _Quoting(room).repr(value)
    return text if len(text) <= 2 * room else f"{text[: 2 * room]}…"


def shown_path(path: str | bytes | os.PathLike[Any]) -> str:
    """Format a path for a message, with the middle left out if it is too long.

    Args:
        path: The path.

    Examples:
        >>> shown_path(b"model"), len(shown_path("m" * 200_000))
        ('model', 401)
    """
    name = os.fsdecode(path)
    return name if len(name) <= 5 * ROOM else f"{name[: 4 * ROOM]}…{name[-ROOM:]}"


def with_article(name: str) -> str:
    """Return a name preceded by "a" or "an".

    Args:
        name: The name.

    Examples:
        >>> with_article("OSError")
        'an OSError'
        >>> with_article("SGD"), with_article("ndarray")  # the first letter is spelled out
        ('an SGD', 'an ndarray')
    """
    is_spelled = name == "ndarray" or (name[:2].isupper() and name[0] in "FHLMNRSX")
    return f"{'an' if is_spelled or name[:1] in 'aeiouAEIOU' else 'a'} {name[:ROOM]}"


class _Quoting(Repr):
    """Abbreviates values of built-in types; of others without a short repr, shows the type."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother, self.fillvalue = 3, room, room, "…"

    def repr1(self, x: Any, level: int) -> str:
        # Repr dispatches on the name of a type, but a user's class may also be called "list".
        return super().repr1(x, level) if type(x) in BUILT_IN else self.repr_instance(x, level)

    def repr_int(self, x: int, level: int) -> str:
        digits = int(x.bit_length() * math.log10(2))
        return repr(x) if digits <= self.maxother // 2 else f"about {'-' * (x < 0)}10^{digits}"

    def repr_instance(self, x: Any, level: int) -> str:
        with suppress(Exception):  # the repr of a user's class may raise anything
            text = repr(x)
            if len(text) <= self.maxother and "\n" not in text:
                return text
        return with_article(type(x).__name__)
