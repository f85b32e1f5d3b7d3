"""The checks that fit runs on a model's first batch, which have no side effects."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqtoys import (
    Batch,
    ElmanCharModel,
    ElmanEnsemble,
    Vocab,
    evaluate,
    fit,
    get_task,
    sweep,
)
from seqtoys.errors import InputTypeError, OptionError, ShapeError, UnknownSymbolError
from seqtoys.models.model_checks import check_model
from seqtoys.models.probing import undisturbed

VOCAB = Vocab("hielo")
TEXTS = ["hihello", "hello", "oil"]
BATCH = Batch.from_texts(TEXTS, VOCAB)
AHEAD, MIXES = "looks ahead", "mixes the sequences"

pytestmark = pytest.mark.usefixtures("unchecked")


class Net(nn.Module):
    """An embedding, a layer over the steps, and a readout."""

    def __init__(self, middle: nn.Module | None = None, width: int = 5, size: int = 8) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            self.embedding = nn.Embedding(5, 8)
            self.middle = nn.GRU(8, 8, batch_first=True) if middle is None else middle
            self.readout = nn.Linear(size, width)

    def forward(self, inputs: Tensor) -> Any:
        states = self.middle(self.embedding(inputs))
        return self.readout(states[0] if isinstance(states, tuple) else states)


def seeded(make: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        return make()


class Attention(nn.Module):
    """A transformer layer, with or without a causal mask."""

    def __init__(self, *, masked: bool) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
        self.masked = masked

    def forward(self, vectors: Tensor) -> Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(vectors.shape[1])
        result: Tensor = self.layer(vectors, mask if self.masked else None)
        return result


class Norm(nn.Module):
    """Batch normalization of each step and sequence."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(8, **options)

    def forward(self, vectors: Tensor) -> Tensor:
        return self.norm(vectors.transpose(1, 2)).transpose(1, 2)  # type: ignore[no-any-return]


class Noise(nn.Module):
    """Noise in evaluation mode, too."""

    def forward(self, vectors: Tensor) -> Tensor:
        return vectors + torch.randn_like(vectors)


class Alternating(nn.Module):
    """Alternating outputs that no seed controls."""

    calls = iter(range(10**6))

    def forward(self, vectors: Tensor) -> Tensor:
        return vectors * (1 + next(Alternating.calls) % 2)


class Blinking(nn.Module):
    """Looks ahead and returns nan."""

    def forward(self, vectors: Tensor) -> Tensor:
        return vectors.flip(1) * torch.nan


class Unlikely(nn.Module):
    """Gives some symbols a probability of 0."""

    def forward(self, inputs: Tensor) -> Tensor:
        logits = torch.zeros(*inputs.shape, 5, requires_grad=True)
        return logits.masked_fill(nn.functional.one_hot(inputs, 5).bool(), -torch.inf)


class Shift(nn.Module):
    """Reads the next step, or one further ahead."""

    def __init__(self, by: int = 1) -> None:
        super().__init__()
        self.by = by

    def forward(self, vectors: Tensor) -> Tensor:
        return vectors + vectors.roll(-self.by, 1)


class Neighbour(nn.Module):
    """Reads the next sequence of the batch."""

    def forward(self, vectors: Tensor) -> Tensor:
        return vectors + vectors.roll(-1, 0)


