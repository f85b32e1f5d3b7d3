"""Many texts at once, ensembles, top-k, end symbols and streams."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from seqtoys import ElmanCharModel, ElmanEnsemble, Vocab, generate, stream
from seqtoys.errors import (
    InputTypeError,
    NonFiniteLossError,
    OptionError,
    ShapeError,
    UnknownSymbolError,
)
from seqtoys.models import stepping as readers
from seqtoys.sampling import decoding as drawing
from tests.writers import (
    GRU,
    OPTIONS,
    VOCAB,
    Fixed,
    Markov,
    Recorder,
    Stepless,
    Team,
    chi_square,
    confident_model,
    pytorch_logits,
    seeded,
    softmax_top_k,
    tripled,
)

READOUT = OPTIONS["readout"]
NUM = 4000
ABC = Vocab("abc")


write: Any = generate  # untyped, as texts may be strings or lists


def elman_ensemble(options: dict[str, Any], seeds: tuple[int, ...] = (3, 4, 5)) -> ElmanEnsemble:
    return tripled(ElmanEnsemble(VOCAB, seeds, **options))


def of_ensemble(**options: Any) -> Any:
    """Generate with the replica that has the weights of the single model."""
    return write(elman_ensemble(READOUT, (8, 3)), "hi", 2, num=NUM, **options)[1]


WAYS: dict[str, Callable[..., Any]] = {
    "one model": lambda **o: generate(confident_model(READOUT), "hi", 2, num=NUM, **o),
    "its steps": lambda **o: generate(Recorder(confident_model(READOUT)), "hi", 2, num=NUM, **o),
    "an ensemble": of_ensemble,
}


@pytest.mark.usefixtures("unchecked")  # much faster
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("temperature", "top_k"), [(1, None), (0.6, 3), (2.5, 2), (2.5, None)])
def test_first_two_symbols_follow_the_softmax_of_torch_nn_rnn(
    temperature: float, top_k: int | None, way: str
) -> None:
    texts = WAYS[way](temperature=temperature, top_k=top_k, generator=seeded(1))
    counts = torch.zeros(5, 5, dtype=torch.float64)
    for text in texts:
        counts[tuple(VOCAB.encode(text))] += 1
    with torch.random.fork_rng(devices=[]):
        logits = torch.stack([pytorch_logits(confident_model(READOUT), f"hi{s}") for s in VOCAB])
    first, second = logits[0, 1], logits[:, 2]  # (symbol,), (first, second)

    def expected(heat: float, k: int) -> Tensor:
        return (
            len(texts)
            * softmax_top_k(first, heat, k).unsqueeze(-1)
            * softmax_top_k(second, heat, k)
        )

    k = top_k or 5
    assert not counts[expected(temperature, k) == 0].any()
    assert chi_square(counts, expected(temperature, k)) < 51.2  # the 99.9% point of 24 degrees
    for wrong in (0.5, 2):  # the test detects a wrong temperature
        assert chi_square(counts, expected(temperature * wrong, k)) > 70


def independence(pairs: list[str]) -> float:
    """Compute Pearson's statistic for the independence of two symbols."""
    counts = torch.zeros(5, 5, dtype=torch.float64)
    for pair in pairs:
        counts[tuple(VOCAB.encode(pair))] += 1
    return chi_square(counts, counts.sum(1, keepdim=True) * counts.sum(0) / counts.sum())


