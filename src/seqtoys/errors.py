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

from collections.abc import Sequence
from typing import Any


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


def excerpt(sequence: Sequence[str], position: int = 0, width: int = 20) -> str:
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
    part = sequence[start:end]
    shown = repr(part) if isinstance(part, str) else repr(list(part))
    return f"{'…' * (start > 0)}{shown}{'…' * (end < len(sequence))}"