MODELS: dict[str, tuple[Callable[[], nn.Module], list[str]]] = {
    "a GRU": (Net, []),
    "a GRU with batch_first=False": (lambda: Net(seeded(lambda: nn.GRU(8, 8))), [MIXES]),
    "two directions": (
        lambda: Net(seeded(lambda: nn.GRU(8, 4, bidirectional=True, batch_first=True))),
        [AHEAD],
    ),
    "attention": (lambda: Net(seeded(lambda: Attention(masked=True))), []),
    "attention without a mask": (lambda: Net(seeded(lambda: Attention(masked=False))), [AHEAD]),
    "batch normalization": (lambda: Net(Norm()), []),
    "normalization by each batch": (lambda: Net(Norm(track_running_stats=False)), [AHEAD, MIXES]),
    "dropout": (lambda: Net(nn.Dropout(0.5)), []),
    "noise": (lambda: Net(Noise()), []),
    "noise and looking ahead": (lambda: Net(nn.Sequential(Noise(), Shift())), [AHEAD]),
    "different outputs at each call": (lambda: Net(Alternating()), []),
    "the next step": (lambda: Net(Shift()), [AHEAD]),
    "a step further ahead": (lambda: Net(Shift(3)), [AHEAD]),
    "the next sequence": (lambda: Net(Neighbour()), [MIXES]),
    "both": (lambda: Net(nn.Sequential(Shift(), Neighbour())), [AHEAD, MIXES]),
    "double precision": (lambda: Net().double(), []),
    "half precision": (lambda: Net(nn.Sequential()).to(torch.bfloat16), []),
    "a subclass": (lambda: Ahead(VOCAB, hidden_size=8), [AHEAD]),
    "an ensemble": (lambda: ElmanEnsemble(VOCAB, [1, 2]), []),
    "an ensemble that looks ahead": (lambda: AheadTeam(VOCAB, [1, 2]), [AHEAD]),
    "a replaced part": (lambda: replaced(nn.RNN(5, 8)), [MIXES]),
    "logits of minus infinity": (Unlikely, []),
    "nan logits": (lambda: Net(Blinking()), []),
}


class Ahead(ElmanCharModel):
    """Reads from right to left."""

    def forward(self, inputs: Tensor, hidden: Any = None) -> Any:
        logits, hidden = super().forward(inputs.flip(1), hidden)
        return logits.flip(1), hidden


class AheadTeam(ElmanEnsemble):
    """Reads from right to left."""

    def forward(self, inputs: Tensor, hidden: Any = None) -> Any:
        logits, hidden = super().forward(inputs.flip(1), hidden)
        return logits.flip(2), hidden


def replaced(rnn: nn.Module) -> nn.Module:
    model = ElmanCharModel(VOCAB, hidden_size=8)
    model.rnn = rnn  # type: ignore[assignment]
    return model


def warned(call: Callable[[], object]) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert {each.category for each in caught} <= {UserWarning}
    return [str(each.message) for each in caught]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("texts", [TEXTS, TEXTS[:1], ["hihello" * 9]], ids=["3", "1", "long"])
def test_model_that_reads_its_targets_gives_a_warning(name: str, texts: list[str]) -> None:
    make, expected = MODELS[name]
    with torch.random.fork_rng(devices=[]):
        batch = Batch.from_texts(texts, VOCAB)
        found = warned(lambda: check_model(make(), batch, symbols=5))
    assert len(found) == len(expected)
    for message, words in zip(found, expected, strict=True):
        assert words in message
        assert "check=False" in message


def test_fit_warns_once_and_names_the_class() -> None:
    model = Net(Shift())
    found = warned(lambda: fit(model, TEXTS, vocab=VOCAB, epochs=3, batch_size=1))
    assert len(found) == 1
    assert found[0].startswith("Net looks ahead: ")
    assert "a loss below the optimum is meaningless" in found[0]
    assert warned(lambda: fit(Net(Shift()), TEXTS, vocab=VOCAB, epochs=1, check=False)) == []
    with pytest.warns(UserWarning, match=MIXES):
        fit(Net(Neighbour(), width=3), get_task("dyck"), epochs=1, lengths=5)


def test_probabilities_are_not_taken_for_logits() -> None:
    layers = nn.Embedding.from_pretrained(torch.eye(5), freeze=False), nn.Softmax(-1)
    found = warned(lambda: fit(nn.Sequential(*layers), "hihello", vocab=VOCAB, epochs=1))
    assert [each.partition(":")[0] for each in found] == ["Sequential returns probabilities"]
    for others in (layers[:1], [*layers, nn.LogSoftmax(-1)]):  # one-hot vectors, and logarithms
        model = nn.Sequential(*others)
        assert warned(partial(check_model, model, BATCH, symbols=5)) == []


def test_warning_points_at_the_call(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from torch import nn\n"
        "from seqtoys import Vocab, fit\n"
        "class Ahead(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.table = nn.Embedding(5, 5)\n"
        "    def forward(self, inputs):\n"
        "        return self.table(inputs.flip(1))\n"
        "fit(Ahead(), 'hihello', vocab=Vocab('hielo'), epochs=1)\n"
    )
    ended = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert f"{script}:9: UserWarning: Ahead looks ahead: " in ended.stderr


