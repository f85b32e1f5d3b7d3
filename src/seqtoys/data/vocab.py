"""Vocabularies: symbols <-> indices <-> one-hot vectors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Literal, overload

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqtoys.data.symbols import Symbols, code_point_table, plain_string, several, to_symbols
from seqtoys.data.unknown_symbols import unknown_hint
from seqtoys.errors import (
    IndexRangeError,
    InputTypeError,
    ShapeError,
    UnknownSymbolError,
    excerpt,
    quoted,
)
from seqtoys.support.annotations import BYTES, described, list_hint
from seqtoys.support.arguments import check_type
from seqtoys.support.arrays import Ints
from seqtoys.support.indices import Indices, to_index_array
from seqtoys.support.memory import EnoughMemory, check_room
from seqtoys.support.words import counted


class Vocab:
    """An ordered set of symbols: the `i`-th symbol has index `i`.

    A symbol is a character (one Unicode code point) or a word. If every symbol is a character,
    sequences are strings; otherwise they are lists of words. A vocabulary is immutable.

    Args:
        symbols: The symbols in index order: a string of characters, or words.

    Raises:
        VocabError: If there are no symbols, or a symbol is empty or occurs twice.
        InputTypeError: If a symbol is not a string, or the symbols are unordered, as in a set.

    Examples:
        >>> vocab = Vocab("hielo")
        >>> vocab.encode("hihell")
        tensor([0, 1, 0, 2, 3, 3])
        >>> vocab.decode([1, 0, 2, 3, 3, 4])
        'ihello'
        >>> Vocab(["boy", "sees", "dog"]).encode(["dog", "sees"])
        tensor([2, 1])
    """

    __slots__ = ("_code_points", "_index", "_symbols")

    def __init__(self, symbols: Iterable[str]) -> None:
        self._symbols = to_symbols(symbols)
        self._index = {symbol: index for index, symbol in enumerate(self._symbols)}
        has_words = any(len(symbol) > 1 for symbol in self._symbols)
        self._code_points = None if has_words else code_point_table(self._symbols)

    @classmethod
    def from_text(cls, *texts: Symbols) -> Vocab:
        """Collect the distinct symbols of some texts, in order of first appearance.

        Args:
            *texts: Strings (each character is a symbol) or lists of words.

        Examples:
            >>> Vocab.from_text("hihello")
            Vocab('hielo')
            >>> Vocab.from_text("hello", "hill")
            Vocab('heloi')
            >>> Vocab.from_text("boy sees dog".split())
            Vocab(['boy', 'sees', 'dog'])
        """
        for text in texts:
            if isinstance(text, list | tuple) and text and isinstance(text[0], list | tuple):
                raise InputTypeError(
                    "expected each text as an argument of its own, got a list of texts; write "
                    "Vocab.from_text(*texts)"
                )
        check_type("texts", texts, tuple[Symbols, ...])
        return cls(list(dict.fromkeys(chain.from_iterable(texts))))

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols in index order."""
        return self._symbols

    @property
    def has_words(self) -> bool:
        """Whether any symbol is longer than one character, so that sequences are lists."""
        return self._code_points is None

    def encode(self, sequence: Symbols) -> Int[Tensor, " time"]:
        """Look up the index of each symbol.

        Args:
            sequence: A string, or a list of symbols (must be a list if the symbols are words).

        Raises:
            UnknownSymbolError: If a symbol is not in the vocabulary; the message gives the symbol
                and its position.
            InputTypeError: If `sequence` is a string but the symbols are words, or it is not a
                sequence.

        Examples:
            >>> Vocab("hielo").encode("hello")
            tensor([0, 2, 3, 3, 4])
        """
        self._check_sequence(sequence)
        indices = self._look_up(sequence)
        if (indices < 0).any():
            position = int((indices < 0).argmax())
            raise self.unknown_symbol(sequence, position)
        return torch.from_numpy(indices)

    def unknown_symbol(self, sequence: Symbols, position: int) -> UnknownSymbolError:
        """Return the error for the symbol at a `position` of a `sequence`."""
        symbol = sequence[position]
        return UnknownSymbolError(
            f"{quoted(symbol)} at position {position} of {excerpt(sequence, position)} "
            f"is not among the {self._summary()}{unknown_hint(symbol, sequence, self)}"
        )

    @overload
    def encode_batch(
        self, sequences: Sequence[Symbols], *, return_lengths: Literal[False] = False
    ) -> Int[Tensor, "batch time"]: ...

    @overload
    def encode_batch(
        self, sequences: Sequence[Symbols], *, return_lengths: Literal[True]
    ) -> tuple[Int[Tensor, "batch time"], Int[Tensor, " batch"]]: ...

    def encode_batch(
        self, sequences: Sequence[Symbols], *, return_lengths: bool = False
    ) -> Int[Tensor, "batch time"] | tuple[Int[Tensor, "batch time"], Int[Tensor, " batch"]]:
        """Encode several sequences as the rows of one tensor, padded on the right.

        Args:
            sequences: Strings, or lists of symbols.
            return_lengths: Also return the length of each sequence. Padding uses index 0, which
                is a valid symbol, so only the lengths show where a sequence ends.

        Raises:
            SeqtoysError: As in `encode`; also for a single string, or no sequences.

        Examples:
            >>> Vocab("hielo").encode_batch(["hello", "hi"], return_lengths=True)
            (tensor([[0, 2, 3, 3, 4],
                    [0, 1, 0, 0, 0]]), tensor([5, 2]))
        """
        check_type("return_lengths", return_lengths, bool)
        # All symbols are looked up at once: a look-up per sequence takes longer.
        strings = [sequence for sequence in several(sequences) if isinstance(sequence, str)]
        is_text = len(strings) == len(sequences)
        if self.has_words or not is_text:
            for sequence in sequences:
                self._check_sequence(sequence)
        symbols = "".join(strings) if is_text else list(chain.from_iterable(sequences))
        indices = self._look_up(symbols)  # (symbols,)
        lengths = np.array([len(sequence) for sequence in sequences], np.int64)
        if (indices < 0).any():
            at, ends = int((indices < 0).argmax()), lengths.cumsum()
            row = int(ends.searchsorted(at, "right"))
            raise self.unknown_symbol(sequences[row], at - int((ends - lengths)[row]))
        longest = int(lengths.max())
        check_room(f"sequences of {longest:,} symbols", len(lengths), 8 * longest)
        batch = np.zeros((len(lengths), longest), np.int64)
        batch[np.arange(longest) < lengths[:, np.newaxis]] = indices
        rows = torch.from_numpy(batch)  # (batch, time)
        return (rows, torch.from_numpy(lengths)) if return_lengths else rows

    def decode(self, indices: Indices) -> str | list[str] | list[list[str]]:
        """Convert indices back to symbols: one sequence, or a list of sequences for a batch.

        Args:
            indices: One sequence `(time,)` or a batch `(batch, time)`: a tensor, array or list.

        Raises:
            IndexRangeError: If an index is out of range; the message gives the index and its
                position.
            SeqtoysError: If the values are not integers, or have neither one nor two axes.

        Examples:
            >>> Vocab("hielo").decode([[0, 1], [3, 4]])
            ['hi', 'lo']
        """
        array = self._check_range(to_index_array(indices))
        if array.ndim == 1:
            return self._join(array)
        if array.ndim == 2:
            return [self._join(row) for row in array]  # type: ignore[return-value]
        raise ShapeError(f"expected indices (time,) or (batch, time), got shape {array.shape}")

    def one_hot(self, sequence: Symbols | Indices) -> Float[Tensor, "*batch vocab"]:
        """Convert symbols or indices to vectors with a single 1, at the symbol's index.

        Args:
            sequence: A string, a list of symbols, or indices of any shape.

        Returns:
            A tensor of the default float type, with the shape of the indices plus a last axis of
            size `len(vocab)`.

        Raises:
            SeqtoysError: As in `encode` for symbols, and in `decode` for indices.

        Examples:
            >>> Vocab("hielo").one_hot("hi")
            tensor([[1., 0., 0., 0., 0.],
                    [0., 1., 0., 0., 0.]])
        """
        if isinstance(sequence, str) or (
            isinstance(sequence, Sequence) and any(isinstance(s, str) for s in sequence)
        ):
            indices = self.encode(sequence)
        else:
            indices = torch.from_numpy(self._check_range(to_index_array(sequence)))
        size = len(self) * torch.get_default_dtype().itemsize
        check_room(f"vectors of {len(self):,} numbers", indices.numel(), size)
        with EnoughMemory():
            zeros = torch.zeros(*indices.shape, len(self), device="cpu")  # (*batch, vocab)
        return zeros.scatter_(-1, indices.unsqueeze(-1), 1.0)

    def __len__(self) -> int:
        return len(self._symbols)

    def __iter__(self) -> Iterator[str]:
        return iter(self._symbols)

    def __contains__(self, symbol: object) -> bool:
        return self._find(symbol) >= 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocab) and self._symbols == other._symbols

    def __hash__(self) -> int:
        return hash(self._symbols)

    def __reduce__(self) -> tuple[type[Vocab], tuple[tuple[str, ...]]]:
        return Vocab, (self._symbols,)

    def __repr__(self) -> str:
        return f"Vocab({list(self) if self.has_words else ''.join(self)!r})"

    def _look_up(self, sequence: Symbols) -> Ints:
        """Return the index of each symbol, or -1 where there is none."""
        if isinstance(sequence, str) and self._code_points is not None:
            utf_32 = str.encode(sequence, "utf-32-le", "surrogatepass")
            codes = np.frombuffer(utf_32, np.uint32)
            return self._code_points[np.minimum(codes, len(self._code_points) - 1)]
        # Plain `str` symbols skip the slow path, since there may be millions of them.
        index = self._index
        found = [index.get(s, -1) if type(s) is str else self._find(s) for s in sequence]
        return np.array(found, np.int64)

    def _find(self, symbol: object) -> int:
        """Return the index of a symbol, or -1 if there is none."""
        string = plain_string(symbol)
        return -1 if string is None else self._index.get(string, -1)

    def _check_sequence(self, sequence: Symbols) -> None:
        if isinstance(sequence, str) and self.has_words:
            raise InputTypeError(
                "expected a list of words, because the symbols are words, got the string "
                f"{excerpt(sequence)}; split it, as in text.split(), or make a vocabulary of "
                "characters, as in Vocab.from_text(*texts)"
            )
        if not isinstance(sequence, Sequence) or isinstance(sequence, BYTES):
            hint = list_hint(sequence)
            if isinstance(sequence, Tensor):
                hint = "; if it contains indices, convert them with vocab.decode"
            raise InputTypeError(
                f"expected a string or a list of symbols, got {described(sequence)}{hint}"
            )

    def _check_range(self, array: Ints) -> Ints:
        outside = (array < 0) | (array >= len(self))
        if outside.any():
            where = tuple(int(axis) for axis in np.argwhere(outside)[0])
            place = f" at position {where[0] if len(where) == 1 else where}" if where else ""
            raise IndexRangeError(
                f"index {array[where]}{place} "
                f"is not in 0 … {len(self) - 1}, the indices of the {self._summary()}"
            )
        return array

    def _join(self, row: Ints) -> str | list[str]:
        symbols = [self._symbols[index] for index in row.tolist()]
        return symbols if self.has_words else "".join(symbols)

    def _summary(self) -> str:
        shown = self._symbols if self.has_words else "".join(self._symbols)
        return f"{counted(len(self), 'symbol')} {excerpt(shown)}"
