"""Recall in context, against lists of all sequences and slow solvers."""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import chain, pairwise, product
from typing import Any

import pytest
import torch

from seqtoys import Batch, ElmanCharModel, Task, evaluate, get_task
from seqtoys.errors import DataError, OptionError
from seqtoys.tasks.recall import in_context_recall
from seqtoys.tasks.recall.in_context_recall import InContextRecall
from seqtoys.tasks.recall.induction_head import InductionHead
from seqtoys.tasks.recall.mqar import MQAR

Sequences = dict[tuple[str, ...], float]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def sequences_of(batch: Batch, task: Task) -> list[list[str]]:
    """Return the symbols of fully scored sequences."""
    symbols = torch.cat([batch.inputs[:, :1], batch.targets], 1)
    return [[task.vocab.symbols[i] for i in row] for row in symbols.tolist()]


# --- Streams: every sequence with its probability


def induction_sequences(letters: int, length: int) -> Sequences:
    found: Sequences = defaultdict(float)
    alphabet = "abcdef"[:letters]
    for text in product(alphabet, repeat=length):
        for place in range(length - 2):
            marked = [*text[:place], "!", *text[place + 1 :]]
            sequence = (*marked, "!", marked[place + 1])
            found[sequence] += letters**-length / (length - 2)
    return found


def recall_sequences(task: InContextRecall, noise_symbols: int) -> Sequences:
    found: Sequences = defaultdict(float)
    noise = [(f"n{i}", f"n{j}") for i in range(noise_symbols) for j in range(noise_symbols)]
    for values in product(range(task.values), repeat=task.keys):
        pairs = [((f"k{k}", f"v{v}"), (1 - task.noise) / task.keys) for k, v in enumerate(values)]
        pairs += [(pair, task.noise / len(noise)) for pair in noise if task.noise]
        for chosen in product(pairs, repeat=task.pairs):
            symbols = tuple(symbol for pair, _ in chosen for symbol in pair)
            chance = math.prod(p for _, p in chosen) / task.values**task.keys
            shown = sorted({s for s in symbols if s[0] == "k"})
            if not task.query:
                found[symbols] += chance
                continue
            for key in shown:
                asked = ("?", key, f"v{values[int(key[1:])]}")
                found[(*symbols, *asked)] += chance / len(shown)
    total = sum(found.values())
    return {sequence: chance / total for sequence, chance in found.items()}


def prefix_chances(sequences: Sequences) -> dict[tuple[str, ...], float]:
    chances: dict[tuple[str, ...], float] = defaultdict(float)
    for sequence, chance in sequences.items():
        for end in range(1, len(sequence) + 1):
            chances[sequence[:end]] += chance
    return chances


def assert_matches(task: Any, sequences: Sequences) -> None:
    """Compare optimum, baselines and surprise with the list of all sequences."""
    prefixes = prefix_chances(sequences)
    steps = len(next(iter(sequences))) - 1
    entropies, pairs = 0.0, Counter[tuple[str, str]]()
    for sequence, chance in sequences.items():
        entropies -= chance * math.log(chance / prefixes[sequence[:1]])
        for pair in pairwise(sequence):
            pairs[pair] += chance  # type: ignore[assignment]
    above, below = Counter[str](), Counter[str]()
    for (before, after), count in pairs.items():
        above[before] += count
        below[after] += count
    memoryless = sum(n * math.log(above[pair[0]] / n) for pair, n in pairs.items()) / steps
    assert task.optimum == pytest.approx(entropies / steps, abs=1e-12)
    assert task.optimum_of(task.lengths) == task.optimum
    assert task.memoryless == pytest.approx(memoryless, abs=1e-12)
    assert task.memoryless_of(task.lengths[0]) == task.memoryless
    assert task.chance == pytest.approx(max(below.values()) / steps, abs=1e-12)

    batch = task.sample(50, generator=seeded())
    for row, symbols in zip(task.surprise(batch).tolist(), sequences_of(batch, task), strict=True):
        known = [prefixes[tuple(symbols[:end])] for end in range(1, len(symbols) + 1)]
        expected = [math.log(a / b) for a, b in pairwise(known)]
        assert row == pytest.approx(expected, abs=1e-9)
    assert task.optimal_loss(batch) == pytest.approx(float(task.surprise(batch).mean()))


