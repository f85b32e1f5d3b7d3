from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from seqtoys import ElmanCharModel, Vocab, fit, generate
from seqtoys.errors import (
    DataError,
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
    Recorder,
    Stepless,
    chi_square,
    confident_model,
    pytorch_logits,
    seeded,
    softmax_top_k,
)


def test_greedy_generation_reproduces_the_memorized_text() -> None:
    model = ElmanCharModel(VOCAB, seed=777)
    fit(model, "hihello", epochs=100, lr=0.05)
    assert generate(model, "h", 6, temperature=0) == "ihello"
    assert generate(model, "hih", 4, temperature=0.0) == "ello"
    assert generate(model, "h", 6, temperature=5e-324) == "ihello"
    assert len(generate(model, "h", 6, temperature=2**64)) == 6


@pytest.mark.parametrize(("temperature", "top_k"), [(0.6, None), (1, None), (2.5, None), (1.5, 3)])
def test_each_symbol_of_a_long_text_follows_the_softmax_of_torch_nn_rnn(
    temperature: float, top_k: int | None
) -> None:
    model = confident_model(OPTIONS["readout"])
    text = generate(model, "hi", 20_000, temperature=temperature, top_k=top_k, generator=seeded(2))
    assert isinstance(text, str)
    with torch.random.fork_rng(devices=[]):
        logits = pytorch_logits(model, f"hi{text}")[1:-1]  # before each new symbol
    drawn = VOCAB.one_hot(text).double()
    before = VOCAB.one_hot(f"i{text[:-1]}").double()

    def surprise(heat: float, k: int) -> float:
        return chi_square(
            before.T @ drawn, before.T @ softmax_top_k(logits, heat, k)
        )  # (before, drawn)

    k = top_k or 5
    assert surprise(temperature, k) < 51.2  # the 99.9% point of 24 degrees
    for wrong in ((temperature * 0.8, k), (temperature * 1.25, k), (temperature, 4)):
        assert surprise(*wrong) > 70


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("temperature", [0, 0.5, 1])
@pytest.mark.parametrize("name", OPTIONS)
def test_fast_path_matches_the_step_method(
    name: str, temperature: float, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = confident_model(OPTIONS[name]).to(dtype)
    own = Recorder(model)
    expected = generate(own, "hi", 200, temperature=temperature, generator=seeded(4))
    monkeypatch.setattr(readers, "make_reader", None)  # so that only the fast path is left
    assert generate(model, "hi", 200, temperature=temperature, generator=seeded(4)) == expected
    assert len(set(expected)) > 1 or not temperature
    # Each symbol but the last is read once.
    assert own.read == VOCAB.encode(f"hi{expected}")[:-1].unsqueeze(1).tolist()


def test_hooks_and_a_replaced_step_take_effect() -> None:
    model = confident_model(OPTIONS["readout"])
    expected = generate(model, "h", 9)
    calls: list[object] = []
    assert model.readout is not None
    for part in (model, model.rnn, model.readout):
        for register in (part.register_forward_pre_hook, part.register_forward_hook):
            hook = register(lambda *_: calls.append(0))
            counts = []
            for way in (model, Recorder(model)):
                calls.clear()
                assert generate(way, "h", 9) == expected
                counts.append(len(calls))
            assert counts[0] == counts[1]  # as many calls as the model's own steps make
            hook.remove()
    assert counts == [9, 9]
    model.step = Recorder(model).step  # type: ignore[method-assign, assignment]
    model.step.__self__.model = confident_model(OPTIONS["readout"])  # type: ignore[attr-defined]
    assert generate(model, "h", 9) == expected
    assert len(model.step.__self__.read) == 9  # type: ignore[attr-defined]


def test_parametrized_parts_use_their_parametrization() -> None:
    model, plain = confident_model(OPTIONS["readout"]), confident_model(OPTIONS["readout"])
    assert model.readout is not None
    assert plain.readout is not None
    with torch.random.fork_rng(devices=[]):
        spectral_norm(model.readout).eval()
    with torch.no_grad():
        plain.readout.weight.copy_(model.readout.weight)
    assert generate(model, "h", 50) == generate(plain, "h", 50)


class Tempered(nn.Linear):
    """A user's readout that rescales its logits."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input) / 2


def test_replaced_part_is_called() -> None:
    model, plain = confident_model(OPTIONS["readout"]), confident_model(OPTIONS["readout"])
    assert plain.readout is not None
    with torch.random.fork_rng(devices=[]):
        model.readout = Tempered(7, 5)
    model.readout.load_state_dict(plain.readout.state_dict())
    assert generate(model, "h", 50) == generate(plain, "h", 50, temperature=2)
    assert generate(model, "h", 50) != generate(plain, "h", 50)


def test_half_precision_model_generates() -> None:
    model = confident_model(OPTIONS["readout"])
    text = generate(model.to(torch.bfloat16), "hihell", 20)
    assert len(text) == 20


def test_user_defined_module_generates_in_evaluation_mode() -> None:
    model = GRU(VOCAB)
    text = generate(model, "hi", 40, temperature=0.5)
    assert model.training
    assert model.dropout.training
    assert text == generate(model.eval(), "hi", 40, temperature=0.5)
    assert not model.training
    hidden, greedy = model.initial_hidden(1), ""
    with torch.no_grad():
        for symbol in "hi":
            logits, hidden = model.step(VOCAB.encode(symbol), hidden)
        while len(greedy) < 9:
            greedy += VOCAB.symbols[logits.argmax()]
            logits, hidden = model.step(VOCAB.encode(greedy[-1]), hidden)
    assert generate(model, "hi", 9, temperature=0) == greedy


def test_word_vocabulary_generates_a_list() -> None:
    vocab = Vocab(["boy", "sees", "dog"])
    model = ElmanCharModel(vocab, seed=1)
    words = generate(model, ["boy"], 3, temperature=0)
    predicted = model.predict(["boy", *words])
    assert words == predicted[:-1]
    assert isinstance(words, list)
    assert generate(model, ["boy"], 0) == []


def test_length_zero_gives_an_empty_text() -> None:
    generator = seeded(6)
    before = generator.get_state()
    assert generate(confident_model({}), "h", 0, generator=generator) == ""
    assert torch.equal(generator.get_state(), before)


def test_text_depends_only_on_the_generator() -> None:
    model = confident_model(OPTIONS["readout"])
    text = generate(model, "h", 60, generator=seeded(7))
    assert generate(model, "h", 60, generator=seeded(7)) == text
    assert generate(model, "h", 60, generator=seeded(8)) != text
    assert generate(model, "h", 60) == generate(model, "h", 60, generator=seeded(0))
    generator = seeded(9)
    assert generate(model, "h", 60, generator=generator) != generate(
        model, "h", 60, generator=generator
    )
    before = generator.get_state()
    generate(model, "h", 60, temperature=0, generator=generator)
    assert torch.equal(generator.get_state(), before)  # greedy generation draws nothing


@pytest.mark.parametrize("block", [1, 5, 23, 100])
def test_text_does_not_depend_on_block_size_nor_its_prefix_on_length(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = confident_model(OPTIONS["readout"])
    text = generate(model, "h", 60)
    monkeypatch.setattr(drawing, "_FIRST", block)
    monkeypatch.setattr(drawing, "_MOST", 3 * block)
    assert generate(model, "h", 60) == text
    assert generate(model, "h", 17) == text[:17]


def test_generation_leaves_the_model_unchanged() -> None:
    model = confident_model(OPTIONS["all"])
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    generate(model, "hihell", 20)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert model.training


def test_huge_temperature_is_uniform() -> None:
    text = generate(Fixed(torch.tensor([0.0, 50.0, -50.0])), "a", 3000, temperature=10**400)
    counts = torch.tensor([float(text.count(symbol)) for symbol in "abc"])
    assert chi_square(counts, torch.full((3,), 1000.0)) < 13.8  # the 99.9% point of 2 degrees


def test_logit_of_minus_infinity_is_never_drawn() -> None:
    model = Fixed(torch.tensor([0.0, -math.inf, 0.0]))
    assert set(generate(model, "b", 200)) == {"a", "c"}
    assert generate(model, "b", 3, temperature=0) == "aaa"


def test_vocabulary_of_one_symbol_generates_only_that_symbol() -> None:
    assert generate(ElmanCharModel(Vocab("a")), "a", 5) == "aaaaa"


def broken(value: float, **options: Any) -> ElmanCharModel:
    model = ElmanCharModel(VOCAB, **options)
    with torch.no_grad():
        model.rnn.get_parameter("weight_hh_l0").fill_(value)
    return model


MODEL = ElmanCharModel(VOCAB)
HINT = "check the weights for inf and nan, and train with a smaller lr, or clip_norm=1.0"
LENGTH = "expected length to be a non-negative integer, got "
HOT = "expected temperature to be a finite number of at least 0, got "
HEAT = "; 0 picks the likeliest symbol, 1 samples from the probabilities of the model"
ErrorCheck = Callable[[Callable[[], object], type[Exception], str], None]
ERRORS: dict[str, Any] = {
    "no prompt": (
        lambda: generate(MODEL, "", 3),
        DataError,
        "expected a prompt of at least one symbol, got ''; "
        "start with a symbol of the vocabulary, such as 'h'",
    ),
    "no words": (
        lambda: generate(ElmanCharModel(Vocab(["boy", "dog"])), [], 3),
        DataError,
        "expected a prompt of at least one symbol, got []; "
        "start with a symbol of the vocabulary, such as 'boy'",
    ),
    "unknown symbol": (
        lambda: generate(MODEL, "hiz", 3),
        UnknownSymbolError,
        "'z' at position 2 of 'hiz' is not among the 5 symbols 'hielo'",
    ),
    "no sequence": (
        lambda: generate(MODEL, 3, 3),  # type: ignore[call-overload]
        InputTypeError,
        "expected a string or a list of symbols, got 3",
    ),
    "negative length": (lambda: generate(MODEL, "h", -1), OptionError, f"{LENGTH}-1"),
    "fractional length": (
        lambda: generate(MODEL, "h", 2.5),  # type: ignore[call-overload]
        OptionError,
        f"{LENGTH}2.5",
    ),
    "length of True": (lambda: generate(MODEL, "h", True), OptionError, f"{LENGTH}True"),
    "negative temperature": (
        lambda: generate(MODEL, "h", 3, temperature=-0.5),
        OptionError,
        f"{HOT}-0.5{HEAT}",
    ),
    "nan temperature": (
        lambda: generate(MODEL, "h", 3, temperature=math.nan),
        OptionError,
        f"{HOT}nan{HEAT}",
    ),
    "infinite temperature": (
        lambda: generate(MODEL, "h", 3, temperature=math.inf),
        OptionError,
        f"{HOT}inf{HEAT}",
    ),
    "temperature as a string": (
        lambda: generate(MODEL, "h", 3, temperature="hot"),  # type: ignore[call-overload]
        OptionError,
        f"{HOT}'hot'{HEAT}",
    ),
    "temperature of True": (
        lambda: generate(MODEL, "h", 3, temperature=True),
        OptionError,
        f"{HOT}True{HEAT}",
    ),
    "a seed for a generator": (
        lambda: generate(MODEL, "h", 3, generator=7),  # type: ignore[call-overload]
        OptionError,
        "expected generator to be a torch.Generator or None, got 7; "
        "torch.Generator().manual_seed(0) creates one",
    ),
    "no steps": (
        lambda: generate(Stepless(), "h", 3),  # type: ignore[call-overload]
        InputTypeError,
        "expected a torch.nn.Module, or a model with step and initial_hidden, got a Stepless",
    ),
    "no vocabulary": (
        lambda: generate(GRU("hielo"), "h", 3),  # type: ignore[arg-type]
        OptionError,
        "expected a vocabulary, because the vocab of GRU is 'hielo'; pass vocab=…",
    ),
    "other logits": (
        lambda: generate(Fixed(torch.zeros(4)), "a", 3),
        ShapeError,
        "expected the model to return logits of shape (batch, vocab) = (1, 3) "
        "for each symbol, got (1, 4)",
    ),
    "nan in the weights": (
        lambda: generate(broken(math.nan), "h", 3),
        NonFiniteLossError,
        f"expected finite logits, got nan for new symbol 1; {HINT}",
    ),
    "a state that grows": (
        lambda: generate(broken(1e20, nonlinearity="relu"), "h", 9, temperature=0),
        NonFiniteLossError,
        f"expected finite logits, got inf for new symbol 3; {HINT}",
    ),
    "nan in a user-defined model": (
        lambda: generate(Recorder(broken(math.nan)), "h", 3),
        NonFiniteLossError,
        f"expected finite logits, got nan for new symbol 1; {HINT}",
    ),
    "nothing to draw": (
        lambda: generate(Fixed(torch.full((3,), -math.inf)), "a", 3),
        NonFiniteLossError,
        f"expected finite logits, got -inf for new symbol 1; {HINT}",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_name_expected_and_actual_values(case: str, assert_error: ErrorCheck) -> None:
    assert_error(*ERRORS[case])


def test_training_mode_is_restored_after_an_error() -> None:
    model = GRU(VOCAB)
    with torch.no_grad():
        model.readout.bias.fill_(math.nan)
    with pytest.raises(NonFiniteLossError):
        generate(model, "h", 3)
    assert model.training


def test_huge_length_raises() -> None:
    with pytest.raises(OptionError, match=r"expected length to be at most 1,000,000,000, got 10+"):
        generate(ElmanCharModel(Vocab("ab")), "a", 10**18)


def test_more_text_than_memory_raises(assert_error: Any) -> None:
    model = ElmanCharModel(Vocab("hielo"))
    with pytest.raises(OptionError, match="not enough memory for 1,000,000,000,000 texts"):
        generate(model, "h", 5, num=10**12)