class Counted(nn.Module):
    """Has everything a call can change: buffers, attributes, lists, generators, modes."""

    def __init__(self) -> None:
        super().__init__()
        self.net = Net(seeded(lambda: nn.Sequential(Norm(), nn.Dropout(0.3))))
        self.calls: Tensor
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
        self.register_buffer("again", self.calls)
        self.register_buffer("late", None)
        self.seen: list[int] = []
        self.names: dict[str, Any] = {}
        self.count = 0
        self.hidden: Tensor | None = None
        self.kept = torch.zeros(3)
        self.generator = torch.Generator().manual_seed(1)

    def forward(self, inputs: Tensor) -> Tensor:
        self.calls += 1
        assert self.again is self.calls
        self.seen.append(len(inputs))
        self.names["last"] = inputs
        self.count += 1
        self.hidden = inputs
        self.late = inputs
        self.made = nn.Parameter(torch.zeros(1))
        self.kept += torch.rand(3, generator=self.generator)
        if self.count == 1:  # at the first call
            self.scale = float(torch.rand(1))
        logits: Tensor = self.net(inputs)
        return logits * self.scale


def state_of(model: nn.Module) -> list[Any]:
    held = model.state_dict() | {n: v for n, v in vars(model).items() if not n.startswith("_")}
    return [
        (name, value.get_state().tolist() if isinstance(value, torch.Generator) else str(value))
        for name, value in held.items()
    ] + [part.training for part in model.modules()]


def test_check_changes_nothing() -> None:
    model = Counted()
    model.net.readout.eval()
    before, state = state_of(model), torch.get_rng_state()
    with torch.enable_grad():
        check_model(model, BATCH, symbols=5)
        assert torch.is_grad_enabled()
    assert state_of(model) == before
    assert torch.equal(torch.get_rng_state(), state)
    assert all(weight.grad is None for weight in model.parameters())


def test_check_changes_nothing_after_an_error() -> None:
    model = Counted()
    before = state_of(model)

    def fail() -> None:
        with undisturbed(model):
            model(BATCH.inputs)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert state_of(model) == before


@pytest.mark.parametrize("data", [TEXTS, BATCH], ids=["texts", "a batch"])
def test_results_are_the_same_with_and_without_the_check(data: Any) -> None:
    histories = []
    for check in (True, False):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(9)
            vocab = VOCAB if data is TEXTS else None
            model = Counted()
            history = fit(model, data, vocab=vocab, epochs=4, batch_size=2, check=check)
            histories.append((history.loss, torch.rand(1), state_of(model)))
    assert str(histories[0]) == str(histories[1])
    assert "check" not in history.settings


class Shaped(nn.Module):
    """Returns its logits with permuted axes."""

    def __init__(self, *axes: int, width: int = 5) -> None:
        super().__init__()
        self.net, self.axes = Net(width=width), axes

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.net(inputs)
        return logits.permute(self.axes)


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    ("width", "shape"), [(8, "(1, 6, 8)"), (32, "(1, 6, 32)"), (4, "(1, 6, 4)"), (1, "(1, 6, 1)")]
)
def test_logits_need_one_column_per_symbol(
    width: int, shape: str, check: bool, assert_error: Callable[..., None]
) -> None:
    assert_error(
        lambda: fit(Net(width=width), "hihello", vocab=VOCAB, check=check),
        ShapeError,
        f"expected logits of shape (1, 6, 5), got {shape}; return (batch, time, vocab), with one "
        "logit per symbol of the vocabulary",
    )
    texts = ["hihello", "hielloo", "loolihe"]
    with pytest.raises(ShapeError, match=r"expected logits of shape \(1, 6, 5\), got"):
        fit(Net(width=width), texts, vocab=VOCAB, check=check, validation=0.4, batch_size=1)


@pytest.mark.parametrize("axes", [(0, 2, 1), (1, 0, 2), (2, 0, 1), (2, 1, 0)])
@pytest.mark.parametrize("text", ["hihello", "hihell", "hiel", "hiellohiello" * 3])
@pytest.mark.parametrize("many", [1, 3, 5, 6])
def test_permuted_axes_are_detected_for_any_sizes(
    axes: tuple[int, ...], text: str, many: int
) -> None:
    """Even where time, batch and vocab happen to be equal."""
    with pytest.raises(ShapeError, match="expected logits"):
        fit(Shaped(*axes), [text] * many, vocab=VOCAB, epochs=1)