@pytest.mark.parametrize(("letters", "length"), [(2, 3), (2, 6), (3, 5)])
def test_induction_head_matches_all_sequences(letters: int, length: int) -> None:
    task = InductionHead(letters, length, score="all")
    assert_matches(task, induction_sequences(letters, length))


@pytest.mark.parametrize(
    "options",
    [
        {"keys": 2, "values": 3, "pairs": 4},
        {"keys": 2, "values": 2, "pairs": 3, "noise": 0.3},
        {"keys": 3, "values": 2, "pairs": 3, "query": True},
        {"keys": 2, "values": 2, "pairs": 1, "noise": 0.6, "query": True},
        {"keys": 2, "values": 2, "pairs": 3, "noise": 0.6, "query": True},
        {"keys": 1, "values": 2, "pairs": 2},
    ],
)
def test_in_context_recall_matches_all_sequences(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_context_recall, "NOISE", 2)
    task = InContextRecall(**options, score="all")
    assert_matches(task, recall_sequences(task, 2))


def test_optima_are_those_of_the_papers_settings() -> None:
    # The loss at which training with the settings of H3 and MAD stops, in nats.
    assert InContextRecall(9, 9, 20, query=True, score="all").optimum == pytest.approx(
        1.469997, abs=5e-7
    )
    assert InductionHead(18, 30, score="all").optimum == pytest.approx(2.716509, abs=5e-7)


@pytest.mark.parametrize("options", [{}, {"query": True}, {"query": True, "noise": 0.6}, None])
def test_streams_of_several_lengths_match_all_sequences(
    options: dict[str, Any] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_context_recall, "NOISE", 2)
    if options is None:
        task: Any = InductionHead(2, 5, score="all")
        each = [induction_sequences(2, length) for length in (3, 4, 5)]
    else:
        task, more = (InContextRecall(2, 2, n, score="all", **options) for n in (2, 3))
        each = [recall_sequences(one, 2) for one in (task, more)]
    # Each symbol is predicted by a model that knows the lengths, and that the stream goes on.
    chances, going_on = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    for sequence, chance in chain.from_iterable(part.items() for part in each):
        for end in range(1, len(sequence) + 1):
            chances[sequence[:end]] += chance  # type: ignore[assignment]
            going_on[sequence[:end]] += chance * (end < len(sequence))  # type: ignore[assignment]
    nats = symbols = 0.0
    for sequence, chance in chain.from_iterable(part.items() for part in each):
        symbols += chance * (len(sequence) - 1)
        for end in range(1, len(sequence)):
            nats += chance * math.log(going_on[sequence[:end]] / chances[sequence[: end + 1]])
    lengths = [len(next(iter(part))) - 1 for part in each]
    bounds = (lengths[0], lengths[-1])
    assert task.optimum_of(bounds) == pytest.approx(nats / symbols, abs=1e-12)
    for length in lengths:
        batch = task.sample(30, length=length).with_length_range(bounds)
        found = task.surprise(batch).tolist()
        for row, text in zip(found, map(tuple, sequences_of(batch, task)), strict=True):
            ends = range(1, len(text))
            expected = [math.log(going_on[text[:end]] / chances[text[: end + 1]]) for end in ends]
            assert row == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", ["induction_head", "in_context_recall"])
def test_only_answers_are_scored_by_default(name: str) -> None:
    task = get_task(name)
    batch = task.sample(20)
    surprise = task.surprise(batch)
    assert torch.equal(surprise == 0, batch.scored)
    assert surprise[~batch.scored].isnan().all()
    assert task.optimum == task.optimum_of(task.longer[0]) == task.optimal_loss(batch) == 0
    assert 0 < task.memoryless == task.memoryless_of(task.longer[0])


