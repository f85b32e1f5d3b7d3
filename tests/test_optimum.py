"""The optimum at chosen lengths and in a split, checked against sums over listed strings."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise, permutations, product
from typing import Any

import pytest
import torch
from torch import Tensor

from seqtoys import (
    Automaton,
    Batch,
    ElmanCharModel,
    FiniteLanguage,
    Task,
    Text,
    Vocab,
    evaluate,
    fit,
    get_task,
)
from seqtoys.errors import DataError, OptionError
from seqtoys.support.uncertainty import Estimate
from seqtoys.tasks.counting import CountingLanguage
from seqtoys.tasks.split_probabilities import Mass
from seqtoys.tasks.splits import hashes

Weighted = list[tuple[str, float]]
SOURCES = [
    *("temporal_xor", "letters", "word_boundaries", "sentences", "reber", "embedded_reber"),
    *("anbn", "anbncn", "anbncndn", "anb2n", "anbmcnm", "dyck"),
]


def least_loss(strings: Weighted) -> float:
    """Compute the loss of the best causal model from symbol frequencies after each prefix."""
    after: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for string, weight in strings:
        for at in range(1, len(string)):
            after[string[:at]][string[at]] += weight
    nats = scored = 0.0
    for counts in after.values():
        total = sum(counts.values())
        nats -= sum(count * math.log(count / total) for count in counts.values())
        scored += total
    return nats / scored


def surprises_of(strings: Weighted, wanted: str) -> list[float]:
    """Compute that model's surprise at each symbol of one string but the first, in nats."""
    each = []
    for at in range(1, len(wanted)):
        below = sum(w for s, w in strings if s[:at] == wanted[:at] and len(s) > at)
        each.append(
            math.log(below / sum(w for s, w in strings if s[: at + 1] == wanted[: at + 1]))
        )
    return each


def surprise_of(strings: Weighted, wanted: str) -> float:
    """Compute that model's surprise at one string after its first symbol, in nats."""
    return sum(surprises_of(strings, wanted))


def walks(arcs: Any, start: Any, symbols: int, *, is_endless: bool) -> Weighted:
    """List an automaton's strings of this many symbols, with their probabilities."""
    found, waiting = [], [("", start, 1.0)]
    while waiting:
        string, state, chance = waiting.pop()
        if len(string) == symbols:
            if is_endless or not arcs[state]:
                found.append((string, chance))
            continue
        waiting += [(string + symbol, after, chance * p) for symbol, after, p in arcs[state]]
    return found


def brackets(pairs: int, kinds: int) -> Iterator[str]:
    opening, closing = "([{"[:kinds], ")]}"[:kinds]

    def grow(text: str, waiting: str) -> Iterator[str]:
        if len(text) + len(waiting) == 2 * pairs:
            yield text + waiting[::-1]
            return
        for symbol, close in zip(opening, closing, strict=True):
            yield from grow(text + symbol, waiting + close)
        if waiting:
            yield from grow(text + waiting[-1], waiting[:-1])

    yield from set(grow("", ""))


COIN: Any = {
    "a": [("x", "b", 0.3), ("y", "a", 0.5), ("z", "end", 0.2)],
    "b": [("x", "a", 0.6), ("y", "end", 0.4)],
    "end": [],
}
COIN_START: Any = {"begin": [("s", "a", 0.7), ("t", "b", 0.3)], **COIN}
RING: Any = {0: [("x", 1, 0.9), ("y", 0, 0.1)], 1: [("x", 0, 0.25), ("z", 1, 0.75)]}
SHORT: Any = {
    "begin": [("s", "a", 0.7), ("t", "b", 0.3)],
    "a": [("x", "b", 0.2), ("y", "a", 0.1), ("z", "end", 0.7)],
    "b": [("x", "a", 0.4), ("y", "end", 0.6)],
    "end": [],
}
TEXTS = ["hat", "hot", "hats", "hit", "hi", "hated", "hater", "hi", "a cat", "at"]


