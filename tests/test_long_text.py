"""Training on one long text in chunks, compared with hand-written truncated BPTT."""

from __future__ import annotations

import copy
import math
import resource
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from seqtoys import Batch, ElmanCharModel, ElmanEnsemble, Vocab, fit
from seqtoys.data import long_text
from seqtoys.data.long_text import LongText, encode_compact
from seqtoys.errors import DataError, InputTypeError, OptionError, UnknownSymbolError
from seqtoys.results import History

VOCAB = Vocab("abcd")
TEXT = "".join("abcd"[(i * i + i // 3) % 4] for i in range(75))
ErrorCheck = Callable[[Callable[[], object], type[Exception], str], None]


def by_hand(model: ElmanCharModel, streams: int, chunk: int, epochs: int) -> list[float]:
    """Run truncated BPTT with `torch.nn.RNN` on one-hots; return each epoch's mean loss."""
    indices = torch.tensor(["abcd".index(symbol) for symbol in TEXT])
    length = (len(TEXT) - 1) // streams
    inputs = indices[: streams * length].reshape(streams, length)
    targets = indices[1 : streams * length + 1].reshape(streams, length)
    optimizer, course = torch.optim.Adam(model.parameters(), lr=0.01), []
    for _ in range(epochs):
        hidden, total = torch.zeros(1, streams, model.rnn.hidden_size).double(), 0.0
        for start in range(0, length, chunk):
            states, hidden = model.rnn(
                torch.eye(4).double()[inputs[:, start : start + chunk]], hidden.detach()
            )
            logits = states if model.readout is None else model.readout(states)
            loss = nn.functional.cross_entropy(
                logits.flatten(0, 1), targets[:, start : start + chunk].flatten()
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * logits[..., 0].numel()
        course.append(total / targets.numel())
    return course


@pytest.mark.parametrize("streams", [1, 3])
@pytest.mark.parametrize("hidden_size", [None, 6])
def test_chunked_training_is_truncated_bptt(streams: int, hidden_size: int | None) -> None:
    expected = by_hand(ElmanCharModel(VOCAB, hidden_size=hidden_size).double(), streams, 10, 4)
    options: dict[str, Any] = {"epochs": 4, "chunk": 10, "batch_size": streams}
    model = ElmanCharModel(VOCAB, hidden_size=hidden_size).double()
    history = fit(model, TEXT, **options)
    assert history.loss == pytest.approx(expected, rel=1e-9)
    assert history.predictions == []
    layered = ElmanCharModel(VOCAB, hidden_size=hidden_size, batch_first=False).double()
    layered.register_forward_hook(lambda *_: None)  # so that autograd is used
    assert fit(layered, TEXT, **options).loss == pytest.approx(expected, rel=1e-9)
    ensemble = ElmanEnsemble(VOCAB, [5, 0], hidden_size=hidden_size).double()
    histories = fit(ensemble, TEXT, **options)
    assert histories[1].loss == pytest.approx(expected, rel=1e-9)
    assert histories[1].accuracy == history.accuracy


class Recurrent(nn.Module):
    """A user's model, whose state is a tensor or, for an LSTM, a tuple."""

    def __init__(self, kind: type[nn.Module]) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.table, self.rnn = nn.Embedding(4, 8), kind(8, 4, batch_first=True)

    def forward(self, inputs: Tensor, state: Any = None) -> Any:
        return self.rnn(self.table(inputs), state)


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM])
def test_any_model_that_accepts_its_state_can_train_in_chunks(kind: type[nn.Module]) -> None:
    history = fit(Recurrent(kind), TEXT, vocab=VOCAB, chunk=7, batch_size=2, epochs=60, lr=0.05)
    assert history.loss[-1] < history.loss[0] / 2


def test_validation_holds_out_the_end_of_the_text() -> None:
    model = ElmanCharModel(VOCAB, hidden_size=5).double()
    twin = ElmanCharModel(VOCAB, hidden_size=5).double()
    history = fit(model, TEXT, chunk=10, epochs=2, validation=0.2)
    assert fit(twin, TEXT[:60], chunk=10, epochs=2).loss == history.loss
    end = torch.tensor(["abcd".index(symbol) for symbol in TEXT[60:]])
    fresh = ElmanCharModel(VOCAB, hidden_size=5).double()
    fit(fresh, TEXT, chunk=10, epochs=1, validation=0.2)  # measured before the last update
    states, _ = fresh.rnn(torch.eye(4).double()[end[:-1]].unsqueeze(0))
    assert fresh.readout is not None
    logits = fresh.readout(states)[0]
    assert len(history.validation_loss) == 2
    measured = fit(fresh, TEXT, chunk=10, epochs=1, lr=1e-30, validation=0.2)
    assert measured.validation_loss[0] == pytest.approx(
        nn.functional.cross_entropy(logits, end[1:]).item(), rel=1e-9
    )
    assert measured.validation_accuracy[0] == pytest.approx(
        (logits.argmax(-1) == end[1:]).double().mean().item()
    )


def loss_and_accuracy(model: nn.Module, text: str) -> tuple[Tensor, Tensor]:
    """Measure one pass over a text from a zero state, symbol by symbol."""
    indices, state = torch.tensor([["abcd".index(symbol) for symbol in text]]), None
    losses, hits = [], []
    model.eval()
    with torch.no_grad():
        for at in range(len(text) - 1):
            given = indices[:, at : at + 1]
            logits, state = model(given) if state is None else model(given, state)
            last = logits[..., 0, 0, :]  # ([replicas,] vocab)
            target = indices[0, at + 1]
            losses.append(-last.log_softmax(-1)[..., target])
            hits.append((last.argmax(-1) == target).double())
    return torch.stack(losses).mean(0), torch.stack(hits).mean(0)


class RecurrentWithDropout(nn.Module):
    """A user's model with dropout, whose state is a tensor or, for an LSTM, a tuple."""

    def __init__(self, kind: type[nn.Module]) -> None:
        super().__init__()
        self.inner, self.dropout = Recurrent(kind).double(), nn.Dropout(0.5)

    def forward(self, inputs: Tensor, state: Any = None) -> Any:
        logits, state = self.inner(inputs, state)
        return self.dropout(logits), state


HELD_OUT: dict[str, Callable[[], nn.Module]] = {
    "hand-written gradients": lambda: ElmanCharModel(VOCAB, hidden_size=5).double(),
    "two layers": lambda: ElmanCharModel(VOCAB, hidden_size=5, num_layers=2).double(),
    "an ensemble": lambda: ElmanEnsemble(VOCAB, [5, 0], hidden_size=5).double(),
    "a GRU": lambda: RecurrentWithDropout(nn.GRU),
    "an LSTM": lambda: RecurrentWithDropout(nn.LSTM),
}


@pytest.mark.parametrize("make", HELD_OUT.values(), ids=HELD_OUT)
def test_held_out_loss_does_not_depend_on_streams_and_chunks(
    make: Callable[[], nn.Module],
) -> None:
    loss, accuracy = loss_and_accuracy(make(), TEXT[60:])
    for batch_size, chunk in ((1, 10), (2, 10), (5, 4), (19, 3), (2, 100)):
        with torch.random.fork_rng(devices=[]):  # since dropout draws random numbers
            history = fit(
                make(),
                TEXT,
                chunk=chunk,
                batch_size=batch_size,
                epochs=1,
                lr=1e-300,
                validation=0.2,
                vocab=VOCAB,
            )
        found = (history.validation_loss[0], history.validation_accuracy[0])
        for ours, theirs in zip(found, (loss, accuracy), strict=True):
            whole = torch.as_tensor(ours, dtype=torch.float64)
            torch.testing.assert_close(whole, theirs, rtol=1e-9, atol=0)


@pytest.mark.parametrize("batch_size", [1, 5])
def test_patience_and_plateau_use_the_held_out_loss(batch_size: int) -> None:
    plateau = partial(ReduceLROnPlateau, patience=0, factor=0.5, threshold=0.0, eps=0)
    model = ElmanCharModel(VOCAB, hidden_size=5).double()
    losses: list[Tensor] = []
    history = fit(
        model,
        TEXT,
        chunk=5,
        batch_size=batch_size,
        lr=0.3,
        epochs=50,
        patience=3,
        scheduler=plateau,
        validation=0.2,
        on_epoch=lambda row: losses.append(loss_and_accuracy(copy.deepcopy(model), TEXT[60:])[0]),
    )
    assert history.validation_loss == pytest.approx([loss.item() for loss in losses], rel=1e-9)
    assert history.stopped == "patience"
    assert losses.index(min(losses)) == len(losses) - 4
    assert history.lr[-1] == history.lr[-3] * 0.5**2


def memoryless(text: str) -> float:
    pairs, firsts = Counter(pairwise(text)), Counter(text[:-1])
    total = len(text) - 1
    return sum(n * math.log(firsts[a] / n) for (a, _), n in pairs.items()) / total


@pytest.mark.parametrize(("block", "table"), [(2**20, 2**20), (16, 2**20), (16, 0)])
def test_baselines_of_a_text_match_counts(
    block: int, table: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long_text, "BLOCK", block)
    monkeypatch.setattr(long_text, "COUNTED_PAIRS", table)
    text = LongText(encode_compact(TEXT, VOCAB), streams=1, chunk=10)
    baselines = text.count_baselines(4)
    assert baselines.uniform == pytest.approx(math.log(4))
    assert baselines.memoryless == pytest.approx(memoryless(TEXT), rel=1e-12)
    assert baselines.full_past == 0


@pytest.mark.parametrize(
    ("symbols", "kind"),
    [(256, torch.uint8), (257, torch.int16), (32768, torch.int16), (32769, torch.int32)],
)
def test_text_is_stored_in_the_smallest_integers(symbols: int, kind: torch.dtype) -> None:
    vocab = Vocab([f"w{i}" for i in range(symbols)])
    encoded = encode_compact([f"w{symbols - 1}", "w0"], vocab)
    assert encoded.dtype == kind
    assert encoded.tolist() == [symbols - 1, 0]


def test_chunks_are_views_of_the_text() -> None:
    encoded = encode_compact(TEXT, VOCAB)
    text = LongText(encoded, streams=4, chunk=5)
    assert text._inputs.data_ptr() == encoded.data_ptr()
    assert text._targets.data_ptr() == encoded.data_ptr() + 1
    assert np.shares_memory(text._inputs.numpy(), encoded.numpy())
    assert text.scored == 72


MEASURE = """
import resource, torch
torch.set_num_threads(1)
from seqtoys import ElmanCharModel, Vocab, fit
torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])
text = "abcd" * 2_500_000
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
fit(ElmanCharModel(Vocab("abcd")), text, chunk=250, batch_size=400, epochs=1, progress=False)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / len(text))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has another unit")
def test_memory_grows_by_few_bytes_per_symbol() -> None:
    assert resource.RUSAGE_SELF == 0
    run = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert float(run.stdout) < 10  # int64 inputs and targets alone would take 16, logits 16


class Stateless(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.zeros(*inputs.shape, 4) * self.weight


ERRORS: dict[str, Any] = {
    "unknown symbol": (
        lambda: fit(ElmanCharModel(VOCAB), "abc" * 20 + "z" + "abc", chunk=5),
        UnknownSymbolError,
        "'z' at position 60 of …'bcabcabcabcabcabcabczabc' is not among the 4 symbols 'abcd'",
    ),
    "many texts": (
        lambda: fit(ElmanCharModel(VOCAB), ["abc", "abd"], chunk=5),
        InputTypeError,
        "expected one text for chunk=…, got a list; join several texts into one, or omit chunk",
    ),
    "batch": (
        lambda: fit(ElmanCharModel(VOCAB), Batch.from_texts(["abc"], VOCAB), chunk=5),
        InputTypeError,
        "expected one text for chunk=…, got a Batch; join several texts into one, or omit chunk",
    ),
    "one symbol": (
        lambda: fit(ElmanCharModel(VOCAB), "a", chunk=5),
        DataError,
        "expected a text of at least 2 symbols, got 1",
    ),
    "short": (
        lambda: fit(ElmanCharModel(VOCAB), "abcd", chunk=5, batch_size=4),
        DataError,
        "expected a text of at least 5 symbols for batch_size=4, got 4; use a smaller batch_size",
    ),
    "no vocabulary": (
        lambda: fit(Stateless(), "abcd", chunk=5),
        OptionError,
        "expected a vocabulary, because the model has none; pass vocab=…",
    ),
    "stateless": (
        lambda: fit(Stateless(), "abcd", chunk=5, vocab=VOCAB),
        OptionError,
        "chunk=… needs a model that returns (logits, state) and accepts that state, a tensor or a "
        "tuple of tensors, got Stateless, which returns no state; omit chunk",
    ),
    "chunk": (
        lambda: fit(ElmanCharModel(VOCAB), TEXT, chunk=0),
        OptionError,
        "expected chunk to be a positive integer, got 0",
    ),
    "no held-out symbol": (
        lambda: fit(ElmanCharModel(VOCAB), TEXT, chunk=5, validation=0.001),
        DataError,
        "expected at least 2 held-out symbols, got 0 of 75 symbols with validation=0.001; "
        "increase validation",
    ),
    "one held-out symbol": (
        lambda: fit(ElmanCharModel(VOCAB), TEXT, chunk=5, validation=0.01),
        DataError,
        "expected at least 2 held-out symbols, got 1 of 75 symbols with validation=0.01; "
        "increase validation",
    ),
    "validation": (
        lambda: fit(ElmanCharModel(VOCAB), TEXT, chunk=5, validation=1.0),
        OptionError,
        "expected validation to be a fraction between 0 and 1, got 1.0",
    ),
    "stepwise": (
        lambda: fit(ElmanCharModel(VOCAB), TEXT, chunk=5, stepwise=True),
        OptionError,
        "chunk=… cannot be combined with stepwise=True, as it reads a whole chunk at a time",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_name_expected_and_actual_values(case: str, assert_error: ErrorCheck) -> None:
    assert_error(*ERRORS[case])


def test_history_of_a_text_round_trips_through_json() -> None:
    history = fit(ElmanCharModel(VOCAB), TEXT, chunk=10)
    assert History.from_json(history.to_json()) == history
    assert history.settings["chunk"] == 10


def test_words_can_train_in_chunks_with_a_held_out_end() -> None:
    words = ["the", "dog", "sees", "the", "boy"] * 8
    model = ElmanCharModel(Vocab.from_text(words), hidden_size=4)
    history = fit(model, words, chunk=3, epochs=2, batch_size=2, validation=0.3)
    assert len(history.validation_loss) == len(history.loss) == 2
