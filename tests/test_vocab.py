from __future__ import annotations

import pickle
import subprocess
import sys
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from functools import reduce
from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqtoys import Vocab
from seqtoys.errors import (
    DataError,
    IndexRangeError,
    InputTypeError,
    ShapeError,
    UnknownSymbolError,
    VocabError,
)

pytestmark = pytest.mark.type_checked

HIELO = Vocab("hielo")
WORDS = Vocab(["boy", "sees", "dog"])


def test_symbols_are_in_the_notebooks_order() -> None:
    assert Vocab.from_text("hihello") == HIELO
    assert HIELO.encode("hihell").tolist() == [0, 1, 0, 2, 3, 3]
    assert HIELO.encode("hihell").dtype == torch.int64
    assert HIELO.one_hot("hi").tolist() == [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0]]


def test_vocabulary_is_a_hashable_collection() -> None:
    assert len(HIELO) == 5
    assert list(HIELO) == ["h", "i", "e", "l", "o"] == list(HIELO.symbols)
    assert "h" in HIELO
    assert "x" not in HIELO
    assert 3 not in HIELO
    assert ["h"] not in HIELO
    assert Vocab(["h", "i"]) == Vocab("hi") != Vocab("ih")
    assert Vocab("hi") != "hi"
    assert len({Vocab("hi"), Vocab(["h", "i"]), Vocab("ih")}) == 2
    assert pickle.loads(pickle.dumps(WORDS)) == WORDS
    assert repr(HIELO) == "Vocab('hielo')"
    assert repr(WORDS) == "Vocab(['boy', 'sees', 'dog'])"


def test_vocabulary_of_words() -> None:
    assert WORDS.has_words
    assert WORDS.encode(("dog", "sees")).tolist() == [2, 1]
    assert WORDS.decode(torch.tensor([[0, 1], [2, 1]])) == [["boy", "sees"], ["dog", "sees"]]
    assert WORDS.encode([]).tolist() == []
    assert WORDS.decode([]) == []
    assert Vocab.from_text(["boy", "sees", "boy"], ["dog"]) == WORDS
    assert Vocab(["to", "a"]).decode([1, 0]) == ["a", "to"]  # words of one and two characters


def test_list_of_characters_equals_a_string() -> None:
    assert HIELO.encode(["h", "o"]).tolist() == HIELO.encode("ho").tolist() == [0, 4]
    assert torch.equal(HIELO.one_hot(["h", "o"]), HIELO.one_hot([0, 4]))


def test_encode_batch_pads_on_the_right_and_returns_lengths() -> None:
    assert HIELO.encode_batch(["hello", "eolll"]).tolist() == [[0, 2, 3, 3, 4], [2, 4, 3, 3, 3]]
    batch, lengths = HIELO.encode_batch(["io", "", "o"], return_lengths=True)
    assert batch.tolist() == [[1, 4], [0, 0], [4, 0]]
    assert lengths.tolist() == [2, 0, 1]
    assert HIELO.encode_batch(["io", ["h", "o"]]).tolist() == [[1, 4], [0, 4]]
    assert WORDS.encode_batch([["sees"], []]).tolist() == [[1], [0]]


def test_unknown_symbol_in_a_batch_is_reported_at_its_position_in_its_sequence() -> None:
    for sequences in (["hello", "", "hi", "hexy", "lz"], [["h"], list("hexy")]):
        with pytest.raises(UnknownSymbolError, match=r"'x' at position 2 of .*'?h'?.*y"):
            HIELO.encode_batch(sequences)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "uint64"])
def test_decode_accepts_any_integer_dtype(dtype: str) -> None:
    array = np.array([0, 1], dtype)
    assert HIELO.decode(array) == "hi"
    assert HIELO.decode(torch.from_numpy(array)) == "hi"
    assert HIELO.decode([0, 1]) == "hi"
    assert HIELO.decode(array[np.newaxis]) == ["hi"]


@given(st.text(min_size=1))
def test_decode_inverts_encode_for_any_text(text: str) -> None:
    vocab = Vocab.from_text(text)
    indices = vocab.encode(text)
    assert vocab.decode(indices) == text
    assert [vocab.symbols.index(symbol) for symbol in text] == indices.tolist()
    assert torch.equal(vocab.one_hot(text).argmax(-1), indices)
    assert torch.equal(vocab.one_hot(text).sum(-1), torch.ones(len(text)))


def test_lone_surrogates_are_symbols() -> None:
    assert Vocab("a\ud800").encode("\ud800a").tolist() == [1, 0]


