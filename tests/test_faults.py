"""Robustness: Ctrl-C anywhere, threads, non-finite numbers, unusual texts, no network."""

from __future__ import annotations

import copy
import math
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from seqtoys import Batch, ElmanCharModel, ElmanEnsemble, Vocab, fit, generate, load, save
from seqtoys.errors import NonFiniteLossError, OptionError, UnknownSymbolError
from seqtoys.models import GRUCharModel, TransformerCharModel
from tests.pressing import pressed_at_line, spread
from tests.soak import open_files, soak, soak_architectures

VOCAB = Vocab("hielo")
TEXTS = st.lists(st.text("hielo", min_size=2, max_size=6), min_size=1, max_size=4)


def weights_of(model: nn.Module) -> list[Tensor]:
    return [weight.detach().clone() for weight in model.parameters()]


@pytest.mark.usefixtures("unchecked", "patient")
@pytest.mark.parametrize("layers", [1, 2])  # hand-written gradients, and autograd
def test_ctrl_c_anywhere_in_fit_leaves_complete_updates(layers: int, tmp_path: Path) -> None:
    options: dict[str, Any] = {"hidden_size": 3, "num_layers": layers, "seed": 5}
    after = []  # the weights after each number of updates
    for updates in range(5):
        oracle = ElmanCharModel(VOCAB, **options)
        if updates:
            fit(oracle, "hihello", epochs=updates)
        after.append(weights_of(oracle))
    reasons = set()

    def interrupted(number: int) -> int:
        model = ElmanCharModel(VOCAB, **options).eval()
        with pressed_at_line(number) as lines:
            try:
                history = fit(model, "hihello", epochs=4)
            except KeyboardInterrupt:  # before the first update or after the last
                history = None
        found = weights_of(model)
        updates = [n for n, each in enumerate(after) if all(map(torch.equal, each, found))]
        assert updates
        if history is not None:
            assert updates == [len(history)]
            reasons.add(history.stopped)
        assert not model.training
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        return lines[0]

    for number in spread(interrupted, places=60):
        interrupted(number)
    assert reasons == {"interrupted", "epochs"}


# Ctrl-C between `open` and `with` leaves a file for the garbage collector to close.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("unchecked")
def test_ctrl_c_anywhere_in_save_leaves_the_old_or_the_new_file(tmp_path: Path) -> None:
    path, models = tmp_path / "model", [ElmanCharModel(VOCAB, seed=seed) for seed in (1, 2)]
    kinds = set()

    def interrupted(number: int) -> int:
        save(models[0], path)
        with pressed_at_line(number) as lines, suppress(KeyboardInterrupt):
            save(models[1], path)
        found = load(path)
        assert isinstance(found, ElmanCharModel)
        (kind,) = [
            at
            for at, model in enumerate(models)
            if all(map(torch.equal, model.state_dict().values(), found.state_dict().values()))
        ]
        kinds.add(kind)
        assert list(tmp_path.iterdir()) == [path]
        return lines[0]

    for number in spread(interrupted, places=80):
        interrupted(number)
    assert kinds == {0, 1}


def test_fit_in_threads_matches_fit_alone() -> None:
    def trained(seed: int) -> list[float]:
        return fit(ElmanCharModel(VOCAB, seed=seed), "hihello", epochs=60, lr=0.05).loss

    alone = [trained(seed) for seed in range(4)]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(trained, range(4))) == alone


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_non_finite_options_raise_and_inputs_propagate(number: float, assert_error: Any) -> None:
    model = ElmanCharModel(VOCAB, hidden_size=3)
    logits, _ = model(torch.full((1, 2, 5), number))  # as PyTorch would
    assert logits.isnan().any() or math.isinf(number)
    for name in ("lr", "clip_norm"):
        with pytest.raises(OptionError, match=f"expected {name} to be a positive finite number"):
            fit(model, "hihello", **{name: number})  # type: ignore[call-overload]
    with torch.no_grad():
        next(model.rnn.parameters()).fill_(math.nan)
    before = weights_of(model)
    assert_error(
        lambda: fit(model, "hihello"),
        NonFiniteLossError,
        "the loss became nan at epoch 1 with lr=0.01; try a smaller lr, or clip_norm=1.0",
    )
    with pytest.raises(NonFiniteLossError, match="nan"):
        generate(model, "h", 5)
    for weight, old in zip(model.parameters(), before, strict=True):
        torch.testing.assert_close(weight, old, rtol=0, atol=0, equal_nan=True)


def test_unusual_texts() -> None:
    accented = "e\u0301"  # one visible character, two symbols: a letter and an accent
    vocab = Vocab.from_text(f"{accented}👩‍🚀\0\ud800")
    assert len(vocab) == 7
    assert vocab.decode(vocab.encode(accented)) == accented
    with pytest.raises(UnknownSymbolError):
        vocab.encode("\u00e9")  # looks the same but is another code point
    one = Vocab("a")
    history = fit(ElmanCharModel(one, hidden_size=2), "aaaa", epochs=2)
    assert history.loss == [0, 0]
    assert history.solved
    assert generate(ElmanCharModel(one), "a", 3) == "aaa"


