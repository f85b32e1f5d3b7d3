"""What was probably meant by a symbol that is not in a vocabulary."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence
from typing import Literal, TypeAlias

from seqtoys.errors import quoted
from seqtoys.support.values import to_real

LOOKALIKES = str.maketrans(
    "аеорсухіјѕАВЕКМНОРСТХΑΒΕΖΗΙΚΜΝΟΡΤΥΧο‘’“”‐‑–—−",  # noqa: RUF001
    "aeopcyxijsABEKMHOPCTXABEZHIKMNOPTYXo''\"\"-----",
)
"""Letters of other alphabets, quotation marks and dashes, and what they resemble in ASCII."""

Form: TypeAlias = Literal["NFC", "NFD", "NFKC"]
FORMS: tuple[Form, ...] = ("NFC", "NFD", "NFKC")


def unknown_hint(symbol: object, sequence: Sequence[object], symbols: Collection[str]) -> str:
    """Return advice for a symbol that is not in a vocabulary, or "".

    Args:
        symbol: The symbol.
        sequence: The sequence that contains it.
        symbols: The symbols of the vocabulary.

    Examples:
        >>> unknown_hint("hill", ["hill"], "hil")
        "; its characters are: pass the text 'hill' instead, or several texts to encode_batch"
        >>> unknown_hint("e", "e\u0301", "\u00e9")
        "; 'e' is U+0065, 'é' is U+00E9; convert the text with unicodedata.normalize('NFC', text)"
    """
    if not isinstance(symbol, str):
        return _other_hint(sequence)
    words = symbol.split()
    if len(words) > 1 and all(word in symbols for word in words):
        return "; its words are: split it, as in text.split()"
    if len(symbol) > 1 and all(character in symbols for character in symbol):
        if any(len(known) > 1 for known in symbols):
            return "; its characters are: split it with list(…)"
        text = f"the text {quoted(symbol)}"
        return f"; its characters are: pass {text} instead, or several texts to encode_batch"
    alike = [known for known in symbols if _look_of(known) == _look_of(symbol)]
    odd = [symbol] if alike or any(map(unicodedata.combining, symbol)) else []
    names = [f"{quoted(each)} is {_code_points(each)}" for each in (*odd, *alike)]
    advice = ", ".join(names), _normalization(sequence, symbols)
    return "".join(f"; {part}" for part in advice if part)


def _other_hint(sequence: Sequence[object]) -> str:
    """Return advice for a sequence of other things than strings."""
    if all(isinstance(each, list | tuple) for each in sequence):
        return "; pass one text, or several texts to encode_batch"
    if all(isinstance(each, bytes) for each in sequence):
        return "; convert it with .decode()"
    are_numbers = all(to_real(each) is not None for each in sequence)
    return "; if these are indices, convert them with vocab.decode" if are_numbers else ""


def _look_of(symbol: str) -> str:
    """Return a form that symbols share if they look alike: no accents, plain spaces and dashes."""
    parts = unicodedata.normalize("NFKD", symbol).translate(LOOKALIKES)
    return "".join(part for part in parts if not unicodedata.combining(part)) or parts


def _code_points(symbol: str) -> str:
    return " ".join(f"U+{ord(character):04X}" for character in symbol)


def _normalization(sequence: object, symbols: Collection[str]) -> str:
    """Return advice to normalize a text, if that gives it known symbols only."""
    for form in FORMS if isinstance(sequence, str) else ():
        if set(unicodedata.normalize(form, str(sequence))) <= set(symbols):
            return f"convert the text with unicodedata.normalize('{form}', text)"
    return ""