def test_width_comes_from_the_model_without_a_vocabulary() -> None:
    assert len(fit(Net(width=9), BATCH, epochs=1)) == 1
    with pytest.raises(IndexError, match="expected scored targets in 0 … 3"):
        fit(Net(width=4), BATCH, epochs=1)


def test_evaluate_and_chunks_check_the_width() -> None:
    task = get_task("dyck")
    with pytest.raises(ShapeError, match=rf"expected logits .*{len(task.vocab)}\), got .* 9\)"):
        evaluate(Net(width=9), task, count=32)
    model = StatefulNet(width=9)
    with pytest.raises(ShapeError, match=r"expected logits of shape \(1, 5, 5\), got \(1, 5, 9\)"):
        fit(model, "hihello" * 3, chunk=5, vocab=VOCAB, epochs=1)


class StatefulNet(Net):
    """Accepts its own state."""

    def forward(self, inputs: Tensor, state: Tensor | None = None) -> Any:
        states, last = self.middle(self.embedding(inputs), state)
        return self.readout(states), last

    def initial_hidden(self, batch_size: int) -> Tensor:
        return torch.zeros(1, batch_size, 8)

    def step(self, inputs: Tensor, hidden: Tensor) -> Any:
        logits, hidden = self(inputs.unsqueeze(1), hidden)
        return logits.squeeze(1), hidden


class MixingNet(StatefulNet):
    """Accepts its own state and mixes sequences."""

    def forward(self, inputs: Tensor, state: Tensor | None = None) -> Any:
        logits, state = super().forward(inputs, state)
        return logits + logits.roll(1, 0), state


@pytest.mark.parametrize("options", [{"stepwise": True}, {"chunk": 5, "batch_size": 2}])
def test_chunks_and_steps_are_checked(options: dict[str, Any]) -> None:
    text = "hihello" * 5
    assert warned(lambda: fit(StatefulNet(), text, vocab=VOCAB, epochs=1, **options)) == []
    found = warned(lambda: fit(MixingNet(), text, vocab=VOCAB, epochs=1, **options))
    assert [MIXES in message for message in found] == [True]


class FixedSize(nn.Module):
    """Accepts only one batch size or a limited number of steps."""

    def __init__(self, rows: int = 0, steps: int = 0, most: int = 10**6) -> None:
        super().__init__()
        self.net, self.rows, self.steps, self.most = Net(Shift()), rows, steps, most

    def forward(self, inputs: Tensor) -> Tensor:
        fits = len(inputs) == (self.rows or len(inputs))
        if not fits or inputs.shape[1] != (self.steps or inputs.shape[1]):
            raise RuntimeError("another size")
        if inputs.shape[1] > self.most:
            raise RuntimeError("too long")
        logits: Tensor = self.net(inputs)
        return logits


def test_model_with_fixed_sizes_trains_unchecked() -> None:
    for model in (FixedSize(rows=1), FixedSize(steps=34)):
        assert warned(partial(fit, model, "hihello" * 5, vocab=VOCAB, epochs=2)) == []
    found = warned(lambda: fit(FixedSize(most=6), "hihello", vocab=VOCAB, epochs=1))
    assert [AHEAD in message for message in found] == [True]
    with pytest.raises(RuntimeError, match="too long"):  # raised by the training itself
        fit(FixedSize(most=5), "hihello", vocab=VOCAB, epochs=1)


@pytest.mark.parametrize("text", ["hi", "hh", "hhhhhh"])
def test_short_or_constant_sequences_are_checked_where_possible(text: str) -> None:
    assert warned(lambda: fit(Net(), text, vocab=VOCAB, epochs=1)) == []
    found = warned(lambda: fit(Net(Neighbour()), text, vocab=VOCAB, epochs=1))
    assert [MIXES in message for message in found] == [True]


def test_check_accepts_integer_logits() -> None:
    class Counting(Net):
        def forward(self, inputs: Tensor) -> Any:
            return super().forward(inputs).long()

    check_model(Counting(), BATCH, symbols=5)


