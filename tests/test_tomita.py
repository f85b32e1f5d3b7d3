from __future__ import annotations

import math
import re
from collections import Counter
from itertools import product

import pytest
import torch

from seqtoys.errors import OptionError
from seqtoys.support.randomness import seeded_generator
from seqtoys.tasks.tomita import Tomita

NUMBERS = range(1, 8)


def is_member(number: int, text: str) -> bool:
    """Test membership by regular expressions and counts, as stated in papers."""
    zeros, ones = text.count("0"), text.count("1")
    if number == 3:
        runs = [(run[0], len(run) % 2) for run in re.findall("0+|1+", text)]
        odd = [symbol for symbol, is_odd in runs if is_odd]
        return "1" not in odd or "0" not in odd[odd.index("1") :]
    return {
        1: zeros == 0,
        2: text == "10" * (len(text) // 2),
        4: "000" not in text,
        5: zeros % 2 == 0 and ones % 2 == 0,
        6: (zeros - ones) % 3 == 0,
        7: re.fullmatch("0*1*0*1*", text) is not None,
    }[number]


def strings(length: int) -> list[str]:
    return ["".join(bits) for bits in product("01", repeat=length)]


def draw(task: Tomita, count: int, length: int) -> list[tuple[str, str]]:
    """Draw strings with their answers."""
    batch = task.sample(count, length=length, generator=seeded_generator(1))
    assert (batch.inputs[:, -1] == 2).all()
    assert not batch.scored[:, :-1].any()
    texts, answers = task.vocab.decode(batch.inputs[:, :-1]), batch.targets[:, -1]
    return [(str(text), str(answer)) for text, answer in zip(texts, answers.tolist(), strict=True)]


@pytest.mark.parametrize("number", NUMBERS)
def test_answers_match_the_published_definition_for_all_short_strings(number: int) -> None:
    task = Tomita(number)
    for length in range(1, 11):
        texts = strings(length)
        answers = task.answer(task.vocab.encode_batch(texts)).flatten().tolist()
        assert answers == [is_member(number, text) for text in texts]


@pytest.mark.parametrize("number", NUMBERS)
def test_class_balance_matches_a_count_of_all_strings(number: int) -> None:
    for length in range(1, 11):
        members = sum(is_member(number, text) for text in strings(length))
        balance = Tomita(number).class_balance(length)
        assert balance.members == members / 2**length
        assert balance.drawn == (0.5 if 0 < members < 2**length else members > 0)


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("length", [1, 5, 7, 20, 500])
def test_samples_are_labeled_correctly_and_balanced(number: int, length: int) -> None:
    task, count = Tomita(number), 1000
    drawn = draw(task, count, length)
    assert all(answer == str(int(is_member(number, text))) for text, answer in drawn)
    fraction = task.class_balance(length).drawn
    members = sum(answer == "1" for _, answer in drawn)
    assert abs(members - fraction * count) <= 4 * math.sqrt(count * fraction * (1 - fraction))


@pytest.mark.parametrize("number", NUMBERS)
def test_strings_of_a_class_are_equally_likely(number: int) -> None:
    task, length, count = Tomita(number), 7, 40_000
    drawn = Counter(text for text, _ in draw(task, count, length))
    for kind in (False, True):
        members = [text for text in strings(length) if is_member(number, text) is kind]
        fraction = (
            task.class_balance(length).drawn if kind else 1 - task.class_balance(length).drawn
        )
        if members:
            expected = fraction * count / len(members)
            chi_squared = sum((drawn[text] - expected) ** 2 / expected for text in members)
            freedom = len(members)  # one more than usual: the class total is random, too
            assert abs(chi_squared - freedom) < 5 * math.sqrt(2 * freedom) + 5
    if number == 2:  # no string of odd length is a member
        assert {answer for _, answer in draw(task, 100, length)} == {"0"}


@pytest.mark.parametrize("number", NUMBERS)
def test_losses_and_chance_match_counts(number: int) -> None:
    task, generator, rounds = Tomita(number), seeded_generator(2), 1500
    fractions = [
        task.sample(32, generator=generator).targets[:, -1].double().mean().item()
        for _ in range(rounds)
    ]
    mean = sum(fractions) / rounds
    error = math.sqrt(sum((fraction - mean) ** 2 for fraction in fractions)) / rounds
    fraction = task.chance if mean > 0.5 else 1 - task.chance
    assert abs(mean - fraction) < 4 * error
    entropy = -sum(s * math.log(s) for s in (task.chance, 1 - task.chance))
    assert task.memoryless == pytest.approx(entropy)
    assert task.memoryless.is_exact
    assert task.optimum == task.optimal_loss(task.sample(2)) == 0


def test_known_class_fractions() -> None:
    assert Tomita(1).class_balance(10).members == 2**-10
    assert [Tomita(4).class_balance(n).members * 2**n for n in (3, 4, 5, 6)] == [7, 13, 24, 44]
    assert Tomita(1).memoryless == pytest.approx(math.log(2))
    assert Tomita(5).chance == 0.75  # no member of odd length


def test_same_seed_gives_same_batch() -> None:
    first, again, other = (
        Tomita(4).sample(8, length=9, generator=seeded_generator(seed)).inputs
        for seed in (5, 5, 6)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_impossible_options_raise() -> None:
    with pytest.raises(OptionError, match="expected number to be an integer from 1 to 7, got 8"):
        Tomita(8)
    with pytest.raises(OptionError, match="an integer from 1 to 10,000, got 0"):
        Tomita(1).class_balance(0)