def test_texts_and_replicas_are_independent() -> None:
    texts = write(confident_model({}), "h", 1, num=NUM, generator=seeded(2))
    halves = zip(texts[::2], texts[1::2], strict=True)
    assert independence(["".join(pair) for pair in halves]) < 39.3  # 99.9%, 16 degrees
    twins = write(elman_ensemble({}, (3, 3)), "h", 1, num=NUM, generator=seeded(3))
    assert independence(["".join(pair) for pair in zip(*twins, strict=True)]) < 39.3
    assert independence(["".join(pair) for pair in zip(texts, texts, strict=True)]) > 1000


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", OPTIONS)
def test_fast_path_matches_the_step_method(
    name: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, ensemble = (
        confident_model(OPTIONS[name]).to(dtype),
        elman_ensemble(OPTIONS[name]).to(dtype),
    )
    own, team = Recorder(model), Team([Recorder(replica) for replica in ensemble])

    def texts(one: Any, many: Any) -> list[Any]:
        return [
            generate(one, "hi", 40, num=3, generator=seeded(4)),
            generate(many, "hi", 40, num=3, generator=seeded(5)),
            generate(many, "hi", 40, generator=seeded(6)),
        ]

    expected = texts(own, team)
    monkeypatch.setattr(readers, "make_reader", None)  # so that only the fast path is left
    assert texts(model, ensemble) == expected
    assert len(set(np.concatenate(list(map(np.ravel, expected))))) >= 10  # out of 3 + 9 + 3


def test_each_symbol_but_the_last_is_read_once() -> None:
    own = Recorder(confident_model(READOUT))
    team = Team([Recorder(model) for model in elman_ensemble(READOUT)])
    texts = write(own, "hel", 6, num=4)
    assert own.read == VOCAB.encode_batch([f"hel{text}" for text in texts])[:, :-1].T.tolist()
    written = write(team, "hel", 6, num=4)
    for replica, texts in zip(team.models, written, strict=True):
        read = VOCAB.encode_batch([f"hel{text}" for text in texts])[:, :-1].T
        assert replica.read == read.tolist()


def test_hooks_and_changed_weights_of_an_ensemble_take_effect() -> None:
    ensemble = elman_ensemble(READOUT)
    expected = generate(ensemble, "h", 9, num=2)
    hook = ensemble.register_forward_hook(lambda *_: None)
    assert generate(ensemble, "h", 9, num=2) == expected  # through the replicas, step by step
    hook.remove()
    with torch.no_grad():
        ensemble.get_parameter("readout.bias")[:, 1] = 100
    assert generate(ensemble, "h", 3) == ["iii"] * 3


def test_user_defined_ensemble_generates_in_evaluation_mode() -> None:
    team = Team([GRU(VOCAB), GRU(VOCAB)])
    texts = generate(team, "hi", 30, num=2, temperature=0)
    assert texts == [[generate(GRU(VOCAB).eval(), "hi", 30, temperature=0)] * 2] * 2
    assert all(model.training and model.dropout.training for model in team.models)


def test_greedy_texts_are_all_equal() -> None:
    model, ensemble = confident_model(READOUT), elman_ensemble(READOUT)
    greedy = [generate(replica, "h", 20, temperature=0) for replica in ensemble]
    assert generate(model, "h", 20, temperature=0, num=3) == [greedy[0]] * 3
    assert generate(ensemble, "h", 20, temperature=0) == greedy
    assert generate(ensemble, "h", 20, temperature=0, num=2) == [[text] * 2 for text in greedy]


def test_texts_depend_only_on_the_generator() -> None:
    model = confident_model(READOUT)
    texts = generate(model, "h", 30, num=3, generator=seeded(7))
    assert generate(model, "h", 30, num=3, generator=seeded(7)) == texts
    assert generate(model, "h", 30, num=3, generator=seeded(8)) != texts
    assert generate(model, "h", 30, num=3) == generate(model, "h", 30, num=3, generator=seeded(0))
    assert generate(model, "h", 30, num=1) == [generate(model, "h", 30)]


@pytest.mark.parametrize("block", [1, 5, 23, 100])
def test_texts_do_not_depend_on_block_size_nor_prefixes_on_length(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = confident_model(READOUT)
    texts = generate(model, "h", 60, num=2)
    monkeypatch.setattr(drawing, "_FIRST", block)
    monkeypatch.setattr(drawing, "_MOST", 3 * block)
    assert generate(model, "h", 60, num=2) == texts
    assert generate(model, "h", 17, num=2) == [text[:17] for text in texts]


def test_word_vocabularies_generate_lists() -> None:
    vocab = Vocab(["boy", "sees", "dog"])
    model, ensemble = ElmanCharModel(vocab, seed=1), ElmanEnsemble(vocab, [1, 2])
    words = generate(model, ["boy"], 3, temperature=0)
    assert generate(model, ["boy"], 3, num=2, temperature=0) == [words, words]
    assert generate(ensemble, ["boy"], 3, temperature=0)[0] == words
    assert generate(ensemble, ["boy"], 3, num=1, temperature=0)[0] == [words]
    assert generate(model, ["boy"], 0, num=2) == [[], []]


def test_length_zero_gives_empty_texts() -> None:
    assert generate(confident_model({}), "h", 0, num=2) == ["", ""]
    assert generate(elman_ensemble({}), "h", 0) == ["", "", ""]


@pytest.mark.parametrize("k", [1, 2])
def test_top_k_keeps_ties(k: int) -> None:
    model = Fixed(torch.tensor([2.0, 0.0, 2.0]))
    text = generate(model, "a", 3000, top_k=k)
    counts = torch.tensor([float(text.count(symbol)) for symbol in "ac"])
    assert counts.sum() == 3000
    assert chi_square(counts, torch.full((2,), 1500.0)) < 10.8  # the 99.9% point of 1 degree
    assert generate(model, "a", 50, top_k=k, temperature=0) == "a" * 50


def test_top_k_extremes_and_minus_infinity() -> None:
    model = confident_model({})
    assert generate(model, "h", 60, top_k=5) == generate(model, "h", 60)
    assert generate(model, "h", 60, top_k=1) == generate(model, "h", 60, temperature=0)
    assert generate(Fixed(torch.tensor([0.0, -math.inf, -math.inf])), "b", 9, top_k=2) == "a" * 9


@pytest.mark.parametrize("k", [1, 2, 3, None])
def test_nan_logits_raise_for_any_top_k(k: int | None) -> None:
    for num in (None, 2):
        with pytest.raises(NonFiniteLossError, match="got nan for new symbol 1"):
            generate(Fixed(torch.tensor([1.0, math.nan, 0.0])), "a", 2, top_k=k, num=num)


def cut(text: str, ends: str) -> str:
    """Cut a text after its first end symbol."""
    found = re.search(f"[{ends}]", text)
    return text[: found.end()] if found else text


@pytest.mark.parametrize("ends", ["o", "lo"])
def test_text_ends_at_its_first_end_symbol_or_its_length(ends: str) -> None:
    model, ensemble = confident_model(READOUT), elman_ensemble(READOUT)
    options: dict[str, Any] = {"temperature": 2.0}
    whole = write(model, "ho", 6, num=200, **options)
    stopped = write(model, "ho", 6, num=200, stop=ends, **options)
    assert stopped == [cut(text, ends) for text in whole]  # the o in the prompt is ignored
    assert {len(text) for text in stopped} >= {1, 2, 3}
    assert write(model, "ho", 6, stop=ends) == cut(write(model, "ho", 6), ends)
    by_replica = write(ensemble, "ho", 6, num=20)
    assert write(ensemble, "ho", 6, num=20, stop=list(ends)) == [
        [cut(text, ends) for text in texts] for texts in by_replica
    ]
    assert write(ensemble, "ho", 6, stop=ends) == [
        cut(text, ends) for text in write(ensemble, "ho", 6)
    ]


def test_text_without_an_end_symbol_has_the_full_length() -> None:
    model = Fixed(torch.tensor([0.0, -math.inf, 0.0]))
    assert [len(text) for text in generate(model, "b", 7, num=3, stop="b")] == [7, 7, 7]
    assert len(generate(model, "b", 7, stop="b")) == 7


def test_words_can_be_end_symbols() -> None:
    vocab = Vocab(["boy", "sees", "dog"])
    model = ElmanCharModel(vocab, seed=1)
    words = generate(model, ["dog"], 30)
    first = min(words.index("dog"), words.index("sees"))
    assert generate(model, ["dog"], 30, stop="dog") == words[: words.index("dog") + 1]
    assert generate(model, ["dog"], 30, stop=["sees", "dog"]) == words[: first + 1]


def test_generation_stops_once_all_texts_have_ended() -> None:
    own = Recorder(confident_model({}))
    texts = generate(own, "h", 10**9, num=5, stop="o")
    assert len(own.read) == max(map(len, texts)) < 1000
    lengths = {len(text) for text in texts}
    assert len(lengths) > 1


def test_nan_after_the_end_is_ignored() -> None:
    model = Markov(torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [math.nan] * 3]))
    texts = write(model, "a", 50, num=20, stop="c")
    assert all(text.endswith("c") and text.count("c") == 1 for text in texts)
    assert len(set(map(len, texts))) > 1
    with pytest.raises(NonFiniteLossError):
        write(model, "a", 50, num=20)


