"""Messages quote a user's values briefly, whatever the values are."""

from __future__ import annotations

import ast
from collections import OrderedDict, deque
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import seqtoys
from seqtoys import Batch, SeqtoysError, Vocab, get_task
from seqtoys.errors import excerpt, quoted
from seqtoys.support.annotations import described
from seqtoys.tasks.text import Text

VOCAB = Vocab("hielo")
LONGEST = 2000  # characters of a message


class Unspeakable:
    """An object without a working repr."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class Chatty:
    """An object with a very long repr."""

    def __repr__(self) -> str:
        return "chat" * 50_000


class list_(list[Any]):
    """A list subclass, which Python writes in full."""


list_.__name__ = "list"


def nested(depth: int) -> list[Any]:
    result: list[Any] = []
    for _ in range(depth):
        result = [result]
    return result


def inside_itself() -> list[Any]:
    result: list[Any] = []
    result.append(result)
    return result


QUOTED: list[tuple[Any, str]] = [
    (0.5, "0.5"),
    ("it's", '"it\'s"'),
    ([1, "h", None], "[1, 'h', None]"),
    ({"h": (1,)}, "{'h': (1,)}"),
    ({1}, "{1}"),
    (10**40, str(10**40)),
    (-(10**400), "about -10^400"),
    ("h" * 200_000, f"'{'h' * 37}…{'h' * 38}'"),
    (["h"] * 200_000, "['h', 'h', 'h', 'h', 'h', 'h', …]"),
    (nested(5000), "[[[[…]]]]"),
    (inside_itself(), "[[[[…]]]]"),
    (list_(["h"]), "['h']"),
    (list_(["h"] * 200_000), "a list"),
    (Unspeakable(), "an Unspeakable"),
    ([Unspeakable()], "[an Unspeakable]"),
    (Chatty(), "a Chatty"),
    (torch.zeros(2), "tensor([0., 0.])"),
    (torch.zeros(2, 2), "a Tensor"),  # of several lines
    (type("K" * 500, (), {})(), f"a {'K' * 80}"),
]


@pytest.mark.parametrize(("value", "text"), QUOTED, ids=range(len(QUOTED)))
def test_values_are_quoted_briefly(value: Any, text: str) -> None:
    assert quoted(value) == text


def test_nested_long_values_are_truncated() -> None:
    text = quoted([("h" * 80,) * 6] * 6)
    assert text.startswith("[('hhhh")
    assert len(text) == 2 * 80 + 1


def test_long_words_and_sequences_without_slices_are_excerpted() -> None:
    words = ["w" * 10_000] * 100
    assert excerpt(words, 50).count("…w") == 40
    assert len(excerpt(words, 50)) < LONGEST / 2
    assert excerpt(deque("hielo"), position=3, width=1) == "…['e', 'l']…"
    assert excerpt([Unspeakable()]) == "[an Unspeakable]"


def test_long_values_are_described_by_type() -> None:
    assert described("h" * 60) == "a str of 60"
    assert described(Unspeakable()) == "an Unspeakable"
    assert described(OrderedDict(h=1)) == "an OrderedDict"


HUGE: dict[str, Any] = {
    "symbols of a vocabulary": lambda: Vocab(["h" * 200_000] * 2),
    "no symbol": lambda: Vocab([nested(2000)]),  # type: ignore[list-item]
    "a text": lambda: VOCAB.encode("h" * 100_000 + "z" + "h" * 100_000),
    "a list of symbols": lambda: VOCAB.encode(["h", nested(2000)]),  # type: ignore[list-item]
    "words": lambda: VOCAB.encode(["z" * 200_000] * 200_000),
    "an index": lambda: VOCAB.decode(nested(2000)),
    "a pair": lambda: Batch.from_pairs([(["h" * 99_999] * 9, "h")], VOCAB),
    "a seed": lambda: seqtoys.ElmanCharModel(VOCAB, seed=10**5000),
    "a size": lambda: seqtoys.ElmanCharModel(VOCAB, hidden_size=-(10**5000)),
    "a name": lambda: get_task("h" * 200_000),
    "an option": lambda: get_task("reber", **{"h" * 200_000: 1}),
    "a length": lambda: get_task("parity").sample(1, length=-(10**5000)),
    "lengths": lambda: get_task("parity").draw_length(torch.Generator(), (10**5000, 1)),
    "a prompt": lambda: seqtoys.generate(seqtoys.ElmanCharModel(VOCAB), ["z" * 200_000], 3),
    "a device": lambda: Batch.from_texts(["hi"], VOCAB).to("z" * 200_000),
    "a split": lambda: get_task("reber").held_out(10.0**300),
    "texts": lambda: Text("h" * 200_000),
    "states": lambda: seqtoys.Automaton({"a": [("h", "z" * 200_000, 1.0)]}, "a"),
    "strings": lambda: seqtoys.FiniteLanguage({"h" * 200_000: 1.0, "h" * 200_001: 1.0}),
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("case", HUGE)
def test_messages_are_short(case: str) -> None:
    with pytest.raises(SeqtoysError) as caught:
        HUGE[case]()
    assert 10 < len(str(caught.value)) < LONGEST


def test_no_error_quotes_a_value_in_full() -> None:
    """`{value!r}` may be very long or raise; `quoted(value)` does neither."""
    found = []
    for path in Path(seqtoys.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Raise):
                parts = [part for part in ast.walk(node) if isinstance(part, ast.FormattedValue)]
                found += [f"{path.name}:{part.lineno}" for part in parts if part.conversion == 114]
    assert not found


WITHOUT_ORDER = [set("hie"), frozenset("hie"), {"h": 1, "i": 0}, {"h": 1}.items()]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("symbols", WITHOUT_ORDER, ids=lambda symbols: type(symbols).__name__)
def test_unordered_collections_are_rejected_as_vocabularies(symbols: Any) -> None:
    with pytest.raises(SeqtoysError, match="expected s"):
        Vocab(symbols)


def test_ordered_collections_make_vocabularies() -> None:
    assert Vocab({"i": 1, "h": 0}.keys()) == Vocab("ih")
    assert Vocab(symbol for symbol in "ih") == Vocab(iter("ih")) == Vocab(deque("ih"))
    assert Vocab(np.array(["i", "h"])) == Vocab("ih")


TOSS: dict[Any, Any] = {"a": [("h", "b", 1.0)], "b": [("h", "c", 0.5), ("t", "c", 0.5)], "c": []}
MODEL = seqtoys.ElmanCharModel(VOCAB)
PARITY = get_task("parity")
LEARNER = seqtoys.ElmanCharModel(PARITY.vocab)
sweep = partial(seqtoys.sweep, seqtoys.ElmanCharModel, "hihello", vocab=VOCAB)
UNORDERED: dict[str, Any] = {
    "sequences": lambda: VOCAB.encode_batch({"hi", "lo"}),  # type: ignore[call-overload]
    "symbols of a sequence": lambda: VOCAB.encode({"h", "i"}),  # type: ignore[arg-type]
    "indices": lambda: VOCAB.decode({0, 1}),  # type: ignore[arg-type]
    "texts of a vocabulary": lambda: Vocab.from_text({"h", "i"}),  # type: ignore[arg-type]
    "symbols of an automaton": lambda: seqtoys.Automaton(TOSS, "a", symbols={"h", "t"}),  # type: ignore[arg-type]
    "arcs": lambda: seqtoys.Automaton(TOSS | {"b": set(TOSS["b"])}, "a"),
    "longer lengths": lambda: seqtoys.Automaton(TOSS, "a", longer={5}),  # type: ignore[arg-type]
    "strings": lambda: seqtoys.FiniteLanguage({("hat", 1.0), ("hot", 2.0)}),
    "texts": lambda: Text({"hat", "hot"}),  # type: ignore[arg-type]
    "pairs": lambda: seqtoys.Pairs({("hi", "lo")}),  # type: ignore[arg-type]
    "words": lambda: get_task("word_boundaries", lexicon={"cat", "dog"}),
    "training data": lambda: seqtoys.fit(MODEL, {"hello", "hill"}),  # type: ignore[call-overload]
    "texts of a batch": lambda: Batch.from_texts({"hello"}, VOCAB),  # type: ignore[arg-type]
    "pairs of a batch": lambda: Batch.from_pairs({("hi", "lo")}, VOCAB),  # type: ignore[arg-type]
    "batches": lambda: Batch.join({Batch.from_texts(["hi"], VOCAB)}),  # type: ignore[arg-type]
    "seeds": lambda: seqtoys.ElmanEnsemble(VOCAB, {1, 2}),
    "lengths": lambda: seqtoys.evaluate(LEARNER, PARITY, longer={50, 60}),
    "seeds of a sweep": lambda: sweep(grid={}, seeds={1, 2}),
    "values of a grid": lambda: sweep(grid={"lr": {0.1, 0.2}}),  # type: ignore[dict-item]
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("case", UNORDERED)
def test_sets_are_rejected_where_order_matters(case: str) -> None:
    with pytest.raises(SeqtoysError, match=r"; a set has no order, use sorted\(…\)$"):
        UNORDERED[case]()


def test_sets_are_accepted_where_order_does_not_matter() -> None:
    assert seqtoys.novelty({"hat", "hot"}, {"hat"}, held_out={"hut"}) == seqtoys.novelty(
        ["hot", "hat"], ["hat"], held_out=["hut"]
    )
    with pytest.raises(SeqtoysError, match="got a dict of 1; use list"):
        seqtoys.novelty({"hat": 1}, ["hat"])