@pytest.mark.parametrize(
    "wrong",
    ["acb!aab!a", "a!cbaab!a", "a!cb!ab!c", "a!cbaabac", "abcbab!!a", "abcb!ab!c"],
)
def test_impossible_streams_raise(wrong: str) -> None:
    task = InductionHead(3, 7, score="all")
    right = "a!cbaab!c"
    assert task.surprise(Batch.from_texts([right], task.vocab)).shape == (1, 8)
    if wrong == "acb!aab!a":
        assert task.surprise(Batch.from_texts([wrong], task.vocab)).isfinite().all()
        return
    with pytest.raises(DataError, match=r"sequences of induction_head .* at position 1"):
        task.surprise(Batch.from_texts([right, wrong], task.vocab))


@pytest.mark.parametrize(
    "wrong",
    [
        "k0 v1 k0 v0 ? k0 v1",  # another value for the same key
        "k0 v1 v0 v0 ? k0 v1",
        "k0 v1 n0 v1 ? k0 v1",
        "k0 k0 k1 v0 ? k0 v0",
        "k0 v1 k1 v0 k0 k0 v1",
        "k0 v1 k0 v1 ? k1 v1",  # a key that did not occur
        "k0 v1 k0 v1 ? k0 v0",
        "k0 v1 k0 v1 ? ? v1",
        "n0 n1 n0 n1 ? k0 v0",  # only noise
        "n0 n1 ? n1 ? k0 v0",
    ],
)
def test_impossible_recall_raises(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_context_recall, "NOISE", 2)
    task = InContextRecall(2, 2, 2, noise=0.5, query=True, score="all")
    with pytest.raises(DataError, match=r"draw sequences with task\.sample"):
        task.surprise(Batch.from_texts([wrong.split()], task.vocab))


def test_streams_that_are_not_fully_scored_raise() -> None:
    task = InductionHead(3, 7, score="all")
    batch = InductionHead(3, 7).sample(2)
    with pytest.raises(DataError, match="with every symbol scored"):
        task.surprise(batch)
    shifted = task.sample(2)
    with pytest.raises(DataError, match="position 0"):
        task.surprise(Batch(shifted.inputs.roll(1, 1), shifted.targets))


# --- Answers, against solvers that read one symbol at a time


def answers_to(
    name: str, symbols: list[str], options: dict[str, Any]
) -> Iterator[tuple[int, str]]:
    """Yield the position and the symbol of each answer, by the definition of the task."""
    if name == "mqar":
        bound: dict[str, str] = {}
        begin = 2 * (options["pairs"] + options.get("rebound", 0))
        bound.update(zip(symbols[:begin:2], symbols[1:begin:2], strict=True))
        for place in range(begin, len(symbols), 2):
            if symbols[place].startswith("k"):
                yield place, bound[symbols[place]]
    elif name == "hop":
        for place in range(len(symbols)):
            at: int | None = place
            for _ in range(options["hops"]):
                if at is not None:
                    earlier = [j for j in range(at) if symbols[j] == symbols[at]]
                    at = earlier[-1] + 1 if earlier else None
            yield place, "~" if at is None else symbols[at]
    elif name == "n_gram_lookup":
        text, asked = "".join(symbols).split("?")
        assert sum(text.startswith(asked, i) for i in range(len(text))) == 1
        yield len(symbols) - 1, text[text.index(asked) + len(asked)]
    else:
        letters = [symbol for symbol in symbols if symbol not in "_="]
        assert len(letters) == options["letters"]
        yield from enumerate(letters, len(symbols) - len(letters))