@pytest.mark.parametrize("prompt", ["h", "hihell"])
@pytest.mark.parametrize("options", [{}, {"temperature": 0}, {"top_k": 2, "stop": "o"}])
def test_stream_matches_generate(prompt: str, options: dict[str, Any]) -> None:
    model = confident_model(READOUT)
    text = generate(model, prompt, 50, **options)
    assert list(stream(model, prompt, 50, **options)) == list(text)
    assert "".join(stream(model, prompt, 50, generator=seeded(1), **options)) == generate(
        model, prompt, 50, generator=seeded(1), **options
    )


def test_stream_without_length_is_endless(monkeypatch: pytest.MonkeyPatch) -> None:
    model = confident_model(READOUT)
    expected = [write(model, "h", 500, temperature=heat) for heat in (1, 0)]
    monkeypatch.setattr(drawing, "_FIRST", 40)
    monkeypatch.setattr(drawing, "_MOST", 300)
    for heat, text in zip((1, 0), expected, strict=True):
        assert "".join(islice(stream(model, "h", temperature=heat), 500)) == text
    assert "".join(stream(model, "h", stop="o")) == cut(expected[0], "o")


def test_stream_reads_symbols_lazily() -> None:
    own = Recorder(confident_model({}))
    symbols = stream(own, "hel")
    assert len(own.read) == 2  # all but the last of the prompt
    text = "".join(islice(symbols, 4))
    assert own.read == [[index] for index in VOCAB.encode(f"hel{text[:3]}").tolist()]