def test_one_hot_of_indices_of_any_shape() -> None:
    assert HIELO.one_hot(torch.zeros(2, 0, 3, dtype=torch.int32)).shape == (2, 0, 3, 5)
    assert HIELO.one_hot(torch.tensor(4)).tolist() == [0, 0, 0, 0, 1]
    assert HIELO.one_hot("").shape == HIELO.one_hot([]).shape == (0, 5)


def test_large_vocabulary() -> None:
    vocab = Vocab(chr(0x4E00 + i) for i in range(20_000))
    assert vocab.one_hot(vocab.symbols[-1]).argmax().item() == 19_999


INDICES: dict[str, Any] = {
    "backwards": np.array([4, 0])[::-1],
    "every other": np.array([0, 9, 4])[::2],
    "read-only": np.frombuffer(bytes([0, 4]), np.uint8),
    "big-endian": np.array([0, 4], ">i4"),
    "a deque": deque([0, 4]),
    "a range": range(0, 5, 4),
    "an array": array("i", [0, 4]),
    "a memoryview": memoryview(bytes([0, 4])),
    "a parameter": torch.nn.Parameter(torch.tensor([0, 4]), requires_grad=False),
    "uint64": np.array([0, 4], np.uint64),
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", INDICES)
def test_indices_of_many_types_are_accepted(kind: str) -> None:
    assert HIELO.decode(INDICES[kind]) == "ho"
    assert HIELO.one_hot(INDICES[kind]).tolist() == [[1, 0, 0, 0, 0], [0, 0, 0, 0, 1]]


class OddString(str):
    """A string subclass with misleading methods."""

    def __hash__(self) -> int:
        raise RuntimeError("no hash")

    def __eq__(self, other: object) -> bool:
        return True

    def encode(self, *_: Any) -> bytes:
        return b"zz"


def test_string_subclasses_are_read_as_plain_strings() -> None:
    vocab = Vocab([np.str_("h"), OddString("i")])
    assert [type(symbol) for symbol in vocab.symbols] == [str, str]
    assert vocab == Vocab("hi")
    assert vocab.encode(OddString("ih")).tolist() == [1, 0]
    assert vocab.encode([OddString("i"), np.str_("h")]).tolist() == [1, 0]
    assert OddString("i") in vocab
    assert OddString("z") not in vocab


@pytest.mark.usefixtures("unchecked")
def test_sequences_with_a_wrong_len_are_read_by_their_symbols() -> None:
    class Lying(list[str]):
        def __len__(self) -> int:
            return 7

    assert Vocab(Lying("hi")).encode(Lying("ih")).tolist() == [1, 0]


def test_errors_in_user_generators_propagate() -> None:
    def symbols() -> Iterator[str]:
        yield "h"
        raise TypeError("my own")

    with pytest.raises(TypeError, match=r"^my own$"):
        Vocab(symbols())


ErrorCheck = Callable[[Callable[[], object], type[Exception], str], None]
ERRORS: dict[str, Any] = {
    "unknown": (
        lambda: HIELO.encode("helz"),
        UnknownSymbolError,
        "'z' at position 3 of 'helz' is not among the 5 symbols 'hielo'",
    ),
    "unknown, beyond the largest code point": (
        lambda: HIELO.encode("h😀"),
        UnknownSymbolError,
        "'😀' at position 1 of 'h😀' is not among the 5 symbols 'hielo'",
    ),
    "unknown in a long text": (
        lambda: HIELO.encode("h" * 100 + "z" + "i" * 100),
        UnknownSymbolError,
        f"'z' at position 100 of …'{'h' * 20}z{'i' * 19}'… is not among the 5 symbols 'hielo'",
    ),
    "unknown word": (
        lambda: WORDS.encode(["boy", "eats"]),
        UnknownSymbolError,
        "'eats' at position 1 of ['boy', 'eats'] is not among the 3 symbols "
        "['boy', 'sees', 'dog']",
    ),
    "no symbol at all": (
        lambda: WORDS.encode(["boy", 3]),  # type: ignore[list-item]
        UnknownSymbolError,
        "3 at position 1 of ['boy', 3] is not among the 3 symbols ['boy', 'sees', 'dog']",
    ),
    "a list for a symbol": (
        lambda: WORDS.encode(["boy", ["dog"]]),  # type: ignore[list-item]
        UnknownSymbolError,
        "['dog'] at position 1 of ['boy', ['dog']] is not among the 3 symbols "
        "['boy', 'sees', 'dog']",
    ),
    "one symbol": (
        lambda: Vocab("a").encode("b"),
        UnknownSymbolError,
        "'b' at position 0 of 'b' is not among the 1 symbol 'a'",
    ),
    "two symbols": (
        lambda: Vocab("ab").encode("c"),
        UnknownSymbolError,
        "'c' at position 0 of 'c' is not among the 2 symbols 'ab'",
    ),
    "string for words": (
        lambda: WORDS.encode("boy sees"),
        InputTypeError,
        "expected a list of words, because the symbols are words, got the string 'boy sees'; "
        "split it, as in text.split(), or make a vocabulary of characters, as in "
        "Vocab.from_text(*texts)",
    ),
    "no sequence": (
        lambda: HIELO.encode(3),  # type: ignore[arg-type]
        InputTypeError,
        "expected a string or a list of symbols, got 3",
    ),
    "one string for several": (
        lambda: HIELO.encode_batch("hello"),
        InputTypeError,
        "expected a list of sequences, got the single string 'hello'; write [text] for a batch "
        "of one",
    ),
    "no sequences": (
        lambda: HIELO.encode_batch([]),
        DataError,
        "expected at least one sequence, got none",
    ),
    "duplicate": (
        lambda: Vocab("hello"),
        VocabError,
        "expected distinct symbols, got 'l' at positions 2 and 3; "
        "Vocab.from_text removes duplicates",
    ),
    "empty vocabulary": (
        lambda: Vocab(""),
        VocabError,
        "expected at least one symbol, got none",
    ),
    "empty symbol": (
        lambda: Vocab(["a", ""]),
        VocabError,
        "expected non-empty symbols, got '' at position 1",
    ),
    "a number as a symbol": (
        lambda: Vocab(["a", 1]),  # type: ignore[list-item]
        InputTypeError,
        "expected strings, got 1 at position 1",
    ),
    "no symbols": (
        lambda: Vocab(5),  # type: ignore[arg-type]
        InputTypeError,
        "expected symbols to be a list, got 5",
    ),
    "index out of range": (
        lambda: HIELO.decode([0, 5]),
        IndexRangeError,
        "index 5 at position 1 is not in 0 … 4, the indices of the 5 symbols 'hielo'",
    ),
    "one index out of range": (
        lambda: HIELO.one_hot(torch.tensor(5)),
        IndexRangeError,
        "index 5 is not in 0 … 4, the indices of the 5 symbols 'hielo'",
    ),
    "padding": (
        lambda: HIELO.decode(torch.tensor([[0, 1], [2, -100]])),
        IndexRangeError,
        "index -100 at position (1, 1) is not in 0 … 4, the indices of the 5 symbols 'hielo'",
    ),
    "floats": (
        lambda: HIELO.decode([0.5]),
        InputTypeError,
        "expected integer indices, got float64 values",
    ),
    "torch floats": (
        lambda: HIELO.one_hot(torch.zeros(2, dtype=torch.bfloat16)),
        InputTypeError,
        "expected integer indices, got float64 values",
    ),
    "booleans": (
        lambda: HIELO.decode(torch.tensor([True])),
        InputTypeError,
        "expected integer indices, got bool values",
    ),
    "three axes": (
        lambda: HIELO.decode(torch.zeros(1, 2, 3, dtype=torch.int64)),
        ShapeError,
        "expected indices (time,) or (batch, time), got shape (1, 2, 3)",
    ),
    "bytes for a string": (
        lambda: HIELO.encode(b"hi"),  # type: ignore[arg-type]
        InputTypeError,
        "expected a string or a list of symbols, got a bytes; convert it with .decode()",
    ),
    "symbols for indices": (
        lambda: HIELO.decode("hi"),
        InputTypeError,
        "expected integer indices, got 'hi'",
    ),
    "a mask": (
        lambda: HIELO.decode(np.ma.masked_equal([0, 1], 1)),
        InputTypeError,
        "expected indices without a mask, got a MaskedArray",
    ),
    "more than 63 bits": (
        lambda: HIELO.decode(np.array([1, 2**63], np.uint64)),
        IndexRangeError,
        "expected indices of at most 63 bits, got 9223372036854775808",
    ),
    "lists in lists": (
        lambda: HIELO.decode(reduce(lambda inner, _: [inner], range(2000), cast(Any, [0]))),
        ShapeError,
        "expected rows of equal length, got lists nested too deeply",
    ),
    "ragged": (
        lambda: HIELO.decode([[0, 1], [2]]),
        ShapeError,
        "expected rows of equal length, got rows of different lengths",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_name_expected_and_actual_values(case: str, assert_error: ErrorCheck) -> None:
    assert_error(*ERRORS[case])


def test_import_draws_no_random_numbers_and_loads_no_heavy_libraries() -> None:
    code = (
        "import sys, torch; state = torch.get_rng_state(); import seqtoys.plotting;"
        "assert torch.equal(state, torch.get_rng_state());"
        "assert not {'matplotlib', 'scipy', 'beartype'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
