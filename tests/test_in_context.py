"""Learning in context, checked against sums over listed sequences and slow programs."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
import torch

from seqtoys import (
    Automaton,
    Batch,
    ElmanCharModel,
    FiniteLanguage,
    Mixture,
    Task,
    Text,
    Vocab,
    evaluate,
    fit,
    get_task,
)
from seqtoys.errors import DataError, IndexRangeError, OptionError
from seqtoys.plotting import plot_loss, plot_loss_by_position
from seqtoys.results import History, Report
from seqtoys.support.uncertainty import Estimate
from seqtoys.tasks.in_context import markov
from seqtoys.tasks.in_context.automata import AutomataInContext, automata_in_context
from seqtoys.tasks.in_context.markov import InContextMarkov
from seqtoys.tasks.in_context.modular import ModularTable
from seqtoys.tasks.in_context.pool import draw_pool
from seqtoys.tasks.in_context.strings_joined import StringsJoined
from seqtoys.tasks.task import TaskSplit

Weighted = dict[tuple[int, ...], float]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def assert_within(claimed: float, expected: float, slack: float = 1e-9) -> None:
    """Assert that a number is right, within four standard errors if it is an estimate."""
    assert isinstance(claimed, Estimate)
    assert abs(claimed - expected) <= 4 * claimed.standard_error + slack


def texts_of(batch: Batch) -> list[tuple[int, ...]]:
    """Return all symbols of sequences that have one length; the last is -100 if not scored."""
    whole = torch.cat([batch.inputs, batch.targets[:, -1:]], 1)
    return [tuple(row) for row in whole.tolist()]


def assert_drawn_as(probabilities: Weighted, batch: Batch) -> None:
    """Assert that sequences are as frequent as they are probable: a chi-squared test."""
    found = Counter(texts_of(batch))
    assert set(found) <= set(probabilities)
    expected = {text: len(batch) * chance for text, chance in probabilities.items() if chance}
    squares = sum((found[text] - n) ** 2 / n for text, n in expected.items())
    free = len(expected) - 1
    assert squares < free + 5 * math.sqrt(2 * free)


def mean_over(probabilities: Weighted, value: Callable[[tuple[int, ...]], float]) -> float:
    return sum(chance * value(text) for text, chance in probabilities.items())


# --- Markov chains

NODES, WEIGHTS = ((x + 1) / 2 for x in np.polynomial.legendre.leggauss(60))
WEIGHTS = WEIGHTS - 0.5  # of the interval from 0 to 1: half of those of [-1, 1]


def dirichlet(counts: list[int]) -> float:
    """Compute the mean probability of these outcomes, over all distributions alike."""
    parts = math.prod(map(math.factorial, counts))
    return math.factorial(len(counts) - 1) * parts / math.factorial(sum(counts) + len(counts) - 1)


def chain_probability(text: tuple[int, ...], task: InContextMarkov) -> float:
    """Compute the probability of a sequence by the integral over each row of the table."""
    k, order = task.symbols, task.order
    if task.doubly_stochastic:
        same = sum(a == b for a, b in pairwise(text))
        return 0.5 * float(WEIGHTS @ (NODES**same * (1 - NODES) ** (len(text) - 1 - same)))
    rows: dict[tuple[int, ...], list[int]] = defaultdict(lambda: [0] * k)
    for at in range(order, len(text)):
        rows[text[at - order : at]][text[at]] += 1
    return float(k**-order) * math.prod(map(dirichlet, rows.values()))


def chains(task: InContextMarkov, length: int) -> Weighted:
    texts = product(range(task.symbols), repeat=length + 1)
    return {text: chain_probability(text, task) for text in texts}


CHAINS: dict[str, dict[str, Any]] = {
    "two": {},
    "doubly stochastic": {"doubly_stochastic": True},
    "three": {"symbols": 3},
    "order 2": {"order": 2},
    "five, order 2": {"symbols": 5, "order": 2},
}


def test_quadrature_is_right() -> None:
    assert float(WEIGHTS.sum()) == pytest.approx(1)
    assert float(WEIGHTS @ NODES**7) == pytest.approx(1 / 8)
    assert dirichlet([3, 2]) == pytest.approx(float(WEIGHTS @ (NODES**3 * (1 - NODES) ** 2)))


@pytest.mark.type_checked
@pytest.mark.parametrize("name", CHAINS)
def test_surprise_of_a_chain_is_that_of_its_prefixes(name: str) -> None:
    task = InContextMarkov(**CHAINS[name], length=12)
    batch = task.sample(5, generator=seeded(1))
    surprise = task.surprise(batch)
    for row, text in enumerate(texts_of(batch)):
        each = [chain_probability(text[:n], task) for n in range(task.order, len(text) + 1)]
        expected = [math.log(before / after) for before, after in pairwise(each)]
        assert surprise[row, task.order - 1 :].tolist() == pytest.approx(expected)
    assert surprise[:, : task.order - 1].isnan().all()
    assert task.surprise(batch.with_length_range((12, 12))).equal(surprise) or task.order > 1
    shorter = task.sample(3, length=7, generator=seeded(2))
    joined = task.surprise(Batch.join([shorter, batch]))[:3, :7]
    assert joined.nan_to_num().equal(task.surprise(shorter).nan_to_num())


@pytest.mark.parametrize("name", CHAINS)
def test_chains_are_drawn_as_often_as_they_are_probable(name: str) -> None:
    task = InContextMarkov(**CHAINS[name])
    length, size = (2, 4000) if task.symbols == 5 else (4, 10_000)
    batch = task.sample(size, length=length, generator=seeded(3))
    assert_drawn_as(chains(task, length), batch)


def memoryless_of(probabilities: Weighted, first: int) -> float:
    """Compute the entropy of a symbol given the one before, from the symbol at `first` on."""
    pairs: dict[tuple[int, int], float] = defaultdict(float)
    above: dict[int, float] = defaultdict(float)
    for text, chance in probabilities.items():
        for a, b in pairwise(text[first - 1 :]):
            pairs[a, b] += chance
            above[a] += chance
    total = sum(above.values())
    return sum(n * math.log(above[a] / n) for (a, _), n in pairs.items()) / total


def single_symbol_loss(text: tuple[int, ...], k: int, order: int) -> float:
    return -sum(
        math.log((text[:at].count(text[at]) + 1) / (at + k)) for at in range(order, len(text))
    )


@pytest.mark.parametrize("name", [name for name in CHAINS if name != "five, order 2"])
def test_losses_of_chains_match_sums_over_all_sequences(name: str) -> None:
    task, length = InContextMarkov(**CHAINS[name], length=5), 5
    listed, scored = chains(task, length), length + 1 - task.order
    assert sum(listed.values()) == pytest.approx(1)
    start = task.symbols**-task.order  # of the first symbols
    expected = mean_over(listed, lambda text: math.log(start / listed[text])) / scored
    assert_within(task.optimum, expected)
    assert_within(task.optimum_of(5), expected)
    assert_within(task.memoryless, memoryless_of(listed, task.order))
    single = mean_over(listed, lambda text: single_symbol_loss(text, task.symbols, task.order))
    assert_within(task.references["counts single symbols"], single / scored)
    assert task.chance == 1 / task.symbols
    assert task.optimum.is_exact == (task.symbols == 2 and task.order == 1)


def binary_entropy(p: Any) -> Any:
    return -p * np.log(p) - (1 - p) * np.log(1 - p)


def test_loss_of_a_model_that_knows_the_table_matches_an_integral() -> None:
    """Averages the entropy of the rows that a chain visits over a grid of binary tables."""
    length, nodes = 6, (np.arange(700) + 0.5) / 700
    p, q = nodes[:, np.newaxis], nodes  # the probability of leaving 0, and of leaving 1
    at_0, total = np.full((700, 700), 0.5), 0.0
    for _ in range(length):
        total += float((at_0 * binary_entropy(p) + (1 - at_0) * binary_entropy(q)).mean())
        at_0 = at_0 * (1 - p) + (1 - at_0) * q
    known = InContextMarkov(length=length).references["knows the table"]
    assert known == pytest.approx(total / length, abs=5e-6)
    twice = InContextMarkov(doubly_stochastic=True, length=7).references
    assert twice["knows the table"] == pytest.approx(0.5, abs=1e-9)
    three = InContextMarkov(3, length=1).references["knows the table"]
    assert_within(three, 1 / 2 + 1 / 3)  # the mean entropy of a uniform distribution of three


def test_published_and_derived_values_of_chains() -> None:
    task = InContextMarkov()
    assert task.optimum == pytest.approx(0.523732, abs=5e-7)
    assert task.optimum_of(60) == task.optimum
    assert list(task.references) == ["knows the table", "counts single symbols"]
    doubly = InContextMarkov(doubly_stochastic=True)
    binomials = sum(math.log(math.comb(60, m)) for m in range(61)) / 61
    assert doubly.optimum == pytest.approx((math.log(61) + binomials) / 60)
    assert doubly.memoryless == doubly.memoryless_of((3, 9)) == pytest.approx(math.log(2))
    assert task.optimum_of((2, 3)) == pytest.approx(
        (2 * task.optimum_of(2) + 3 * task.optimum_of(3)) / 5
    )
    assert InContextMarkov(doubly_stochastic=True).sample(3).show(task.vocab)


def test_estimates_agree_with_listed_chains(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = InContextMarkov(length=30)
    listed = {**exact.references, "optimum": exact.optimum, "memoryless": exact.memoryless}
    monkeypatch.setattr(markov, "LISTED_LENGTH", 20)
    task = InContextMarkov(length=30)
    found = {**task.references, "optimum": task.optimum, "memoryless": task.memoryless}
    for name, estimate in found.items():
        assert not estimate.is_exact
        assert_within(estimate, listed[name])
    assert task.optimum_of(20).is_exact
    monkeypatch.setattr(markov, "LISTED", 100)
    assert not task.optimum_of((8, 20)).is_exact


def test_labels_count_earlier_occurrences_of_the_context() -> None:
    task = InContextMarkov(symbols=3, order=2)
    batch = task.sample(4, length=20)
    for inputs, labels in zip(
        batch.inputs.tolist(), task.labels(batch)["occurrences"].tolist(), strict=True
    ):
        pairs = list(pairwise(inputs))
        assert labels[1:] == [pairs[:at].count(pair) for at, pair in enumerate(pairs)]


def test_split_of_chains_matches_its_sequences() -> None:
    task = InContextMarkov(length=6)
    listed = chains(task, 6)
    texts = ["".join("ab"[i] for i in text) for text in listed]
    held = task.held_out(0.3)[0].parting.holds_out(Batch.from_texts(texts, task.vocab)).tolist()
    for split in task.held_out(0.3):
        assert isinstance(split, TaskSplit)
        pairs = zip(listed.items(), held, strict=True)
        part = {text: p for (text, p), is_held in pairs if is_held == split.is_held_out}
        by_first = {x: sum(p for text, p in part.items() if text[0] == x) for x in (0, 1)}
        nats = mean_over(part, lambda text, by=by_first, p=part: math.log(by[text[0]] / p[text]))  # type: ignore[misc]
        expected = nats / 6 / sum(part.values())
        assert_within(split.optimum, expected)
        assert_within(split.optimum_of(6), expected)


def test_impossible_chains_raise(
    assert_error: Callable[[Callable[[], object], type[Exception], str], None],
) -> None:
    assert_error(
        lambda: InContextMarkov(symbols=26, order=2),
        OptionError,
        "expected a table of at most 16,384 numbers, got symbols^(order + 1) = 26^3; choose a "
        "smaller order, or fewer symbols",
    )
    for options in ({"symbols": 3}, {"order": 2}):
        with pytest.raises(OptionError, match="doubly_stochastic cannot be combined with"):
            InContextMarkov(doubly_stochastic=True, **options)
    with pytest.raises(OptionError, match="expected symbols to be an integer from 2 to 26"):
        get_task("in_context_markov", symbols=1)
    with pytest.raises(OptionError, match="expected length to be an integer from 2 to"):
        InContextMarkov(order=2, length=1)
    with pytest.raises(OptionError, match="no sequence of length 1: a context has 2 symbols"):
        InContextMarkov(order=2).sample(1, length=1)
    task, other = InContextMarkov(), Batch.from_pairs([("aab", "aaa")], Vocab("ab"))
    scored = Batch(torch.tensor([[0, 1]]), torch.tensor([[-100, 1]]))
    for batch in (other, scored):
        with pytest.raises(DataError, match="expected sequences of in_context_markov, with each"):
            task.surprise(batch)
    with pytest.raises(IndexRangeError):
        task.surprise(Batch.from_texts(["abc"], Vocab("abc")))


def test_references_are_shown_and_stored() -> None:
    task = InContextMarkov(length=9)
    model = ElmanCharModel(task.vocab, hidden_size=4)
    history = fit(model, task, epochs=2, batch_size=8)
    assert f"\n{task.references['knows the table']:.4f}  knows the table" in str(history)
    assert History.from_json(history.to_json()) == History.from_state(history.state()) == history
    without = {**history.state()}
    without["baselines"] = {"uniform": 1.0, "memoryless": 1.0, "full_past": 0.5}
    assert History.from_state(without).baselines.references == {}
    report = evaluate(model, task, count=20)
    assert "; counts single symbols:" in str(report).replace("\n", " ")
    assert Report.from_json(report.to_json()) == report
    old = {
        name: part for name, part in json.loads(report.to_json()).items() if name != "references"
    }
    assert Report.from_json(json.dumps(old)).references == {}
    for ax in (
        plot_loss(history),
        plot_loss_by_position(model, task.sample(1), task=task),
    ):
        known = f"knows the table {task.references['knows the table']:.4f}"
        assert known in {text.get_text() for text in ax.texts}
    over = fit(model, task, epochs=1, batch_size=8, lengths=(3, 5))
    assert over.baselines.references == {}  # they are known for the task's own lengths alone


# --- Mixtures

Arcs = dict[str, list[tuple[str, str, float]]]
WORDS: Arcs = {
    "#": [("#", "a", 1.0)],
    "a": [("x", "a", 0.5), ("y", "b", 0.5)],
    "b": [("x", "b", 0.3), ("#", "end", 0.7)],
    "end": [],
}
OTHER: Arcs = {
    "#": [("#", "a", 0.6), ("x", "b", 0.4)],
    "a": [("x", "a", 0.2), ("y", "b", 0.8)],
    "b": [("y", "b", 0.3), ("#", "end", 0.7)],
    "end": [],
}


def strings_of(arcs: Arcs, longest: int) -> dict[str, float]:
    """List the strings of an automaton up to a length, with their probabilities."""
    found, waiting = dict[str, float](), [("", "#", 1.0)]
    while waiting:
        string, state, chance = waiting.pop()
        if not arcs[state]:
            found[string] = chance
        elif len(string) < longest:
            waiting += [(string + x, after, chance * p) for x, after, p in arcs[state]]
    return found


def mixed(parts: list[dict[str, float]], weights: list[float]) -> dict[str, float]:
    """Mix lists of strings, each with probabilities up to a factor."""
    total: dict[str, float] = defaultdict(float)
    for part, weight in zip(parts, weights, strict=True):
        for string, chance in part.items():
            total[string] += weight * chance / sum(part.values())
    return total


def prefix_surprise(strings: dict[str, float], wanted: str) -> list[float]:
    """Compute the surprise of each symbol but the first, given that the string goes on."""
    each = []
    for at in range(1, len(wanted)):
        before = sum(p for s, p in strings.items() if s[:at] == wanted[:at] and len(s) > at)
        after = sum(p for s, p in strings.items() if s[: at + 1] == wanted[: at + 1])
        each.append(math.log(before / after))
    return each


def assert_surprise(task: Task, batch: Batch, strings: dict[str, float]) -> None:
    surprise, ends = task.surprise(batch), batch.count_symbols().tolist()
    for row, end in enumerate(ends):
        inputs, targets = batch.inputs[row].tolist(), batch.targets[row].tolist()
        wanted = str(task.vocab.decode([*inputs[:end], targets[end - 1]]))
        assert surprise[row, :end].tolist() == pytest.approx(
            prefix_surprise(strings, wanted), abs=1e-6
        )


def of_lengths(strings: dict[str, float], lengths: list[int]) -> dict[str, float]:
    """Make the given lengths equally likely."""
    parts = [{s: p for s, p in strings.items() if len(s) == n + 1} for n in lengths]
    return mixed(parts, [1 / len(lengths)] * len(lengths))


@pytest.mark.type_checked
def test_surprise_of_a_mixture_is_that_of_its_strings() -> None:
    task = Mixture([Automaton(WORDS, "#"), Automaton(OTHER, "#")], [0.3, 0.7], name="words")
    words, other = (strings_of(arcs, 40) for arcs in (WORDS, OTHER))
    batch = task.sample(40, generator=seeded(5))
    short = batch.take((batch.count_symbols() <= 8).nonzero().flatten())
    assert_surprise(task, short, mixed([words, other], [0.3, 0.7]))
    bounded = Mixture([Automaton(a, "#", lengths=(3, 5)) for a in (WORDS, OTHER)], [0.3, 0.7])
    parts = [{s: p for s, p in each.items() if 4 <= len(s) <= 6} for each in (words, other)]
    assert_surprise(bounded, bounded.sample(40), mixed(parts, [0.3, 0.7]))
    beyond = short.take((short.count_symbols() > 5).nonzero().flatten())
    torch.testing.assert_close(bounded.surprise(beyond), task.surprise(beyond), equal_nan=True)
    assert evaluate(ElmanCharModel(bounded.vocab), bounded, count=9, longer=[7]).longer
    for bounds in ((4, 4), (3, 5)):
        lengths = list(range(bounds[0], bounds[1] + 1))
        drawn = [task.sample(10, length=n, generator=seeded(n)) for n in lengths]
        at = Batch.join(drawn).with_length_range(bounds)
        parts = [of_lengths(each, lengths) for each in (words, other)]
        assert_surprise(task, at, mixed(parts, [0.3, 0.7]))


def test_surprise_of_nested_mixtures_and_of_strings_that_others_continue() -> None:
    first, second = {"abc": 1.0, "bb": 3.0}, {"ab": 2.0, "bac": 1.0}
    inner = Mixture([FiniteLanguage(first, symbols="abc"), FiniteLanguage(second, symbols="abc")])
    outer = Mixture([inner, FiniteLanguage(first, symbols="abc")], [0.8, 0.2])
    texts = Batch.from_texts(["abc", "bb", "ab", "bac"], inner.vocab)
    half = mixed([first, second], [0.5, 0.5])
    assert_surprise(inner, texts, half)
    assert_surprise(outer, texts, mixed([half, first], [0.8, 0.2]))
    expected = prefix_surprise(half, "abc")
    assert expected[1] == 0  # although "ab" ends half of the time
    assert_within(
        inner.optimum,
        sum(p * sum(prefix_surprise(half, s)) for s, p in half.items())
        / sum(p * (len(s) - 1) for s, p in half.items()),
    )


def coin(heads: float, length: int = 12) -> Automaton:
    arcs = [("h", "coin", heads), ("t", "coin", 1 - heads)]
    return Automaton({"coin": arcs}, "coin", lengths=(length, length), name="coin")


def test_mixture_of_endless_sources_matches_bayes() -> None:
    task = Mixture([coin(0.5), coin(0.9)], [0.6, 0.4])
    listed = Batch.from_texts(["".join(text) for text in product("ht", repeat=7)], task.vocab)
    total, nats, told = 0.0, 0.0, 0.0
    for row, text in enumerate(product("ht", repeat=7)):
        each = [
            w * h ** text.count("h") * (1 - h) ** text.count("t")
            for w, h in ((0.6, 0.5), (0.4, 0.9))
        ]
        first = 0.6 * 0.5 + 0.4 * (0.9 if text[0] == "h" else 0.1)
        surprise = task.surprise(listed.take(torch.tensor([row])))
        assert surprise.sum() == pytest.approx(math.log(first / sum(each)))
        total += sum(each)
        nats += sum(each) * float(surprise.sum()) / 6
    assert total == pytest.approx(1)
    assert_within(task.optimum_of(6), nats)
    outer = Mixture([task, coin(0.5)], [0.5, 0.5])
    same = Mixture([coin(0.5), coin(0.9)], [0.8, 0.2])
    torch.testing.assert_close(outer.surprise(listed), same.surprise(listed))
    rare = Mixture([coin(0.5), coin(0.9)], [1e-9, 1 - 1e-9])
    assert_within(rare.references["knows the source"], float(binary_entropy(0.9)))
    told = 0.6 * math.log(2) + 0.4 * float(binary_entropy(0.9))
    assert_within(task.references["knows the source"], told)
    assert task.lengths == (12, 12)
    assert task.sample(3, length=5).inputs.shape == (3, 5)
    assert len(set(task.longer)) == len(task.longer) > 0


def test_chains_of_two_kinds_can_be_mixed() -> None:
    kinds = [InContextMarkov(length=9), InContextMarkov(doubly_stochastic=True, length=9)]
    task = Mixture(kinds)
    batch = task.sample(20)
    for text, row in zip(texts_of(batch), task.surprise(batch).tolist(), strict=True):
        each = [sum(chain_probability(text[:n], kind) for kind in kinds) / 2 for n in range(1, 11)]
        assert row == pytest.approx([math.log(a / b) for a, b in pairwise(each)])


def test_latents_of_a_mixture_are_the_sources_of_the_sequences() -> None:
    one = FiniteLanguage({"aab": 1.0, "abb": 1.0}, symbols="ab")
    other = FiniteLanguage({"bba": 1.0, "baba": 1.0}, symbols="ab")
    batch = Mixture([one, other], [0.25, 0.75]).sample(4000, generator=seeded(8))
    assert batch.latent is not None
    assert batch.latent.equal(batch.inputs[:, 0])
    assert float(batch.latent.double().mean()) == pytest.approx(0.75, abs=0.03)


def test_split_of_a_mixture_holds_out_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqtoys.tasks.task.BATCHES", 8)
    task = Mixture([coin(p / 10) for p in range(1, 10)], name="coins")
    training, held_out = task.held_out(0.3)
    drawn = [split.sample(300).latent for split in (training, held_out)]
    kept = [set(latent.tolist()) for latent in drawn if latent is not None]
    assert not kept[0] & kept[1]
    assert kept[0] | kept[1] == set(range(9))
    for split, numbers in zip((training, held_out), kept, strict=True):
        same = Mixture([coin((n + 1) / 10) for n in sorted(numbers)])
        batch = split.sample(20)
        torch.testing.assert_close(split.surprise(batch), same.surprise(batch))
        assert not split.optimum.is_exact
        assert_within(split.optimum, same.optimum, 4 * same.optimum.standard_error)
    nested, _ = training.held_out(0.4)
    assert nested.optimum < task.optimum + 0.05
    assert set(nested.sample(100).latent.tolist()) < kept[0]  # type: ignore[union-attr]
    nothing = training.whole._restricted_to(lambda batch: torch.zeros(len(batch)).bool())
    assert nothing is None


def test_tasks_that_cannot_be_mixed_raise(
    assert_error: Callable[[Callable[[], object], type[Exception], str], None],
) -> None:
    words = Automaton(WORDS, "#", name="words")
    assert_error(lambda: Mixture([]), OptionError, "expected at least one task, got none")
    assert_error(
        lambda: Mixture([words, words], [1.0]),
        OptionError,
        "expected one weight for each of 2 tasks, got 1",
    )
    for weights in ([0.5, 0.6], [1.0, 0.0], [math.nan, 0.5]):
        with pytest.raises(OptionError, match="expected positive weights that sum to 1, got"):
            Mixture([words, words], weights)
    with pytest.raises(OptionError, match="expected tasks with one vocabulary, got Vocab"):
        Mixture([words, get_task("reber")])
    with pytest.raises(OptionError, match=r"got coin with lengths \(12, 12\), coin with"):
        Mixture([coin(0.5), coin(0.9, length=9)])
    bounded = [Automaton(WORDS, "#", lengths=(3, n), name="words") for n in (4, 5)]
    with pytest.raises(OptionError, match=r"or all without, got \(3, 4\) and \(3, 5\)"):
        Mixture([Mixture(bounded[:1]), Mixture(bounded[1:])])
    flat = FiniteLanguage({"ht": 1.0, "th": 1.0}, symbols="ht", name="flat")
    with pytest.raises(OptionError, match=r"endless ones with equal lengths, got coin with"):
        Mixture([coin(0.5), flat])
    with pytest.raises(OptionError, match="in which each next symbol is scored, got parity"):
        Mixture([get_task("parity"), get_task("parity")])
    with pytest.raises(OptionError, match="the probability of the first symbol of text is unkno"):
        Mixture([Text(["hat", "hot"])])
    with pytest.raises(OptionError, match="anb2n cannot generate one of the sequences, and it is"):
        Mixture([get_task("anb2n"), get_task("anbn")])
    short, long = (FiniteLanguage({text: 1.0}, symbols="ab") for text in ("ab", "aab"))
    task = Mixture([short, long])
    assert task.why_no_length(2) == (
        "finite language: no string has 3 symbols (the length does not count the last one)"
    )
    batch = Batch.from_texts(["ab"], task.vocab).with_length_range((1, 2))
    with pytest.raises(OptionError, match=r"is unknown for lengths in \(1, 2\): its sources have"):
        task.surprise(batch)
    for wrong in (
        Batch.from_texts(["ba"], task.vocab),
        Batch.from_texts(["aaab"], task.vocab),
        Batch.from_pairs([("aab", "bab")], task.vocab),
    ):
        with pytest.raises(DataError, match="that none of its sources can generate"):
            task.surprise(wrong)
    with pytest.raises(IndexRangeError):
        task.surprise(Batch.from_texts(["cab"], Vocab("abc")))


def test_network_learns_which_source_it_reads() -> None:
    task = Mixture([coin(0.2), coin(0.8)])
    model = ElmanCharModel(task.vocab, hidden_size=8, seed=0)
    history = fit(model, task, epochs=80, batch_size=64, lr=0.03)
    assert history.baselines.full_past == task.optimum
    report = evaluate(model, task, count=300)
    assert -4 * report.seen.excess.standard_error - 1e-6 <= report.seen.excess < 0.08


# --- Automata

Rules = list[dict[int, dict[int, int]]]
SMALL = draw_pool(5, states=(2, 3), letters=(2, 3), edges=(1, 2), seed=1)


def rules_of(task: AutomataInContext) -> Rules:
    """Return the transitions of each automaton as dictionaries: state, letter, next state."""
    pool, found = task.pool, []
    for k in range(len(pool)):
        states = range(pool.degrees.shape[1])
        found.append(
            {
                s: {
                    int(pool.symbols[k, s, e]): int(pool.following[k, s, e])
                    for e in range(pool.degrees[k, s])
                }
                for s in states
            }
        )
    return found


def walked(rules: dict[int, dict[int, int]], text: tuple[int, ...]) -> list[float]:
    """Return the probability of each symbol of a text in one automaton; 1 for a mark."""
    state, each = 0, []
    for symbol in text:
        if symbol <= 0:
            state = 0
            each.append(1.0)
        else:
            edges = rules[state]
            each.append(1 / len(edges) if symbol in edges else 0.0)
            state = edges.get(symbol, 0)
    return each


def joined_texts(letters: int, strings: tuple[int, int], symbols: int) -> Iterator[Any]:
    """Yield all texts of so many symbols, with the probability of where their marks are."""
    waiting: list[tuple[tuple[int, ...], int, float]] = [((0,), 0, 1.0)]
    while waiting:
        text, run, chance = waiting.pop()
        if len(text) == symbols:
            yield text, chance
            continue
        low, high = strings
        ends = 0.0 if run < low else 1 / (high - run + 1)
        if ends:
            waiting.append(((*text, 0), 0, chance * ends))
        if ends < 1:
            waiting += [((*text, x), run + 1, chance * (1 - ends)) for x in range(1, letters + 1)]


def bayes(rules: Rules, text: tuple[int, ...]) -> list[float]:
    """Return the probability of each symbol given those before it, over all automata."""
    each = np.array([walked(rule, text) for rule in rules]).cumprod(1).mean(0)
    return [float(after / before) for before, after in pairwise(each)]


@pytest.mark.type_checked
def test_surprise_of_automata_matches_bayes() -> None:
    for task in (
        AutomataInContext(SMALL, strings=(2, 4), length=20),
        automata_in_context(pool=9, strings=(1, 6), length=30, seed=3),
    ):
        rules, batch = rules_of(task), task.sample(20, generator=seeded(1))
        surprise = task.surprise(batch)
        for row, text in enumerate(texts_of(batch)):
            expected = [
                math.nan if symbol <= 0 else -math.log(chance)
                for symbol, chance in zip(text[1:], bayes(rules, text), strict=True)
            ]
            assert surprise[row].tolist() == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("strings", [(1, 2), (2, 3), (2, 2)])
def test_losses_of_automata_match_sums_over_all_texts(strings: tuple[int, int]) -> None:
    length = 6
    task = AutomataInContext(SMALL, strings=strings, length=length)
    rules, pool = rules_of(task), range(len(SMALL))
    listed: Weighted = defaultdict(float)
    nats = told = scored = 0.0
    pairs: dict[tuple[int, int], float] = defaultdict(float)
    for text, chance in joined_texts(SMALL.letters, strings, length + 1):
        each = [math.prod(walked(rules[k], text)) / len(pool) for k in pool]
        weight = chance * sum(each)
        listed[*text[:-1], text[-1] or -100] += weight
        if not weight:
            continue
        at = [t for t in range(1, length + 1) if text[t]]
        scored += weight * len(at)
        nats -= weight * sum(math.log(bayes(rules, text)[t - 1]) for t in at)
        for k in pool:
            if each[k]:
                told -= chance * each[k] * sum(math.log(walked(rules[k], text)[t]) for t in at)
        for t in at:
            pairs[text[t - 1], text[t]] += weight
    assert sum(listed.values()) == pytest.approx(1)
    assert_within(task.optimum, nats / scored)
    assert task.references["knows the automaton"] == pytest.approx(told / scored)
    assert task.optimum_of(length) == task.optimum
    below: Counter[int] = Counter()
    above: Counter[int] = Counter()
    for (a, b), n in pairs.items():
        above[a] += n  # type: ignore[assignment]
        below[b] += n  # type: ignore[assignment]
    memoryless = sum(n * math.log(above[a] / n) for (a, _), n in pairs.items()) / scored
    assert task.memoryless == pytest.approx(memoryless)
    assert task.chance == pytest.approx(max(below.values()) / scored)
    assert task.memoryless.is_exact
    assert task.chance.is_exact
    assert not task.optimum.is_exact
    assert_drawn_as(listed, task.sample(8000, generator=seeded(2)))


@pytest.mark.parametrize("strings", [(1, 5), (3, 4), (2, 2)])
def test_letters_are_expected_where_they_are_drawn(strings: tuple[int, int]) -> None:
    joined = StringsJoined(*strings)
    is_mark = joined.draw_marks(20_000, 13, seeded(1))
    counts, run = Counter[int](), np.zeros(20_000, np.int64)
    for marks in is_mark[1:]:
        counts += Counter(run[~marks].tolist())
        run = np.where(marks, 0, run + 1)
    assert is_mark[0].all()
    expected = joined.expected_letters((12,))
    assert [counts[age] / 20_000 for age in range(strings[1])] == pytest.approx(expected, abs=0.05)
    each = [joined.expected_letters((n,)) for n in (4, 5, 6)]
    assert joined.expected_letters((4, 5, 6)) == pytest.approx(np.mean(each, axis=0))


def test_automata_are_within_their_ranges() -> None:
    pool = draw_pool(300, states=(4, 6), letters=(5, 9), edges=(2, 4), seed=7)
    assert set(pool.degrees.ravel()) == {2, 3, 4}
    letters, states = set(), set()
    for k in range(len(pool)):
        known, reached = set[int](), set[int]()
        for degree, symbols, following in zip(
            pool.degrees[k], pool.symbols[k], pool.following[k], strict=True
        ):
            edges = symbols[:degree].tolist()
            assert len(set(edges)) == degree
            known |= set(edges)
            reached |= set(following.tolist())
        assert known <= set(range(1, 10))
        letters.add(len(known))
        states.add(max(reached) + 1)
    assert letters <= {4, 5, 6, 7, 8, 9}
    assert states == {4, 5, 6}
    same = draw_pool(300, states=(4, 6), letters=(5, 9), edges=(2, 4), seed=7)
    assert (same.symbols == pool.symbols).all()
    assert pool.chances.sum(2).min() == pytest.approx(1)


def test_defaults_of_automata_are_as_documented() -> None:
    task = get_task("automata_in_context")
    assert isinstance(task, AutomataInContext)
    assert len(task.pool) == 64
    lost = task.optimum - task.references["knows the automaton"]
    scored = float(task.sample(4000).scored.sum()) / 4000
    assert lost == pytest.approx(math.log(64) / scored, rel=0.02)
    batch = task.sample(3)
    strings = task.labels(batch)["strings"]
    assert strings.equal((batch.inputs == 0).cumsum(1) - 1)


def test_split_of_automata_holds_out_automata() -> None:
    task = automata_in_context(pool=20, length=30, seed=2)
    training, held_out = task.held_out(0.3)
    parts = []
    for split in (training, held_out):
        batch = split.sample(200)
        assert batch.latent is not None
        numbers = sorted(set(batch.latent.tolist()))
        parts.append(set(numbers))
        same = AutomataInContext(task.pool.take(np.array(numbers)), length=30)
        torch.testing.assert_close(
            split.surprise(batch), same.surprise(batch), equal_nan=True, rtol=0, atol=1e-12
        )
        assert split.optimum == same.optimum
        assert split.references == same.references != task.references
        assert split.optimum.standard_error > 0
        assert split.optimum_of(9) == same.optimum_of(9)
    assert not parts[0] & parts[1]
    assert parts[0] | parts[1] == set(range(20))
    with pytest.raises(DataError, match="expected sequences in automata_in_context"):
        training.optimal_loss(held_out.sample(3))
    assert task._restricted_to(lambda batch: torch.zeros(len(batch)).bool()) is None
    model = ElmanCharModel(task.vocab, hidden_size=8)
    report = evaluate(model, training, count=64, longer=[])
    assert report.unseen.excess > 0


def test_impossible_automata_raise(
    assert_error: Callable[[Callable[[], object], type[Exception], str], None],
) -> None:
    assert_error(
        lambda: automata_in_context(letters=(3, 5), edges=(1, 4)),
        OptionError,
        "up to 4 edges of a state need as many different letters, but an automaton may have only "
        "3; choose letters with a larger minimum, or fewer edges",
    )
    with pytest.raises(OptionError, match="at most 4,194,304 numbers in the tables"):
        automata_in_context(pool=100_000)
    with pytest.raises(OptionError, match=r"the largest number of letters to be an integer from"):
        automata_in_context(letters=(4, 27))
    for name in ("states", "letters", "edges", "strings"):
        wrong_pairs: list[Any] = [(3, 2), (1, 2, 3), 4]
        for pair in wrong_pairs:
            with pytest.raises(OptionError, match=rf"expected {name} to be \(smallest, largest\)"):
                get_task("automata_in_context", **{name: pair})
        with pytest.raises(OptionError, match=f"expected {name} to be a positive integer, got 0"):
            get_task("automata_in_context", **{name: (0, 2)})
    task = AutomataInContext(SMALL, strings=(2, 3), length=8)
    text = task.vocab.decode(task.sample(1, length=8).inputs[0])
    batch = task.sample(1, length=8)
    shifted = Batch(batch.inputs, batch.inputs)
    unmarked = Batch(batch.inputs[:, 1:], batch.targets[:, 1:])
    more = Batch(batch.inputs, torch.full_like(batch.targets, len(task.vocab)))
    for wrong in (shifted, unmarked, more):
        with pytest.raises(DataError, match="got some that none of its automata can generate"):
            task.surprise(wrong)
    fitting = AutomataInContext(SMALL, strings=(9, 9), length=8)
    with pytest.raises(DataError, match="none of its automata"):
        fitting.surprise(batch)  # its strings are too short
    assert "|" in text


# --- Modular arithmetic


@pytest.mark.parametrize("operation", ["+", "-", "*", "/", "x^2+xy+y^2"])
def test_equations_are_right_and_divided(operation: str) -> None:
    task = ModularTable(11, operation, training=0.6)
    results: dict[str, Callable[[int, int, int], bool]] = {
        "+": lambda a, b, c: (a + b - c) % 11 == 0,
        "-": lambda a, b, c: (a - b - c) % 11 == 0,
        "*": lambda a, b, c: (a * b - c) % 11 == 0,
        "/": lambda a, b, c: b > 0 and (b * c - a) % 11 == 0,
        "x^2+xy+y^2": lambda a, b, c: (a**2 + a * b + b**2 - c) % 11 == 0,
    }
    parts = []
    for split in (task, task.complement):
        batch = split.sample(3000).distinct()
        first, second = batch.inputs[:, 0].tolist(), batch.inputs[:, 2].tolist()
        rows = list(zip(first, second, batch.targets[:, -1].tolist(), strict=True))
        assert all(results[operation](*row) for row in rows)
        parts.append(set(rows))
        assert split.optimum == split.optimal_loss(batch) == 0
    assert len(parts[0] | parts[1]) == (110 if operation == "/" else 121)
    assert not parts[0] & parts[1]
    assert len(parts[0]) == len(task.equations) == round(0.6 * len(parts[0] | parts[1]))
    answers = Counter(row[2] for row in parts[0])
    shares = [n / len(parts[0]) for n in answers.values()]
    assert task.memoryless == pytest.approx(-sum(p * math.log(p) for p in shares))
    assert task.chance == pytest.approx(max(shares))
    assert task.memoryless_of(4) == task.memoryless
    assert task.vocab.symbols[11:] == (operation if len(operation) == 1 else "∘", "=")


def test_whole_table_of_sums_has_uniform_results() -> None:
    whole = ModularTable().whole
    assert whole.memoryless == pytest.approx(math.log(97))
    assert whole.chance == pytest.approx(1 / 97)


def test_other_equations_are_unseen() -> None:
    task = get_task("modular_table", modulus=5, training=0.7)
    assert isinstance(task, ModularTable)
    model = ElmanCharModel(task.vocab, hidden_size=32, seed=0)
    fit(model, task, epochs=150, batch_size=32, lr=0.02)
    report = evaluate(model, task, count=200)
    assert report.seen.accuracy > 0.95
    assert report.unseen.accuracy < 0.7
    assert report.task == "modular_table"
    training, held_out = task.held_out(0.4)
    assert not set(texts_of(training.sample(99))) & set(texts_of(held_out.sample(99)))
    assert ModularTable(7, seed=1).equations.inputs.ne(ModularTable(7).equations.inputs).any()


def test_impossible_tables_raise(
    assert_error: Callable[[Callable[[], object], type[Exception], str], None],
) -> None:
    assert_error(
        lambda: ModularTable(9, "/"),
        OptionError,
        "division is impossible modulo 9, which is not prime: some numbers have no inverse; "
        "choose a prime modulus",
    )
    assert_error(
        lambda: ModularTable(operation="^"),
        OptionError,
        "expected operation to be '+', '-', '*', '/' or 'x^2+xy+y^2', got '^'",
    )
    assert_error(
        lambda: ModularTable(2, training=0.1),
        OptionError,
        "cannot divide 4 equations so that 0.1 of them are for training: one part would be empty",
    )
    with pytest.raises(OptionError, match="expected modulus to be an integer from 2 to 257"):
        ModularTable(1)
    with pytest.raises(OptionError, match="expected training to be a fraction between 0 and 1"):
        ModularTable(training=1)
    with pytest.raises(OptionError, match="has no sequence of length 5: possible lengths are 4"):
        ModularTable().sample(1, length=5)