SOLVED: list[tuple[str, dict[str, Any]]] = [
    ("mqar", {"pairs": 3, "keys": 4, "values": 5, "length": 20}),
    ("mqar", {"pairs": 8, "keys": 8, "values": 8, "length": 32, "filler": "random"}),
    ("mqar", {"pairs": 4, "length": 40, "rebound": 4, "filler": "random", "power": 2.0}),
    ("hop", {"hops": 1, "length": 40}),
    ("hop", {"hops": 3, "symbols": 3, "length": 60}),
    ("hop", {"hops": 2, "symbols": 2, "length": 9}),
    ("n_gram_lookup", {"n": 1, "symbols": 20, "length": (3, 6)}),
    ("n_gram_lookup", {"n": 3, "symbols": 2, "length": 9}),
    ("n_gram_lookup", {"n": 2, "symbols": 3, "length": 3}),
    ("n_gram_lookup", {"n": 3, "symbols": 17, "length": 30}),  # too many n-grams to count each
    ("selective_copy", {"letters": 5, "delay": 9}),
    ("selective_copy", {"letters": 3, "delay": 0, "kinds": 2}),
]


@pytest.mark.parametrize(("name", "options"), SOLVED)
def test_answers_match_a_slow_solver(name: str, options: dict[str, Any]) -> None:
    task = get_task(name, **options)
    for seed in range(3):
        batch = task.sample(30, generator=seeded(seed))
        for inputs, targets in zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True):
            symbols = [task.vocab.symbols[i] for i in inputs]
            found = [(t, task.vocab.symbols[i]) for t, i in enumerate(targets) if i >= 0]
            assert found == list(answers_to(name, symbols, options))


def test_in_context_recall_scores_exactly_the_known_keys() -> None:
    task = InContextRecall(4, 3, 12, noise=0.2)
    batch = task.sample(50)
    for inputs, targets in zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True):
        bound: dict[int, int] = {}
        for place in range(0, len(inputs), 2):
            key = inputs[place]
            assert targets[place] == bound.get(key, -100)
            if key < 4 and place + 1 < len(inputs):
                bound[key] = inputs[place + 1]
        assert set(targets[1::2]) <= {-100}


def test_mqar_asks_each_key_once_in_slots_with_the_given_weights() -> None:
    task = MQAR(pairs=1, keys=2, values=2, length=10, power=0.5)
    batch = task.sample(8000)
    slots = batch.scored.long().argmax(1).sub(2) // 2
    weights = torch.arange(1, 5, dtype=torch.float64) ** -0.5
    shares = slots.bincount(minlength=4) / len(slots)
    torch.testing.assert_close(shares.double(), weights / weights.sum(), atol=0.025, rtol=0)
    two = MQAR(pairs=2, keys=2, values=2, length=12, power=0.5).sample(8000)
    # The second question is drawn from the slots that the first one left.
    first = two.inputs[:, :1] == two.inputs
    place = first.long().cumsum(1).eq(2).long().argmax(1).sub(4) // 2
    shares = place.bincount(minlength=4) / len(place)
    torch.testing.assert_close(shares.double(), weights / weights.sum(), atol=0.025, rtol=0)


def test_mqar_rebinds_to_another_value() -> None:
    task = MQAR(pairs=3, keys=5, values=4, length=24, rebound=2, filler="blank")
    for row in task.sample(100).inputs.tolist():
        symbols = [task.vocab.symbols[i] for i in row]
        first = dict(zip(symbols[:6:2], symbols[1:6:2], strict=True))
        again = dict(zip(symbols[6:10:2], symbols[7:10:2], strict=True))
        assert len(first) == 3
        assert len(again) == 2
        assert all(first[key] != value for key, value in again.items())
        asked = [symbol for symbol in symbols[10:] if symbol.startswith("k")]
        assert sorted(asked) == sorted(first)


