"""Texts from the command line: in quotes, from files and from standard input."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from typing import IO

from seqtoys.data.symbols import Symbols
from seqtoys.errors import DataError, quoted, shown_path
from seqtoys.support.file_kinds import special_kind

MOST = 10**9  # bytes in a text; a pipe may never end
NEWLINE = "\n"
PATH = re.compile(r"~|.*(\S[/\\]|[/\\]\S|\*)|.*\.[A-Za-z]\w{0,4}\Z")
LONGEST_NAME = 255  # characters; a longer argument was hardly meant as the name of a file


def read(argument: str, encoding: str) -> str:
    """Return the text of a file or of standard input (`-`), or else the argument itself.

    Raises:
        DataError: If the argument looks like the path of a file that can't be read, or is not
            text in this encoding.
    """
    if argument == "-":
        if sys.stdin is None:
            raise DataError("expected a text on standard input (-), but it is closed")
        return _decode(_read(sys.stdin.buffer, "standard input"), "standard input", encoding)
    try:
        kind = special_kind(os.stat(argument).st_mode)
    except (OSError, ValueError) as error:  # ValueError: a null character
        if _looks_like_path(argument):
            why = error.strerror if isinstance(error, OSError) else error
            raise DataError(
                f"expected a text or the name of a file, got {quoted(argument)}, which looks like "
                f"a file but can't be read ({why}); {_hint(argument)} pass --text if it is a text"
            ) from None
        return argument
    if kind not in (None, "a named pipe"):
        raise DataError(
            f"expected a text or the name of a text file, got {quoted(argument)}, which is {kind}"
        )
    try:
        file = open(argument, "rb")  # noqa: SIM115
    except OSError as error:
        raise DataError(f"can't read {shown_path(argument)}: {error.strerror}") from None
    with file:
        return _decode(_read(file, shown_path(argument)), shown_path(argument), encoding)


def lines_of(text: str) -> list[str]:
    r"""Return the lines of a text that are not blank, each between two line breaks.

    A model thus learns where a line begins and ends, and can generate new ones.

    Examples:
        >>> lines_of("Ada\n\n Grace \n")
        ['\nAda\n', '\nGrace\n']
    """
    return [f"{NEWLINE}{line.strip()}{NEWLINE}" for line in text.split(NEWLINE) if line.strip()]


def words_of(text: str) -> list[str]:
    r"""Split a text at spaces; a line break is a separate word.

    Examples:
        >>> words_of("a rose is\na rose")
        ['a', 'rose', 'is', '\n', 'a', 'rose']
    """
    return re.findall(r"\n|\S+", text)


def join(symbols: Symbols, *, words: bool) -> str:
    r"""Join symbols to a text: words with spaces, as `words_of` split them.

    Examples:
        >>> join("hello", words=False)
        'hello'
        >>> join(["a", "rose", "is", "\n", "a", "rose"], words=True)
        'a rose is\na rose'
    """
    return re.sub(" ?\n ?", NEWLINE, " ".join(symbols)) if words else "".join(symbols)


def join_texts(texts: Sequence[Symbols]) -> Symbols:
    r"""Join several texts into one, separated by line breaks.

    Examples:
        >>> join_texts(["hi", "hello"]), join_texts([["a", "rose"], ["is"]])
        ('hi\nhello', ['a', 'rose', '\n', 'is'])
    """
    strings = [text for text in texts if isinstance(text, str)]
    if strings:
        return NEWLINE.join(strings)
    return [symbol for text in texts for symbol in (*text, NEWLINE)][:-1]


def _read(file: IO[bytes], name: str) -> bytes:
    try:
        content = file.read(MOST + 1)
    except OSError as error:
        raise DataError(f"can't read {name}: {error.strerror}") from None
    if len(content) > MOST:
        raise DataError(f"expected a text of at most {MOST:,} bytes, got more from {name}")
    return content


def _decode(content: bytes, name: str, encoding: str) -> str:
    """Decode a text, without its byte-order mark and its last line breaks."""
    try:
        text = content.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise DataError(
            f"can't read {name} as {encoding}: byte 0x{content[error.start]:02x} at offset "
            f"{error.start} ({error.reason}); pass its --encoding, such as cp1252 or utf-16"
        ) from None
    except (LookupError, UnicodeError) as error:
        raise DataError(f"can't read {name} as {encoding}: {error}") from None
    if "\0" in text:
        raise DataError(
            f"expected a text, got a null character at position {text.index(chr(0))} of {name}; "
            "if it is UTF-16, pass --encoding utf-16-le or utf-16-be"
        )
    text = text.replace("\r\n", NEWLINE).replace("\r", NEWLINE).rstrip(NEWLINE)
    if not text:
        raise DataError(f"expected a text, but {name} is empty")
    return text


def _looks_like_path(argument: str) -> bool:
    """Whether a single line has a slash within words, a suffix or a star, or starts with ~."""
    is_short = len(argument) <= LONGEST_NAME and NEWLINE not in argument
    return is_short and PATH.match(argument) is not None


def _hint(argument: str) -> str:
    if argument.startswith("~") or "*" in argument:
        return "leave out the quotes, so that the shell replaces ~ and *, or"
    folder, name = os.path.split(argument)
    try:
        near = get_close_matches(name, os.listdir(folder or "."), n=1, cutoff=0.75)
    except (OSError, ValueError):
        near = []
    return f"did you mean {os.path.join(folder, near[0])}? Or" if near else "check the name, or"