def test_large_vocabularies_and_texts() -> None:
    words = Vocab([f"w{number}" for number in range(100_000)])
    indices = torch.arange(0, 100_000, 999)
    assert words.encode([f"w{index}" for index in indices.tolist()]).equal(indices)
    line = "hello" * 2_000_000  # 10 MB
    encoded = VOCAB.encode(line)
    assert encoded.bincount().tolist() == [2_000_000, 0, 2_000_000, 4_000_000, 2_000_000]
    model = ElmanCharModel(VOCAB, hidden_size=2)
    with torch.no_grad():
        assert model(encoded[:100_000].unsqueeze(0))[0].shape == (1, 100_000, 5)
        assert model(encoded[:0].unsqueeze(0))[0].shape == (1, 0, 5)


@settings(max_examples=30)
@given(TEXTS, st.integers(0, 4), st.integers(1, 2), st.booleans())
def test_padding_contents_change_no_loss_and_no_gradient(
    texts: list[str], symbol: int, layers: int, is_many: bool
) -> None:
    batch = Batch.from_texts(texts, VOCAB)
    padding = torch.arange(batch.inputs.shape[1]) >= batch.count_symbols().unsqueeze(1)
    padded = Batch(batch.inputs.masked_fill(padding, symbol), batch.targets, batch.lengths)
    results = []
    for each in (batch, padded):
        sizes: dict[str, Any] = {"hidden_size": 3, "num_layers": layers}
        model: nn.Module = ElmanEnsemble(VOCAB, [1, 2], **sizes)
        if not is_many:
            model = ElmanCharModel(VOCAB, **sizes)
        logits, _ = model(each.inputs)
        flat = logits.reshape(-1, *each.targets.shape, 5).flatten(1, 2).transpose(1, 2)
        targets = each.targets.flatten().expand(len(flat), -1)
        loss = nn.functional.cross_entropy(flat, targets, reduction="sum")
        torch.autograd.backward(loss)
        history = fit(copy.deepcopy(model), each, epochs=2)
        losses = [torch.as_tensor(history.loss).double().flatten()]
        results.append([loss, *losses, *(weight.grad for weight in model.parameters())])
    assert all(map(torch.equal, *results))


@settings(max_examples=30)
@given(TEXTS, st.integers(0, 4), st.integers(1, 40), st.sampled_from([None, 1, 2]), st.booleans())
def test_more_padding_changes_no_loss_and_no_weight(
    texts: list[str], symbol: int, columns: int, batch_size: int | None, is_many: bool
) -> None:
    batch = Batch.from_texts(texts, VOCAB)
    padded = Batch(
        nn.functional.pad(batch.inputs, (0, columns), value=symbol),
        nn.functional.pad(batch.targets, (0, columns), value=-100),
        batch.lengths,
    )
    options: dict[str, Any] = {"epochs": 3, "batch_size": batch_size}
    if len(set(texts)) > 1:
        options["validation"] = 0.5
    models: list[Any] = []
    for each in (batch, padded):
        model: Any = ElmanEnsemble(VOCAB, [1, 2], hidden_size=9)
        if not is_many:
            model = ElmanCharModel(VOCAB, hidden_size=9, embedding_size=3)
        history = fit(model, each, **options)
        models.append((model, history))
    (plain, first), (other, second) = models
    for column in ("loss", "accuracy", "validation_loss"):
        values = [getattr(history, column) for history in (first, second)]
        assert (values[0] is None) == (values[1] is None)
        if values[0] is not None:
            assert torch.equal(*map(torch.as_tensor, values))
    assert all(map(torch.equal, plain.parameters(), other.parameters()))


OFFLINE = """
import sys

def refuse(event, arguments):
    if event.startswith(("socket.", "urllib.", "http.")):
        raise AssertionError(event)

sys.addaudithook(refuse)
from seqtoys import ElmanCharModel, Vocab, evaluate, fit, generate, get_task, load, save, scorecard
from seqtoys.models import GRUCharModel
task = get_task("parity")
fit(GRUCharModel(task.vocab, hidden_size=4), task, epochs=2)
card = scorecard(lambda vocab, seed: None, seeds=[0], skills=["parity"], path="rows")
card.to_html("page")
card.to_json("card")
model = ElmanCharModel(task.vocab, hidden_size=4)
fit(model, task, epochs=2)
evaluate(model, task, count=10)
save(model, "model")
print(len(generate(load("model"), "0", 5)))
"""


def test_library_uses_no_network(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", OFFLINE], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert (run.stdout, run.stderr) == ("5\n", "")


@pytest.mark.usefixtures("untraced")
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
@pytest.mark.usefixtures("unchecked")
def test_memory_stays_flat() -> None:
    _, first, *_, last = soak(fits=160, symbols=20_000, parts=8)
    assert last - first < 2  # MB


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are listed in /proc")
def test_architectures_leave_no_file_open() -> None:
    before = open_files()
    kinds = [GRUCharModel, TransformerCharModel]
    assert len(list(soak_architectures(rounds=1, parts=1, kinds=kinds))) == 1
    assert open_files() == before