def test_large_vocabulary_is_quick() -> None:
    start = time.perf_counter()
    task = get_task("mqar", keys=4096, values=4096, length=512)
    built = time.perf_counter()
    task.sample(128)
    sampled = time.perf_counter()
    # A second and 50 ms on an idle machine; far above that, something is quadratic.
    assert built - start < 10
    assert sampled - built < 2
    assert task.memoryless == pytest.approx(math.log(4096))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mqar", {"pairs": 3, "length": 24, "rebound": 1}),
        ("induction_head", {"length": 12}),
        ("in_context_recall", {"pairs": 12}),
        ("hop", {"length": 30, "hops": 1}),
        ("n_gram_lookup", {"length": 12}),
    ],
)
def test_gap_is_the_distance_to_what_is_recalled(name: str, options: dict[str, Any]) -> None:
    task = get_task(name, **options)
    batch = task.sample(30)
    gaps = task.labels(batch)["gap"]
    assert gaps.shape == batch.targets.shape
    for inputs, targets, each in zip(
        batch.inputs.tolist(), batch.targets.tolist(), gaps.tolist(), strict=True
    ):
        for place, (target, gap) in enumerate(zip(targets, each, strict=True)):
            if target < 0 or not gap:
                assert target < 0 or task.vocab.symbols[target] == "~"
            elif name == "hop":
                assert inputs[place - gap] == target
            else:
                # The same symbol was there, and what followed it is the target.
                assert inputs[place - gap] == inputs[place]
                assert inputs[place - gap + 1] == target


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("mqar", {"pairs": 40}, "expected keys to be"),
        ("mqar", {"keys": 10**12}, "expected keys to be"),
        ("in_context_recall", {"values": 10**12}, "expected values to be"),
        ("mqar", {"pairs": 8, "values": 7}, "expected values to be"),
        (
            "mqar",
            {"length": 63},
            "length 63 is impossible: lengths are even and at least 32",
        ),
        ("mqar", {"length": 30}, "at least 32, for the bindings and a slot per question"),
        ("mqar", {"length": 40, "rebound": 5}, "at least 42"),
        ("mqar", {"rebound": 9}, "expected rebound to be"),
        ("mqar", {"power": 0}, "expected power to be"),
        ("mqar", {"filler": "none"}, "expected filler to be 'blank' or 'random', got 'none'"),
        ("induction_head", {"length": 2}, "expected length to be"),
        ("induction_head", {"score": "some"}, "expected score to be"),
        ("in_context_recall", {"noise": 1.0}, "expected noise to be"),
        ("in_context_recall", {"pairs": 1}, "expected pairs to be"),
        (
            "n_gram_lookup",
            {"n": 5, "length": 5},
            "a string is longer than the 5 letters of the question",
        ),
        ("n_gram_lookup", {"length": (6, 2)}, "expected lengths to be"),
        ("hop", {"symbols": 27}, "expected symbols to be"),
        ("selective_copy", {"delay": -1}, "expected delay to be"),
    ],
)
def test_impossible_options_raise(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        get_task(name, **options)


def test_questions_that_hardly_exist_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_context_recall, "ROUNDS", 3)
    with pytest.raises(OptionError, match="hardly any string of 2000 symbols, of 2 kinds, has 1"):
        get_task("n_gram_lookup", symbols=2, n=1, length=2000).sample(2)
    with pytest.raises(OptionError, match="hardly any sequence of 2 pairs of 50000 keys"):
        get_task("in_context_recall", keys=50_000, pairs=2).sample(2)


def test_impossible_lengths_say_why() -> None:
    assert "4: the mark" in str(get_task("induction_head").why_no_length(3))
    assert "2 n - 1" in str(get_task("in_context_recall").why_no_length(4))
    assert "2 n + 2" in str(get_task("in_context_recall", query=True).why_no_length(2))
    assert "10 letters" in str(get_task("selective_copy").why_no_length(9))


def test_a_split_of_a_stream_has_an_optimum() -> None:
    training, held_out = get_task("induction_head", symbols=4, length=9, score="all").held_out(0.2)
    whole = training.whole
    assert training.optimum < whole.optimum
    report = evaluate(ElmanCharModel(whole.vocab), held_out, count=50, longer=[])
    assert report.unseen.optimum > 0
