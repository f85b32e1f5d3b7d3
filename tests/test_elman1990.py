"""Elman's four simulations: their rules, checked on strings, and his numbers."""

from __future__ import annotations

import math
import re

import pytest

from seqtoys import Automaton, ElmanCharModel, fit
from seqtoys.errors import DataError
from seqtoys.tasks.elman1990 import (
    CLASSES,
    LEXICON,
    TEMPLATES,
    letters,
    onsets,
    sentences,
    temporal_xor,
    word_boundaries,
)


def streams(task: Automaton, length: int, count: int = 20) -> list[list[str]]:
    batch = task.sample(count, length=length)
    symbols = task.vocab.symbols
    return [
        [symbols[i] for i in [*row, targets[-1]]]
        for row, targets in zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True)
    ]


def test_every_third_bit_is_the_xor_of_the_two_before() -> None:
    ones = 0
    for stream in streams(temporal_xor(), 299):
        bits = [int(bit) for bit in stream]
        assert bits[2::3] == [a ^ b for a, b in zip(bits[::3], bits[1::3], strict=True)]
        ones += sum(bits)
    assert abs(ones / 6000 - 0.5) < 0.05
    assert temporal_xor().optimum == pytest.approx(2 / 3 * math.log(2))
    assert temporal_xor().memoryless == pytest.approx(math.log(2))
    assert temporal_xor().best_accuracy == pytest.approx(2 / 3)


def test_consonants_determine_their_vowels() -> None:
    for stream in streams(letters(), 200):
        assert re.fullmatch(r"(ba|dii|guuu)*(b|di?|gu{0,2})?", "".join(stream))
    assert letters().optimum == pytest.approx(math.log(3) / 3)
    assert letters().best_accuracy == pytest.approx(7 / 9)


def test_words_are_concatenated_without_boundaries() -> None:
    task = word_boundaries()
    words = "|".join(LEXICON)
    for stream in streams(task, 150):
        text = "".join(stream)
        whole = re.match(rf"({words})*", text)
        assert whole is not None
        rest = text[whole.end() :]
        assert any(word.startswith(rest) for word in LEXICON)
    mean = sum(map(len, LEXICON)) / len(LEXICON)
    assert task.optimum == pytest.approx(math.log(len(LEXICON)) / mean)
    with pytest.raises(DataError, match="no string to be a prefix of another"):
        word_boundaries(["the", "they"])


@pytest.mark.usefixtures("untraced")
def test_loss_peaks_at_word_onsets() -> None:
    task = word_boundaries(["cat", "dog", "owl"])
    model = ElmanCharModel(task.vocab, hidden_size=20, seed=0)
    fit(model, task, epochs=300, lr=0.02)
    batch = task.sample(20, length=60)
    logits = model(batch.inputs)[0].log_softmax(-1)
    losses = -logits.gather(2, batch.targets.clamp(min=0).unsqueeze(2)).squeeze(2)
    at = onsets(task, batch)
    assert abs(losses[at].mean().item() - math.log(3)) < 0.1
    assert losses[~at].mean().item() < 0.1


def test_sentences_follow_the_templates() -> None:
    task = sentences()
    assert len({word for words in CLASSES.values() for word in words}) == 29
    assert len(TEMPLATES) == 16
    for stream in streams(task, 80):
        for sentence in " ".join(stream).split(" . ")[:-1]:
            words = sentence.removesuffix(" .").split()
            assert any(
                len(words) == len(parts)
                and all(word in CLASSES[part] for word, part in zip(words, parts, strict=True))
                for parts in TEMPLATES
            )
    chances: dict[tuple[str, ...], float] = {}
    for parts in TEMPLATES:
        count = math.prod(len(CLASSES[part]) for part in parts)
        options: list[tuple[str, ...]] = [()]
        for part in parts:
            options = [(*before, word) for before in options for word in CLASSES[part]]
        for option in options:
            chances[option] = chances.get(option, 0.0) + 1 / 16 / count
    entropy = -sum(p * math.log(p) for p in chances.values())
    mean = sum(p * (len(words) + 1) for words, p in chances.items())
    assert task.optimum == pytest.approx(entropy / mean)