def test_check_skips_the_librarys_own_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqtoys.models.model_checks.run_model", None)
    for model in (
        ElmanCharModel(VOCAB, embedding_size=2, num_layers=2),
        ElmanEnsemble(VOCAB, [1]),
    ):
        assert len(fit(model, TEXTS, epochs=1)) == 1


def test_sweep_can_disable_the_check() -> None:
    def make(vocab: Vocab, seed: int) -> nn.Module:
        return Ahead(vocab, seed=seed)

    options: dict[str, Any] = {"grid": {"lr": [0.1]}, "seeds": [1], "epochs": 1}
    assert warned(lambda: sweep(make, TEXTS, vocab=VOCAB, check=False, **options)) == []


@pytest.mark.parametrize("check", [None, 1, "no"])
def test_check_must_be_a_bool(check: Any) -> None:
    with pytest.raises(InputTypeError, match="expected check to be True or False, got"):
        fit(ElmanCharModel(VOCAB), "hihello", check=check)


GRAD_MODES: dict[str, Callable[[], Any]] = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "set_grad_enabled": lambda: torch.set_grad_enabled(False),
}
KINDS: dict[str, Callable[[], nn.Module]] = {
    "one layer": lambda: ElmanCharModel(VOCAB, seed=3),
    "an embedding": lambda: ElmanCharModel(VOCAB, embedding_size=2, seed=3),
    "an ensemble": lambda: ElmanEnsemble(VOCAB, [1, 2], num_layers=2),
    "a module": Net,
}


@pytest.mark.parametrize("mode", GRAD_MODES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "options", [{}, {"validation": 0.4}, {"batch_size": 2, "clip_norm": 1.0}], ids=str
)
def test_fit_computes_gradients_in_any_grad_mode(
    kind: str, mode: str, options: dict[str, Any]
) -> None:
    plain, surrounded = KINDS[kind](), KINDS[kind]()
    expected = fit(plain, TEXTS, vocab=VOCAB, epochs=3, **options)
    with GRAD_MODES[mode]():
        batch = Batch.from_texts(TEXTS, VOCAB)
        assert batch.inputs.is_inference() == (mode == "inference_mode")
        modes = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
        history = fit(surrounded, batch, vocab=VOCAB, epochs=3, **options)
        assert modes == (torch.is_grad_enabled(), torch.is_inference_mode_enabled())
    assert torch.equal(torch.as_tensor(history.loss), torch.as_tensor(expected.loss))
    for got, weight in zip(surrounded.parameters(), plain.parameters(), strict=True):
        assert torch.equal(got, weight)
        assert not got.is_inference()


@pytest.mark.parametrize("name", ["reber", "dyck", "parity", "bucket_sort", "associative_recall"])
def test_tasks_made_in_inference_mode_can_be_learned(name: str) -> None:
    expected = fit(ElmanCharModel(get_task(name).vocab, num_layers=2), get_task(name), epochs=2)
    model = ElmanCharModel(get_task(name).vocab, num_layers=2)
    with torch.inference_mode():
        task = get_task(name)
        history = fit(model, task, epochs=2, validation=None)
        assert evaluate(model, task, count=32).seen.loss > 0
    assert history.loss == expected.loss


def test_weights_made_in_inference_mode_raise() -> None:
    with torch.inference_mode():
        made = [ElmanCharModel(VOCAB), ElmanEnsemble(VOCAB, [1]), Net()]
    for model in made:
        with pytest.raises(OptionError, match=r"created outside torch.inference_mode\(\)"):
            fit(model, TEXTS, vocab=VOCAB)


def test_sweep_trains_in_inference_mode() -> None:
    options: dict[str, Any] = {"grid": {"num_layers": [1, 2]}, "seeds": [1, 2], "epochs": 3}
    expected = sweep(ElmanEnsemble, TEXTS, vocab=VOCAB, **options)
    with torch.inference_mode():
        found = sweep(ElmanEnsemble, TEXTS, vocab=VOCAB, **options)
        assert torch.is_inference_mode_enabled()
    assert [row.loss for row in found.rows] == [row.loss for row in expected.rows]
    assert all(row.error is None for row in found.rows)


def test_unknown_symbol_raises_before_the_check() -> None:
    with pytest.raises(UnknownSymbolError):
        fit(Net(), "world", vocab=VOCAB)
