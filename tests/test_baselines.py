from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqtoys import Batch, Vocab
from seqtoys.data.baselines import conditional_entropy, count_baselines
from seqtoys.models.metrics import accuracy, cross_entropy

pytestmark = pytest.mark.type_checked


def entropy_of_targets(seen: list[tuple[str, str]]) -> float:
    """Compute the conditional entropy of targets by plain counting."""
    contexts, pairs = Counter(context for context, _ in seen), Counter(seen)
    return sum(math.log(contexts[context] / pairs[context, y]) for context, y in seen) / len(seen)


@given(st.lists(st.text("abc", min_size=2, max_size=6), min_size=1, max_size=8))
def test_baselines_equal_plain_counts(texts: list[str]) -> None:
    baselines = count_baselines(Batch.from_texts(texts, Vocab("abc")), 3)
    steps = [(text[:end], text[end]) for text in texts for end in range(1, len(text))]
    assert baselines.uniform == math.log(3)
    assert baselines.full_past == pytest.approx(entropy_of_targets(steps))
    assert baselines.memoryless == pytest.approx(
        entropy_of_targets([(past[-1], y) for past, y in steps])
    )


def test_memoryless_loss_of_hihello_is_two_thirds_of_a_bit() -> None:
    baselines = count_baselines(Batch.from_texts(["hihello"], Vocab("hielo")), 5)
    assert baselines.memoryless == pytest.approx(2 / 3 * math.log(2))
    assert baselines.full_past == 0


@given(st.lists(st.tuples(st.sampled_from([0, 1, 2**62]), st.integers(0, 3)), min_size=1))
def test_conditional_entropy_of_contexts_of_any_size_equals_a_count(
    seen: list[tuple[int, int]],
) -> None:
    contexts, targets = np.array(seen).T
    expected = entropy_of_targets([(str(context), str(target)) for context, target in seen])
    assert conditional_entropy(contexts, targets) == pytest.approx(expected)
    weights = np.full(len(seen), 0.5)
    assert conditional_entropy(contexts, targets, weights) == pytest.approx(expected)


def test_metrics_ignore_unscored_positions() -> None:
    logits = torch.tensor([[[2.0, 0.0], [0.0, 3.0], [9.0, 9.0]]])
    batch = Batch(torch.tensor([[0, 0, 0]]), torch.tensor([[0, 0, -100]]))
    by_hand = (math.log(1 + math.exp(-2)) + math.log(1 + math.exp(3))) / 2
    assert cross_entropy(logits, batch).item() == pytest.approx(by_hand, rel=1e-6)
    assert accuracy(logits.argmax(-1), batch) == 0.5