def test_stream_restores_global_state_between_symbols() -> None:
    model, before = GRU(VOCAB), np.geterr()
    symbols = stream(model, "hi", temperature=0.5)
    text = ""
    for _ in range(20):
        text += next(symbols)
        assert model.training
        assert model.dropout.training
        assert torch.is_grad_enabled()
        assert np.geterr() == before
    assert text == generate(model, "hi", 20, temperature=0.5)


def test_stream_of_words_yields_words() -> None:
    model = ElmanCharModel(Vocab(["boy", "sees", "dog"]), seed=1)
    assert list(stream(model, ["boy"], 5)) == generate(model, ["boy"], 5)


TOP = "expected top_k to be an integer from 1 to 5, got "
NUMBER = "expected num to be a positive integer, got "
HINT = "check the weights for inf and nan, and train with a smaller lr, or clip_norm=1.0"
MODEL = ElmanCharModel(VOCAB)


def diverged() -> ElmanEnsemble:
    ensemble = elman_ensemble({})
    with torch.no_grad():
        ensemble.get_parameter("rnn.weight_hh_l0")[1].fill_(math.nan)
    return ensemble


class Headless:
    """An ensemble that can't be indexed."""

    vocab, seeds = VOCAB, (1, 2)


ERRORS: dict[str, Any] = {
    "top_k of 0": (lambda: generate(MODEL, "h", 3, top_k=0), OptionError, f"{TOP}0"),
    "top_k too large": (lambda: generate(MODEL, "h", 3, top_k=6), OptionError, f"{TOP}6"),
    "top_k of True": (lambda: generate(MODEL, "h", 3, top_k=True), OptionError, f"{TOP}True"),
    "fractional top_k": (
        lambda: generate(MODEL, "h", 3, top_k=2.5),  # type: ignore[call-overload]
        OptionError,
        f"{TOP}2.5",
    ),
    "no texts": (lambda: generate(MODEL, "h", 3, num=0), OptionError, f"{NUMBER}0"),
    "num of True": (lambda: generate(MODEL, "h", 3, num=True), OptionError, f"{NUMBER}True"),
    "an empty end": (
        lambda: generate(MODEL, "h", 3, stop=""),
        OptionError,
        "expected stop to be one or more symbols, or None, got ''",
    ),
    "an unknown end": (
        lambda: generate(MODEL, "h", 3, stop="oz"),
        UnknownSymbolError,
        "'z' at position 1 of 'oz' is not among the 5 symbols 'hielo'",
    ),
    "an unknown word": (
        lambda: generate(ElmanCharModel(Vocab(["boy", "dog"])), ["boy"], 3, stop="cat"),
        UnknownSymbolError,
        "'cat' at position 0 of ['cat'] is not among the 2 symbols ['boy', 'dog']",
    ),
    "an end of another type": (
        lambda: generate(MODEL, "h", 3, stop=4),  # type: ignore[call-overload]
        InputTypeError,
        "expected a string or a list of symbols, got 4",
    ),
    "other logits": (
        lambda: generate(Fixed(torch.zeros(4)), "a", 3, num=2),
        ShapeError,
        "expected the model to return logits of shape (batch, vocab) = (2, 3) "
        "for each symbol, got (2, 4)",
    ),
    "a replica that diverged": (
        lambda: generate(diverged(), "h", 3),
        NonFiniteLossError,
        f"expected finite logits, got nan for new symbol 1 of text 0 of replica 1; {HINT}",
    ),
    "nan in all texts": (
        lambda: generate(Markov(torch.tensor([[0.0], [math.nan]]) * torch.ones(3)), "b", 3, num=2),
        NonFiniteLossError,
        f"expected finite logits, got nan for new symbol 1 of text 0; {HINT}",
    ),
    "an ensemble without indexing": (
        lambda: write(Headless(), "h", 3),
        InputTypeError,
        "expected a torch.nn.Module, or a model with step and initial_hidden, got a Headless",
    ),
    "replicas without step": (
        lambda: generate(Team([Stepless()]), "h", 3),
        InputTypeError,
        "expected a torch.nn.Module, or a model with step and initial_hidden, got a Stepless",
    ),
    "a stream of an ensemble": (
        lambda: stream(elman_ensemble({}), "h"),
        InputTypeError,
        "expected one model to stream from, got an ensemble of 3; "
        "use a single replica, as in stream(model[0], …)",
    ),
    "a stream of a negative length": (
        lambda: stream(MODEL, "h", -1),
        OptionError,
        "expected length to be a non-negative integer, got -1",
    ),
    "a stream of nan": (
        lambda: next(stream(Fixed(torch.full((3,), math.nan)), "a")),
        NonFiniteLossError,
        f"expected finite logits, got nan for new symbol 1; {HINT}",
    ),
}
ErrorCheck = Callable[[Callable[[], object], type[Exception], str], None]


@pytest.mark.parametrize("case", ERRORS)
def test_errors_name_expected_and_actual_values(case: str, assert_error: ErrorCheck) -> None:
    assert_error(*ERRORS[case])