def listed_at(name: str, length: int) -> Weighted:
    """List the strings of a length with their probabilities up to a factor."""
    if name.startswith("coin"):
        arcs, start = (COIN_START, "begin") if name == "coin" else (RING, 0)
        return walks(arcs, start, length + 1, is_endless=name == "coin ring")
    if name.startswith("dyck"):
        kinds = int(name[-1])
        return [(f"#{text}#", 1.0) for text in brackets((length - 1) // 2, kinds)]
    if name == "anbmcnm":
        total = (length - 1) // 2
        pairs = [(n, total - n) for n in range(1, total)]
        return [(f"#{'a' * n}{'b' * m}{'c' * (n + m)}#", 1.0) for n, m in pairs]
    if name == "anbn":
        n = (length - 1) // 2
        return [(f"#{'a' * n}{'b' * n}#", 1.0)]
    return [(text, 1.0) for text in TEXTS if len(text) == length + 1]


CASES: dict[str, Callable[[], Task]] = {
    "coin": lambda: Automaton(COIN_START, "begin", longer=()),
    "coin ring": lambda: Automaton(RING, 0, longer=()),
    "dyck 1": lambda: get_task("dyck"),
    "dyck 2": lambda: get_task("dyck", kinds=2, p=0.2),
    "anbn": lambda: get_task("anbn", p=0.4),
    "anbmcnm": lambda: get_task("anbmcnm"),
    "texts": lambda: Text(TEXTS),
}


def mixed(name: str, task: Task, low: int, high: int) -> Weighted:
    """List the strings of a range of lengths, each length equally often."""
    lengths = [n for n in range(low, high + 1) if task.why_no_length(n) is None]
    strings: Weighted = []
    for length in lengths:
        at = listed_at(name, length)
        total = sum(weight for _, weight in at)
        strings += [(string, weight / total) for string, weight in at]
    return strings


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("bounds", [(3, 3), (5, 5), (1, 5), (2, 7), (4, 9)])
def test_optimum_of_lengths_matches_all_strings_of_those_lengths(
    name: str, bounds: tuple[int, int]
) -> None:
    task = CASES[name]()
    if all(task.why_no_length(n) for n in range(bounds[0], bounds[1] + 1)):
        with pytest.raises(OptionError, match=f"{task.name} has no sequence of length"):
            task.optimum_of(bounds)
        return
    strings = mixed(name, task, *bounds)
    optimum = task.optimum_of(bounds)
    assert optimum == pytest.approx(least_loss(strings), abs=1e-12)
    assert optimum.is_exact
    if bounds[0] == bounds[1]:
        assert task.optimum_of(bounds[0]) == optimum


@pytest.mark.type_checked
@pytest.mark.parametrize("name", CASES)
def test_optimal_loss_of_a_batch_uses_its_length_range(name: str) -> None:
    task = CASES[name]()
    length = 5 if task.why_no_length(5) is None else 4
    for bounds in ((length, length), (1, 7)):
        strings = mixed(name, task, *bounds)
        batch = task.sample(40, length=length).with_length_range(bounds)
        texts = [
            str(task.vocab.decode(row[:length]))
            + str(task.vocab.decode(last[length - 1 : length]))
            for row, last in zip(batch.inputs, batch.targets, strict=True)
        ]
        expected = sum(surprise_of(strings, text) for text in texts) / (40 * length)
        assert task.optimal_loss(batch) == pytest.approx(expected, abs=1e-12)
        each = torch.tensor([surprises_of(strings, text) for text in texts], dtype=torch.float64)
        torch.testing.assert_close(task.surprise(batch), each, rtol=0, atol=1e-9)


def test_surprise_at_natural_lengths_matches_all_strings() -> None:
    tosses = [(n, m, 0.3**2 * 0.7 ** (n + m - 2)) for n in range(1, 90) for m in range(1, 90)]
    strings = {
        "anb2n": [(f"#{'a' * n}{'b' * 2 * n}#", 0.3 * 0.7 ** (n - 1)) for n in range(1, 90)],
        "anbmcnm": [(f"#{'a' * n}{'b' * m}{'c' * (n + m)}#", chance) for n, m, chance in tosses],
    }
    for (name, every), text in product(strings.items(), ("#abb#", "#aaabbbbbb#", "#aabccc#")):
        task = get_task(name)
        if text in dict(every):
            (surprise,) = task.surprise(Batch.from_texts([text], task.vocab)).tolist()
            assert surprise == pytest.approx(surprises_of(every, text), abs=1e-12)


def test_surprise_is_nan_where_nothing_is_scored() -> None:
    task = get_task("dyck", kinds=2)
    batch = Batch.from_texts(["#([])#", "##"], task.vocab)
    opens, closes = -math.log(0.3 / 2), -math.log(0.7)
    expected = [[opens, opens, closes, closes, closes], [closes] + 4 * [math.nan]]
    torch.testing.assert_close(
        task.surprise(batch), torch.tensor(expected, dtype=torch.float64), equal_nan=True
    )


def test_surprise_that_is_unknown_raises() -> None:
    with pytest.raises(OptionError, match="bits at each position is unknown; define its method"):
        Bits().surprise(Bits().sample(2))
    training, held_out = get_task("reber").held_out(0.2)
    with pytest.raises(OptionError, match=r"reber \(training\) at each .* is task.whole.surprise"):
        training.surprise(training.sample(2))
    with pytest.raises(DataError, match="expected sequences in reber"):
        training.surprise(held_out.sample(2))


def test_surprise_of_a_listed_split_knows_the_split() -> None:
    training, _ = Text(TEXTS).held_out(0.3)
    batch = training.sample(20)
    assert training.surprise(batch).nansum(1) == pytest.approx(training._surprise(batch))
    assert training.optimal_loss(batch) < Text(TEXTS).optimal_loss(batch)


def test_task_that_defines_surprise_needs_no_optimal_loss() -> None:
    class Fair(Task):
        name, level, vocab, lengths = "fair", "regular", Vocab("01"), (2, 9)
        optimum = math.log(2)
        draw = Bits.draw

        def surprise(self, batch: Batch) -> Tensor:
            return torch.full(batch.targets.shape, math.log(2), dtype=torch.float64)

    assert Fair().optimal_loss(Fair().sample(3)) == pytest.approx(math.log(2))
    assert Fair().optimum_of(5) == pytest.approx(math.log(2))


def test_batch_keeps_its_length_range() -> None:
    task = get_task("anbn")
    batch = task.sample(6, length=7)
    assert batch.length_range == (7, 7)
    assert task.optimal_loss(batch) == 0.0
    natural = -math.log(0.3 * 0.7**2) / 7
    assert task.optimal_loss(batch.with_length_range(None)) == pytest.approx(natural)
    for other in (batch.take(torch.tensor([1])), batch.to("cpu"), batch.distinct(), batch):
        assert other.length_range == (7, 7)
        assert Batch.join([other, batch]).length_range == (7, 7)
    assert Batch.join([batch, task.sample(6, length=9)]).length_range is None
    assert task.sample(6).length_range is None
    with pytest.raises(OptionError, match="expected lengths to be"):
        Batch(batch.inputs, batch.targets, length_range=(3, 2))


@pytest.mark.parametrize("task", [*map(get_task, ("anbn", "dyck", "reber")), Text(["abc", "ab"])])
def test_sequences_outside_the_length_range_raise(task: Task) -> None:
    length = next(n for n in range(1, 20) if task.why_no_length(n) is None)
    longer = next(n for n in range(length + 1, 20) if task.why_no_length(n) is None)
    batch = task.sample(2, length=longer).with_length_range((length, length))
    with pytest.raises(DataError, match="expected sequences of"):
        task.optimal_loss(batch)


def test_optima_match_values_derived_by_hand() -> None:
    assert get_task("anbn").optimum_of(7) == 0.0
    assert get_task("dyck").optimum_of(5) == pytest.approx(math.log(2) / 5)
    # Strings BT…E and BP…E of 9 letters, from the grammar's diagram.
    assert get_task("reber").optimum_of(8) == pytest.approx(0.2997, abs=5e-5)
    assert get_task("reber").optimum_of(38) == pytest.approx(0.3665, abs=5e-5)
    letters = get_task("letters")
    assert letters.optimum_of(30) == pytest.approx(0.35535, abs=5e-6)
    assert get_task("parity").optimum_of((1, 500)) == 0.0
    assert get_task("n_back").optimum_of(30) == get_task("delayed_copy").optimum_of(50) == 0.0
    # Long strings whose probabilities underflow: each toss of the coin halves them.
    toss: Any = {"a": [("t", "a", 0.5), ("h", "end", 0.5)], "end": []}
    toss = {"begin": [("b", "a", 1.0)], **toss}
    assert Automaton(toss, "begin").optimum_of((4000, 4003)) == pytest.approx(
        math.log(4) / 4001.5, rel=1e-9
    )


def test_invalid_lengths_raise() -> None:
    task = get_task("dyck")
    for lengths, message in (
        (4, "dyck has no sequence of length 4: lengths are odd"),
        ((5, 3), "expected lengths to be"),
        (0, "expected lengths to be a positive integer, got 0"),
        ("ab", "expected lengths to be a positive integer, got 'ab'"),
    ):
        with pytest.raises(OptionError, match=message):
            task.optimum_of(lengths)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="expected blocks that begin with"):
        CountingLanguage("wrong", ((1, 0), (0, 2)))


@pytest.mark.parametrize("name", ["coin", "coin ring", "texts", "dyck 1"])
def test_memoryless_loss_of_lengths_matches_pair_counts(name: str) -> None:
    task = CASES[name]()
    pairs: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for string, weight in mixed(name, task, 3, 6):
        for symbol, target in pairwise(string):
            pairs[symbol][target] += weight
    nats = sum(
        -n * math.log(n / sum(below.values())) for below in pairs.values() for n in below.values()
    )
    expected = nats / sum(sum(below.values()) for below in pairs.values())
    loss = task.memoryless_of((3, 6))
    assert abs(loss - expected) <= 4 * loss.standard_error + 1e-9


class Bits(Task):
    """Random bits: a user's task that defines only what it must."""

    name, level, vocab, lengths = "bits", "regular", Vocab("01"), (2, 9)
    optimum = math.log(2)

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        size = (batch_size, 1 + (length or self.draw_length(generator)))
        bits = torch.randint(2, size, generator=generator)
        return Batch(bits[:, :-1], bits[:, 1:])

    def optimal_loss(self, batch: Batch) -> float:
        return math.log(2)


def test_user_defined_task_has_an_estimated_optimum() -> None:
    bits = Bits()
    assert bits.optimum_of((1, 400)) == pytest.approx(math.log(2))
    training, _ = bits.held_out(0.4)
    # Knowing the split is worth -ln 0.6 nats per sequence, which has 5.5 symbols on average.
    batch = training.sample(4000, length=9)
    assert training.optimal_loss(batch) == pytest.approx(math.log(2) + math.log(0.6) / 9, abs=0.02)
    assert training.optimum < math.log(2) - 0.03


# --- Splits


def in_split(split: Any, strings: Weighted) -> Weighted:
    batch = Batch.from_texts([string for string, _ in strings], split.vocab)
    held = split.parting.holds_out(batch).tolist()
    pairs = zip(strings, held, strict=True)
    return [string for string, is_held in pairs if is_held == split.is_held_out]


ENGLISH = {"hat": 3.0, "hot": 1.0, "hit": 2.0, "cat": 4.0, "cot": 1.0, "cut": 1.0, "at": 2.0}
SPLIT: dict[str, tuple[Callable[[], Task], Callable[[], Weighted]]] = {
    "anbn": (
        lambda: get_task("anbn"),
        lambda: [(f"#{'a' * n}{'b' * n}#", 0.3 * 0.7 ** (n - 1)) for n in range(1, 120)],
    ),
    "dyck": (
        lambda: get_task("dyck", kinds=3, p=0.1),
        lambda: [
            (f"#{text}#", (0.1 / 3) ** m * 0.9 ** (m + 1))
            for m in range(6)
            for text in brackets(m, 3)
        ],
    ),
    "coin": (
        lambda: Automaton(SHORT, "begin", longer=()),
        lambda: [s for n in range(2, 13) for s in walks(SHORT, "begin", n, is_endless=False)],
    ),
    "english": (lambda: FiniteLanguage(ENGLISH), lambda: [*ENGLISH.items()]),
    "texts": (lambda: Text(TEXTS), lambda: [(text, 1.0) for text in TEXTS]),
}


@pytest.mark.parametrize("name", SPLIT)
@pytest.mark.parametrize("fraction", [0.06, 0.1])
def test_optimum_of_a_split_matches_its_strings(name: str, fraction: float) -> None:
    make, strings = SPLIT[name]
    fraction = 0.2 if name in ("english", "texts") else fraction  # with a handful of strings
    for split in make().held_out(fraction):
        expected = least_loss(in_split(split, strings()))
        cut = 0.0 if name in ("anbn", "english", "texts") else 4e-3  # omitted long strings
        assert abs(split.optimum - expected) <= 4 * split.optimum.standard_error + cut + 1e-9
        if name in ("anbn", "english", "texts"):
            assert split.optimum.is_exact
        drawn = split.sample(300)
        counts = drawn.count_symbols().tolist()
        rows = zip(drawn.inputs.tolist(), drawn.targets.tolist(), counts, strict=True)
        texts = [str(split.vocab.decode([*i[:n], t[n - 1]])) for i, t, n in rows]
        listed = in_split(split, strings())
        known = {text: surprise_of(listed, text) for text in set(texts) & {s for s, _ in listed}}
        chosen = [row for row, text in enumerate(texts) if text in known]
        loss = sum(known[texts[row]] for row in chosen) / sum(counts[row] for row in chosen)
        assert split.optimal_loss(drawn.take(torch.tensor(chosen))) == pytest.approx(
            loss, abs=0.01
        )


@pytest.mark.type_checked
@pytest.mark.parametrize("name", ["dyck 1", "coin", "texts", "anbmcnm"])
def test_optimum_of_a_split_at_lengths_matches_its_strings(name: str) -> None:
    task = CASES[name]()
    for split in task.held_out(0.2):
        for bounds in ((5, 5), (3, 7)):
            strings: Weighted = []
            for length in (
                n for n in range(bounds[0], bounds[1] + 1) if task.why_no_length(n) is None
            ):
                at = in_split(split, listed_at(name, length))
                total = sum(weight for _, weight in at)
                strings += [(string, weight / total) for string, weight in at]
            if strings:
                optimum = split.optimum_of(bounds)
                assert optimum == pytest.approx(least_loss(strings), abs=1e-9)
            else:
                with pytest.raises(OptionError, match="no sequence"):
                    split.optimum_of(bounds)


def test_split_optima_of_an_endless_source_add_up() -> None:
    """Knowing a sequence's split is worth the entropy of the split, and no more."""
    task = get_task("temporal_xor")
    training, held_out = task.held_out(0.3)
    fraction = 0.3  # exact, as all sequences are rare
    length = task.lengths[1]
    entropy = -fraction * math.log(fraction) - (1 - fraction) * math.log(1 - fraction)
    parts = (1 - fraction) * training.optimum + fraction * held_out.optimum
    assert parts == pytest.approx(task.optimum - entropy / length, abs=1e-3)
    bounded = Automaton(RING, 0, lengths=(20, 30), longer=()).held_out(0.3)
    for split, part in zip(bounded, (0.7, 0.3), strict=True):
        expected = split.whole.optimum + math.log(part) / 25
        assert split.optimum == pytest.approx(expected, abs=5e-3)


@pytest.mark.type_checked
def test_optimum_of_a_split_with_bounded_lengths_and_several_first_symbols() -> None:
    task = Automaton(COIN_START, "begin", lengths=(2, 7), longer=())
    strings = [s for n in range(3, 9) for s in walks(COIN_START, "begin", n, is_endless=False)]
    for split in task.held_out(0.2):
        expected = least_loss(in_split(split, strings))
        assert abs(split.optimum - expected) <= 4 * split.optimum.standard_error + 1e-6


def test_deterministic_answers_stay_deterministic_in_a_split() -> None:
    for name in ("parity", "n_back"):
        for split in get_task(name).held_out(0.25):
            assert split.optimum == split.optimum_of(9) == split.optimal_loss(split.sample(9)) == 0
            part = split.held_out(0.5)[1]
            assert part.optimum == part.optimum_of((5, 20)) == 0.0


@pytest.mark.type_checked
def test_optimum_of_a_nested_split_matches_its_strings() -> None:
    training, _ = get_task("anbn").held_out(0.4)
    first, other = training.held_out(0.5)
    strings = in_split(training, SPLIT["anbn"][1]())
    for split in (first, other):
        expected = least_loss(in_split(split, strings))
        assert abs(split.optimum - expected) <= 4 * split.optimum.standard_error + 1e-6


def test_sequences_of_the_other_split_raise() -> None:
    training, held_out = get_task("reber").held_out(0.3)
    with pytest.raises(DataError, match="expected sequences in reber"):
        training.optimal_loss(held_out.sample(3))


def test_no_sequence_dominates_the_held_out_split() -> None:
    task = get_task("dyck")
    _, held_out = task.held_out(0.1)
    _, frequencies = held_out.sample(2000).inputs.unique(dim=0, return_counts=True)
    # () alone makes up 14.7 % of the samples and would leave hardly any room for others.
    assert frequencies.max() < 0.5 * 2000


def test_different_sequences_have_different_hashes() -> None:
    vocab = Vocab("abc")
    strings = ["".join(s) for n in range(2, 7) for s in product("abc", repeat=n)]
    assert len(set(hashes(Batch.from_texts(strings, vocab)).tolist())) == len(strings)
    pairs = [("aaa", "".join(target)) for target in permutations("abc")]
    assert len(set(hashes(Batch.from_pairs(pairs, vocab)).tolist())) == len(pairs)
    task = Text(["aaa", "ab", "ac", "abc"])
    model = ElmanCharModel(task.vocab)
    seen = Batch.from_texts(["ab"], task.vocab)
    unseen = evaluate(model, task, seen=seen, count=40).unseen
    # "a" is followed by "a", "b" or "c"; the rest is certain: ln 3 over 1 to 2 symbols.
    assert 1.09 / 2 < unseen.optimum < 1.1


def test_optimum_of_a_split_that_is_deterministic_at_some_lengths() -> None:
    arcs: Any = {
        "s": [("b", "t", 0.5), ("c", "t", 0.5)],
        "t": [("t", "t", 0.5), ("h", "e", 0.5)],
        "e": [],
    }
    task = Automaton(arcs, "s", lengths=(3, 3), longer=(4, 5))
    assert task.optimum == 0
    for split in task.held_out(0.5):
        strings: Weighted = []
        for length in range(1, 6):
            at = in_split(split, walks(arcs, "s", length + 1, is_endless=False))
            strings += [(string, 1 / len(at)) for string, _ in at]
        assert split.optimum_of((1, 5)) == pytest.approx(least_loss(strings), abs=1e-9)


def test_optimum_of_a_split_is_exact_if_all_strings_are_listed() -> None:
    rare = ["".join(rest) for rest in product("abcde", repeat=4)]
    weights = {f"q{n:03}.": 1 / 200 for n in range(200)} | {"zfoo.": 0.1}
    weights |= {f"z{rest}.": 1e-2 / len(rare) for rest in rare}
    task = FiniteLanguage(weights)
    for split in task.held_out(0.4):
        expected = least_loss(in_split(split, [*weights.items()]))
        assert split.optimum == pytest.approx(expected, abs=1e-9)
        assert split.optimum.is_exact
        half = split.held_out(0.5)[0]
        listed = in_split(half, in_split(split, [*weights.items()]))
        assert half.optimum == pytest.approx(least_loss(listed), abs=1e-9)
        at = [(s, w) for s, w in in_split(split, [*weights.items()]) if len(s) == 6]
        if at:
            assert split.optimum_of(5) == pytest.approx(least_loss(at), abs=1e-9)


def test_identical_samples_still_have_an_error() -> None:
    mass = Mass(1.0, (0.5, 0.1, 1.0), 0.01, torch.zeros(3, 3, dtype=torch.float64))
    assert mass.error(-0.7, 0.1) > 1e-3
    listed = Mass(1.0, (0.5, 0.1, 1.0), 0.0, torch.zeros(3, 3, dtype=torch.float64))
    assert listed.error(-0.7, 0.1) == 0


def test_optimum_of_a_nested_split_with_several_first_symbols() -> None:
    arcs: Any = {
        "begin": [("a", "x", 0.05), ("b", "y", 0.95)],
        "x": [("c", "x1", 0.5), ("d", "x1", 0.5)],
        "x1": [("c", "end", 0.3), ("d", "end", 0.3), ("e", "x", 0.4)],
        "y": [("c", "y1", 0.5), ("d", "y1", 0.5)],
        "y1": [("c", "end", 0.4), ("e", "end", 0.2), ("d", "y", 0.4)],
        "end": [],
    }
    task = Automaton(arcs, "begin", longer=())
    strings = [s for n in range(2, 18) for s in walks(arcs, "begin", n, is_endless=False)]
    for split in task.held_out(0.4):
        for half in split.held_out(0.3):
            expected = least_loss(in_split(half, in_split(split, strings)))
            assert abs(half.optimum - expected) <= 4 * half.optimum.standard_error + 2e-3


class Noisy(Bits):
    """Copies of random bits with one in four wrong: the inputs are not scored."""

    name = "noisy"
    optimum = -0.75 * math.log(0.75) - 0.25 * math.log(0.25)

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        size = (batch_size, length or self.draw_length(generator))
        bits = torch.randint(2, size, generator=generator)
        is_wrong = torch.rand(size, dtype=torch.float32, generator=generator) < 0.25
        return Batch(bits, bits ^ is_wrong.long())

    def optimal_loss(self, batch: Batch) -> float:
        is_wrong = batch.inputs != batch.targets
        return float((math.log(4 / 3) + is_wrong.double() * math.log(3)).mean())


def test_optimum_of_a_split_with_unscored_inputs_is_a_lower_bound() -> None:
    task = Noisy()
    for split, fraction, length in zip(task.held_out(0.2), (0.8, 0.2), (4, 9), strict=True):
        bound = split.optimum_of(length)
        slack = 4 * bound.standard_error + 0.05
        assert task.optimum + math.log(fraction) / length - slack <= bound <= task.optimum + slack
        loss = split.optimal_loss(split.sample(400, length=length))
        assert loss == pytest.approx(bound, abs=0.1)


def test_lengths_missing_from_a_split_are_not_drawn() -> None:
    training, held_out = get_task("reber").held_out(0.2)
    for split in (training, held_out):
        known = split.possible_lengths((4, 9))
        assert set(known) == {n for n in range(4, 10) if draws(split, n)}
        history = fit(ElmanCharModel(split.vocab), split, epochs=10, lengths=(4, 9), batch_size=4)
        assert history.baselines.full_past == split.optimum_of((4, 9))
        one, other = split.held_out(0.3)
        assert one.optimum_of((4, 10)) > 0
        assert other.optimum_of((4, 10)) > 0


def draws(split: Any, length: int) -> bool:
    try:
        return len(split.sample(1, length=length)) == 1
    except DataError:
        return False


class Alternating(Bits):
    """Random bits at odd lengths, zeros at even ones."""

    name = "alternating"

    def optimal_loss(self, batch: Batch) -> float:
        return math.log(2) * (batch.inputs.shape[1] % 2)


def test_estimate_over_many_lengths_covers_odd_and_even_ones() -> None:
    for longest in (300, 512, 1000):
        estimate = Alternating().optimum_of((1, longest))
        assert abs(estimate - math.log(2) / 2) <= 4 * estimate.standard_error + 1e-3


def test_all_but_one_frequent_string_can_be_held_out() -> None:
    weights = {"heavy.": 60.0} | {f"{a}{b}.": 1.0 for a, b in product("abcde", "fgijklmn")}
    _, held_out = FiniteLanguage(weights).held_out(0.4)
    assert abs(sum(w for _, w in in_split(held_out, [*weights.items()])) - 40) <= 10


# --- No model is below the optimum


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("name", [name for name in SOURCES if name not in ("anbncn", "anb2n")])
def test_no_network_is_below_the_optimum_of_a_length_or_a_split(name: str) -> None:
    task = get_task(name)
    length = task.possible_lengths((8, 20))[0]
    cases: list[tuple[Task, dict[str, Any]]] = [
        (task, {"lengths": length}),
        (task.held_out(0.3)[0], {}),
    ]
    for source, options in cases:
        model = ElmanCharModel(task.vocab, hidden_size=16, seed=1)
        history = fit(model, source, epochs=100, batch_size=64, lr=0.03, **options)
        report = evaluate(model, source, count=300, longer=[length] if options else [])
        scores = report.longer.values() if options else [report.seen, report.unseen]
        for score in scores:
            assert score.excess >= -4 * score.excess.standard_error - 1e-6
        assert "lower than any model" not in str(history)
        assert "below the optimum" not in report.sentence()


@pytest.mark.parametrize("name", ["anbn", "dyck", "reber"])
def test_training_reports_the_optimum_of_its_lengths(name: str) -> None:
    task = get_task(name)
    length = task.possible_lengths((7, 12))[0]
    model = ElmanCharModel(task.vocab, hidden_size=8)
    history = fit(model, task, epochs=3, lengths=length)
    assert history.baselines.full_past == task.optimum_of(length)
    assert history.baselines.memoryless == task.memoryless_of(length)
    generator = torch.Generator().manual_seed(0)
    torch.randint(1, (), generator=generator)  # draws the length
    batches = [task.sample(128, length=length, generator=generator) for _ in range(3)]
    assert history.optimum[0] == task.optimal_loss(batches[0])
    bounds = fit(model, task, epochs=2, lengths=(1, length)).baselines
    assert bounds.full_past == task.optimum_of((1, length))


def test_estimates_have_standard_errors() -> None:
    task = get_task("parity")
    model = ElmanCharModel(task.vocab, seed=0)
    report = evaluate(model, task, count=100)
    assert report.seen.whole_accuracy.standard_error > 0
    always = Text(["ab"])
    perfect = ElmanCharModel(always.vocab, hidden_size=4)
    fit(perfect, "ab", epochs=100, lr=0.1, until="solved")
    score = evaluate(perfect, always, count=50).seen
    assert score.accuracy == 1.0
    assert 0.02 < score.accuracy.standard_error < 0.03  # as if 2 of 54 were wrong
    seen = evaluate(perfect, Text(["ab", "ba"]), seen=always.batch, count=5).seen
    assert seen.accuracy.is_exact  # for exactly these strings
    reber = get_task("reber")
    scored = evaluate(ElmanCharModel(reber.vocab), reber, count=64, longer=[])
    generator = torch.Generator()
    generator.set_state(_evaluation_state())
    batches = [reber.sample(2, generator=generator) for _ in range(32)]
    sizes = [int(batch.scored.sum()) for batch in batches]
    expected = sum(reber.optimal_loss(b) * n for b, n in zip(batches, sizes, strict=True))
    assert scored.seen.optimum == pytest.approx(expected / sum(sizes), abs=1e-12)
    assert isinstance(reber.optimum_of(8), Estimate)


def _evaluation_state() -> torch.Tensor:
    from seqtoys.support.randomness import generator_for

    return generator_for("evaluation").get_state()


def test_a_length_missing_from_a_split_raises() -> None:
    training, held_out = get_task("anbn").held_out(0.2)
    for length in (3, 5, 7):  # one string each
        with pytest.raises(OptionError, match=f"of length {length}: the other part of the split"):
            (held_out if training.possible_lengths(length) else training).possible_lengths(length)
