"""Properties of every generated text, whatever the model, prompt and options."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtoys import ElmanEnsemble, generate, stream
from tests.writers import OPTIONS, VOCAB, confident_model, pytorch_logits, seeded, tripled

PROMPTS = st.text("hielo", min_size=1, max_size=8)
SEEDS = st.integers(0, 2**63 - 1)
DRAWS = st.fixed_dictionaries(
    {
        "temperature": st.sampled_from([0, 0.3, 1, 2.5]),
        "top_k": st.none() | st.integers(1, 5),
        "stop": st.none() | st.text("hielo", min_size=1, max_size=3),
    }
)


@settings(max_examples=60)
@given(PROMPTS, st.integers(0, 30), st.integers(1, 4), DRAWS, SEEDS)
def test_each_symbol_is_allowed_by_torch_nn_rnn_and_the_options(
    prompt: str, length: int, num: int, options: dict[str, Any], seed: int
) -> None:
    model = confident_model(OPTIONS["readout"])
    texts = generate(model, prompt, length, num=num, generator=seeded(seed), **options)
    likeliest = 1 if options["temperature"] == 0 else options["top_k"] or 5
    ends = options["stop"] or ""
    assert len(texts) == num
    for text in texts:
        assert isinstance(text, str)
        assert not set(text[:-1]) & set(ends)
        assert len(text) == length or (len(text) < length and text[-1] in ends)
        with torch.random.fork_rng(devices=[]):
            logits = pytorch_logits(model, f"{prompt}{text}")[len(prompt) - 1 : -1]
        threshold = logits.topk(likeliest).values[:, -1]  # (symbols,)
        drawn = logits.gather(1, VOCAB.encode(text).unsqueeze(1)).squeeze(1)  # (symbols,)
        assert (drawn > threshold - 1e-5).all()


@settings(max_examples=60)
@given(st.sampled_from(sorted(OPTIONS)), PROMPTS, st.integers(0, 40), DRAWS, SEEDS)
def test_stream_matches_generate_and_shorter_texts_are_prefixes(
    name: str, prompt: str, length: int, options: dict[str, Any], seed: int
) -> None:
    model = confident_model(OPTIONS[name])
    before = torch.get_rng_state()
    text = generate(model, prompt, length, generator=seeded(seed), **options)
    assert "".join(stream(model, prompt, length, generator=seeded(seed), **options)) == text
    for shorter in {0, length // 3, max(length - 1, 0)}:
        prefix = generate(model, prompt, shorter, generator=seeded(seed), **options)
        assert prefix == text[:shorter]
    assert torch.get_rng_state().equal(before)


@settings(max_examples=30)
@given(st.sampled_from(sorted(OPTIONS)), PROMPTS, st.integers(0, 20))
def test_replica_generates_like_its_model_alone(name: str, prompt: str, length: int) -> None:
    ensemble = tripled(ElmanEnsemble(VOCAB, [3, 5], **OPTIONS[name]))
    alone = [generate(ensemble[replica], prompt, length, temperature=0) for replica in (0, 1)]
    assert generate(ensemble, prompt, length, temperature=0) == alone
