from __future__ import annotations

import copy
import math
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD
from torch.optim.lr_scheduler import ReduceLROnPlateau, StepLR

from seqtoys import (
    Batch,
    Checkpoint,
    ElmanCharModel,
    ElmanEnsemble,
    Vocab,
    fit,
    load,
    load_history,
)
from seqtoys.errors import DataError, NonFiniteLossError, OptionError, ShapeError
from seqtoys.inspection import loss_by_position
from seqtoys.results import History, Row
from seqtoys.support.randomness import seeded_generator

VOCAB = Vocab("hielo")
TEXTS = ["hello", "hi", "hill", "hole", "lolo", "eel"]


def weights(model: nn.Module) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in model.parameters()]


def by_hand(
    model: ElmanCharModel,
    batches: list[list[str]],
    optimizer: torch.optim.Optimizer,
    clip: float = 1e9,
) -> list[float]:
    """Train on unpadded texts, one update per batch; return the losses before each update."""
    losses = []
    for texts in batches:
        optimizer.zero_grad()
        indices = [VOCAB.encode(text) for text in texts]
        each = [
            nn.functional.cross_entropy(model(i[None, :-1])[0][0], i[1:], reduction="sum")
            for i in indices
        ]
        loss = torch.stack(each).sum() / sum(len(i) - 1 for i in indices)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("stepwise", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
def test_padding_changes_nothing(stepwise: bool, batch_first: bool) -> None:
    model = ElmanCharModel(VOCAB, hidden_size=6, batch_first=batch_first)
    oracle = ElmanCharModel(VOCAB, hidden_size=6)
    history = fit(model, TEXTS, epochs=5, lr=0.1, stepwise=stepwise)
    losses = by_hand(oracle, [TEXTS] * 5, torch.optim.Adam(oracle.parameters(), lr=0.1))
    assert history.loss == pytest.approx(losses, rel=1e-5)
    for ours, theirs in zip(weights(model), weights(oracle), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_optimizer_scheduler_and_clipping_match_pytorch() -> None:
    model, oracle = (ElmanCharModel(VOCAB, hidden_size=6) for _ in range(2))
    history = fit(
        model,
        "hihello",
        epochs=6,
        lr=0.5,
        optimizer=partial(SGD, momentum=0.5),
        scheduler=partial(StepLR, step_size=1, gamma=0.5),
        clip_norm=0.1,
    )
    optimizer = SGD(oracle.parameters(), lr=0.5, momentum=0.5)
    scheduler, losses = StepLR(optimizer, 1, 0.5), []
    for _ in range(6):
        losses += by_hand(oracle, [["hihello"]], optimizer, clip=0.1)
        scheduler.step()
    assert history.loss == pytest.approx(losses, rel=1e-5)
    assert history.lr == [0.5 * 0.5**epoch for epoch in range(6)]
    assert history.settings["optimizer"] == "SGD(momentum=0.5)"
    assert history.settings["scheduler"] == "StepLR(step_size=1, gamma=0.5)"


@pytest.mark.parametrize("validation", [None, 0.5])
def test_reduce_on_plateau_watches_the_held_out_loss(validation: float | None) -> None:
    model = ElmanCharModel(VOCAB, hidden_size=16)
    plateau = partial(ReduceLROnPlateau, patience=0, factor=0.5, threshold=0.0, eps=0)
    history = fit(model, TEXTS, epochs=40, lr=0.1, validation=validation, scheduler=plateau)
    best, lr, expected = float("inf"), 0.1, []
    for loss in history.validation_loss or history.loss:
        expected.append(lr)
        lr, best = (lr, loss) if loss < best else (lr / 2, best)
    assert history.lr == pytest.approx(expected)


def test_minibatches_visit_every_sequence_once_per_epoch() -> None:
    seen: list[list[int]] = []

    class Watching(ElmanCharModel):
        def forward(self, inputs: Tensor, hidden: Tensor | None = None) -> tuple[Tensor, Tensor]:
            seen.extend(inputs.tolist())
            return super().forward(inputs, hidden)

    model = Watching(VOCAB, hidden_size=4)
    texts = ["hello", "hillo", "holle", "lolol", "eeell"]
    history = fit(model, texts, epochs=2, batch_size=2, check=False)
    first, second = seen[:5], seen[5:]
    assert sorted(first) == sorted(second)
    assert len({tuple(row) for row in first}) == 5
    assert first != second
    assert all(len(predictions) == 5 for predictions in history.predictions)


def test_minibatch_losses_are_weighted_by_scored_symbols() -> None:
    model = ElmanCharModel(VOCAB, hidden_size=6)
    whole = fit(model, TEXTS, epochs=1, lr=1e-12)
    parts = fit(model, TEXTS, epochs=1, lr=1e-12, batch_size=4)
    assert parts.loss == pytest.approx(whole.loss)
    assert parts.accuracy == pytest.approx(whole.accuracy)
    assert parts.predictions == whole.predictions


class Widths(ElmanCharModel):
    """A network, trained by autograd, that records the widths of the minibatches it reads."""

    def forward(self, inputs: Tensor, hidden: Tensor | None = None) -> tuple[Tensor, Tensor]:
        vars(self).setdefault("widths", []).append(inputs.shape[1])
        return super().forward(inputs, hidden)


def test_one_long_text_does_not_widen_every_minibatch() -> None:
    texts = ["hihello" * 19, *TEXTS, "hello" * 5]  # of 132 inputs, up to 5, and 24
    generator, batches = seeded_generator(4), []
    for _ in range(3):
        order = torch.randperm(len(texts), generator=generator).tolist()
        batches += [[texts[i] for i in order[at : at + 2]] for at in range(0, len(texts), 2)]
    options: dict[str, Any] = {"batch_size": 2, "seed": 4, "lr": 0.1, "epochs": 3, "check": False}
    model = ElmanCharModel(VOCAB, hidden_size=6)
    oracle, watched = copy.deepcopy(model), Widths(VOCAB, hidden_size=6)
    ensemble = ElmanEnsemble(VOCAB, range(2), hidden_size=6)
    losses = by_hand(oracle, batches, SGD(oracle.parameters(), lr=0.1))
    counts = [sum(len(text) - 1 for text in batch) for batch in batches]
    sums = [loss * count for loss, count in zip(losses, counts, strict=True)]
    expected = [sum(sums[at : at + 4]) / sum(counts[:4]) for at in (0, 4, 8)]
    for trained in (model, watched):
        history = fit(trained, texts, optimizer=SGD, **options)
        assert history.loss == pytest.approx(expected, rel=1e-6)
        for weight, other in zip(trained.parameters(), oracle.parameters(), strict=True):
            torch.testing.assert_close(weight, other, rtol=1e-4, atol=1e-6)
        lengths = [[len(text) for text in row] for row in history.predictions]
        assert lengths == [[len(text) - 1 for text in texts]] * 3
    longest = [max(map(len, batch)) - 1 for batch in batches]
    assert vars(watched)["widths"] == [{132: 132, 24: 33}.get(n, 16) for n in longest]
    joint = fit(ensemble, texts, optimizer=SGD, **options)
    assert joint.loss[:, 0].tolist() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({}, {"hidden_size": 6}),  # hand-written gradients
        ({"stepwise": True}, {"hidden_size": 6, "num_layers": 2}),  # autograd
        ({"clip_norm": 0.1}, {"seeds": [1, 2], "hidden_size": 6}),
        ({}, {"seeds": [1, 2], "num_layers": 2}),
    ],
)
def test_counted_sequences_train_like_repeated_ones(
    options: dict[str, Any], sizes: dict[str, Any]
) -> None:
    batch = Batch.from_texts(["hello", "hill", "hill", "oil", "hill", "oil"], VOCAB)
    columns = []
    for data in (batch, batch.distinct()):
        make = ElmanEnsemble if "seeds" in sizes else ElmanCharModel
        model = make(VOCAB, **sizes).double()
        history = fit(model, data, epochs=10, lr=0.1, **options)
        loss = torch.as_tensor(history.loss, dtype=torch.float64)
        accuracy = torch.as_tensor(history.accuracy, dtype=torch.float64)
        columns.append((loss, accuracy, torch.as_tensor(history.optimum)))
    for repeated, counted in zip(*columns, strict=True):
        torch.testing.assert_close(counted, repeated, rtol=1e-9, atol=1e-9)


def test_unscored_minibatch_is_skipped() -> None:
    targets = torch.tensor([[1, 2], [-100, -100], [-100, -100]])
    batch = Batch(torch.zeros(3, 2, dtype=torch.int64), targets)
    history = fit(ElmanCharModel(VOCAB), batch, epochs=3, batch_size=1)
    assert len(history) == 3
    assert history.predictions[0][1:] == ["", ""]


def test_held_out_texts_are_evaluated_but_not_trained_on() -> None:
    model = ElmanCharModel(VOCAB, hidden_size=8)
    history = fit(model, TEXTS * 2, epochs=3, validation=0.3, seed=5)
    held = [(TEXTS * 2)[row] for row in history.held_out]
    kept = [text for text in TEXTS * 2 if text not in held]
    assert sorted(held) == sorted(2 * list(set(held)))
    assert len(set(held)) == 2
    oracle = ElmanCharModel(VOCAB, hidden_size=8)
    optimizer = torch.optim.Adam(oracle.parameters(), lr=0.01)
    for loss, accuracy in zip(history.validation_loss, history.validation_accuracy, strict=True):
        with torch.no_grad():
            outputs = torch.cat([oracle(VOCAB.encode(text)[None, :-1])[0][0] for text in held])
        labels = torch.cat([VOCAB.encode(text)[1:] for text in held])
        assert loss == pytest.approx(nn.functional.cross_entropy(outputs, labels).item(), rel=1e-5)
        assert accuracy == pytest.approx((outputs.argmax(-1) == labels).float().mean().item())
        by_hand(oracle, [kept], optimizer)


def test_solved_keeps_the_weights_that_solved_it() -> None:
    model = ElmanCharModel(VOCAB, seed=777)
    history = fit(model, "hihello", epochs=100, lr=0.05, until="solved")
    assert history.stopped == "solved"
    assert history.solved
    assert "ihello" not in history.predictions[:-1]
    assert model.predict("hihell") == "ihello"


def test_excess_stops_near_the_optimum() -> None:
    history = fit(ElmanCharModel(VOCAB, hidden_size=8), "hihello", epochs=999, lr=0.05, until=0.1)
    assert history.stopped == "excess"
    assert history.loss[-1] <= 0.1 < history.loss[-2]


@pytest.mark.parametrize("validation", [None, 0.5])
def test_patience_waits_for_an_improvement(validation: float | None) -> None:
    model = ElmanCharModel(VOCAB, hidden_size=32)
    history = fit(model, TEXTS, epochs=2000, lr=0.3, patience=4, validation=validation)
    watched = history.validation_loss or history.loss
    assert history.stopped == "patience"
    assert min(watched[:-4]) <= min(watched[-4:])
    assert watched.index(min(watched)) == len(watched) - 5


@pytest.mark.parametrize("batch_size", [None, 2])
def test_ctrl_c_keeps_model_and_history(batch_size: int | None) -> None:
    def press(row: Row) -> None:
        if row.epoch == 3:
            signal.raise_signal(signal.SIGINT)

    model, oracle = (ElmanCharModel(VOCAB, hidden_size=4) for _ in range(2))
    history = fit(model, TEXTS, epochs=50, batch_size=batch_size, on_epoch=press)
    assert history.stopped == "interrupted"
    assert len(history) == 3
    assert fit(oracle, TEXTS, epochs=3, batch_size=batch_size).loss == history.loss
    assert all(map(torch.equal, weights(model), weights(oracle)))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_second_ctrl_c_stops_at_once_and_is_raised_within_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Stuck(ElmanCharModel):
        def forward(self, inputs: Tensor, hidden: Tensor | None = None) -> tuple[Tensor, Tensor]:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            raise AssertionError

    with pytest.raises(KeyboardInterrupt) as caught:
        fit(Stuck(VOCAB), "hihello")
    assert vars(caught.value)["history"].stopped == "interrupted"
    monkeypatch.setattr("seqtoys.training.interrupt.IMPATIENT", 0.0)
    history = fit(Stuck(VOCAB), "hihello")
    assert history.stopped == "interrupted"
    assert len(history) == 0


@pytest.mark.parametrize("pause", [0.0, 2.0])
def test_ctrl_c_pressed_again_ends_a_loop_of_trainings(
    pause: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, models = [100.0], [ElmanCharModel(VOCAB, hidden_size=4) for _ in range(3)]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    ended = []

    def press(row: Row) -> None:
        if row.epoch == 3:
            signal.raise_signal(signal.SIGINT)
            now[0] += pause

    def train_all() -> None:
        for at, model in enumerate(models):
            checkpoint = Checkpoint(tmp_path / f"{at}", every=99)
            ended.append(fit(model, TEXTS, epochs=9, on_epoch=press, checkpoint=checkpoint))

    if pause:
        train_all()
    else:
        with pytest.raises(KeyboardInterrupt) as caught:
            train_all()
        ended.append(vars(caught.value)["history"])
        assert caught.value.__notes__ == [
            "The history of 3 epochs is in the attribute history of this error"
        ]
    assert [(len(each), each.stopped) for each in ended] == [(3, "interrupted")] * (
        3 if pause else 2
    )
    for at, (history, model) in enumerate(zip(ended, models, strict=False)):
        assert load_history(tmp_path / f"{at}") == history
        assert all(map(torch.equal, weights(load(tmp_path / f"{at}")), weights(model)))


@pytest.mark.usefixtures("patient")
def test_ctrl_c_between_minibatches_stops_training() -> None:
    class Pressed(ElmanCharModel):
        calls = 0

        def forward(self, inputs: Tensor, hidden: Tensor | None = None) -> tuple[Tensor, Tensor]:
            self.calls += 1
            signal.raise_signal(signal.SIGINT)
            return super().forward(inputs, hidden)

    model = Pressed(VOCAB)
    history = fit(model, TEXTS, batch_size=1)
    assert (len(history), history.stopped) == (0, "interrupted")
    assert model.calls == 1  # stopped after the first update


def test_training_in_a_thread_does_not_touch_signals() -> None:
    histories: list[History] = []
    thread = threading.Thread(
        target=lambda: histories.append(fit(ElmanCharModel(VOCAB), "hihello", epochs=2))
    )
    thread.start()
    thread.join()
    assert len(histories[0]) == 2


class Gru(nn.Module):
    def __init__(self, *, tuple_output: bool = False, axes: int = 3) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.embedding = nn.Embedding(5, 8)
            self.gru = nn.GRU(8, 5, batch_first=True)
            self.dropout = nn.Dropout(0.0)
        self.tuple_output, self.axes = tuple_output, axes
        self.modes: list[bool] = []

    def forward(self, inputs: Tensor) -> Any:
        self.modes.append(self.training)
        logits, hidden = self.gru(self.embedding(inputs))
        logits = logits if self.axes == 3 else logits[0]
        return (logits, hidden) if self.tuple_output else logits


@pytest.mark.parametrize("tuple_output", [False, True])
def test_user_defined_module_is_switched_between_modes(tuple_output: bool) -> None:
    model = Gru(tuple_output=tuple_output).eval()
    history = fit(model, TEXTS, vocab=VOCAB, epochs=2, validation=0.3)
    assert model.modes == [True, False] * 2
    assert not model.training
    assert history.loss[1] < history.loss[0]
    assert history.loss_floor == 0


def test_batch_needs_no_vocabulary() -> None:
    batch = Batch.from_texts(TEXTS, VOCAB)
    history = fit(Gru(), batch, epochs=1)
    assert history.predictions == []
    assert history.baselines.uniform == pytest.approx(torch.tensor(5.0).log().item())


def test_predictions_of_large_data_are_not_kept() -> None:
    history = fit(ElmanCharModel(VOCAB), "hiello" * 2000, epochs=1)
    assert history.predictions == []
    assert history.row(0).prediction is None


def test_batch_may_have_unscored_targets() -> None:
    targets = torch.tensor([[-100, -100, 3]])
    history = fit(ElmanCharModel(VOCAB), Batch(VOCAB.encode_batch(["hel"]), targets), epochs=1)
    assert len(history.predictions[0][0]) == 1


def test_report_lines_are_printed_every_n_epochs_and_at_the_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    history = fit(ElmanCharModel(VOCAB, seed=777), "hihello", epochs=6, report_every=2)
    lines = capsys.readouterr().out.splitlines()
    assert [int(line.split()[1]) for line in lines] == [1, 3, 5, 6]
    assert lines[0] == "epoch    1  loss 1.6925  accuracy  33.3%  llllll"
    fit(ElmanCharModel(VOCAB), TEXTS, epochs=1, validation=0.3, report_every=1)
    assert "held-out loss" in capsys.readouterr().out
    assert len(history) == 6


def test_progress_bar_is_hidden_unless_requested(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fit(ElmanCharModel(VOCAB), "hihello", epochs=3)
    assert capsys.readouterr() == ("", "")
    fit(ElmanCharModel(VOCAB), "hihello", epochs=3, progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "3/3" in shown.err
    assert "loss" in shown.err
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    fit(ElmanCharModel(VOCAB), "hihello", epochs=3, progress=False)
    assert capsys.readouterr() == ("", "")


def shown_after(written: str) -> str:
    """Return what a terminal shows of text with carriage returns."""
    screen = ""
    for part in written.rstrip("\n").split("\r"):
        screen = part + screen[len(part) :]
    return screen.rstrip()


TERMINAL, NOTEBOOK, PIPE = "terminal", "notebook", "pipe"


@pytest.mark.parametrize("where", [TERMINAL, NOTEBOOK, PIPE])
def test_a_bar_leaves_one_line_that_says_why_training_ended(
    where: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: where == TERMINAL)
    if where == NOTEBOOK:
        monkeypatch.setitem(sys.modules, "ipykernel", sys)

    def shown(model: nn.Module, data: Any = "hihello", **options: Any) -> tuple[str, str]:
        fit(model, data, **{"progress": True, **options})
        out, err = capsys.readouterr()
        assert err.count("\n") == 1
        assert where != PIPE or err.count("\r") <= 1
        return shown_after(err), out

    def press(row: Row) -> None:
        if row.epoch == 3:
            signal.raise_signal(signal.SIGINT)

    model = partial(ElmanCharModel, VOCAB, hidden_size=20)
    solved, lines = shown(model(), epochs=500, until="solved", report_every=5)
    epochs = lines.split()[-6]
    assert f" {epochs}/{epochs} [" in solved
    assert solved.startswith("100%")
    assert solved.endswith(", solved]")
    assert not {"\r", "%|"} & set(lines)
    assert shown(model(), epochs=9)[0].endswith("]")
    lost = shown(model(), TEXTS, epochs=500, lr=0.5, validation=0.4, patience=2)[0]
    assert lost.startswith("100%")
    assert lost.endswith(", ran out of patience]")
    cut = shown(model(), epochs=300, on_epoch=press)[0]
    assert cut.startswith("  1%")
    assert " 3/300 [" in cut
    assert cut.endswith(", interrupted]")
    seeds = ElmanEnsemble(VOCAB, range(3), hidden_size=20)
    assert shown(seeds, epochs=500, until="solved", lr=0.05)[0].endswith(", 3 solved]")


def test_a_notebook_shows_lines_or_a_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    monkeypatch.setattr("seqtoys.training.progress.BAR_DELAY", 0.0)
    fit(ElmanCharModel(VOCAB), "hihello", epochs=3)
    assert "3/3" in capsys.readouterr().err
    fit(ElmanCharModel(VOCAB), "hihello", epochs=3, report_every=2)
    out, err = capsys.readouterr()
    assert (out.count("\n"), err) == (2, "")


def test_same_seed_gives_the_same_numbers() -> None:
    runs = [
        fit(ElmanCharModel(VOCAB, hidden_size=4), TEXTS, validation=0.3, batch_size=2, seed=seed)
        for seed in (1, 1, 2)
    ]
    assert runs[0].loss == runs[1].loss != runs[2].loss


def test_loss_of_a_one_symbol_vocabulary_is_zero() -> None:
    history = fit(ElmanCharModel(Vocab("a")), "aaaa", epochs=2)
    assert history.loss == [0.0, 0.0]
    assert history.baselines.uniform == 0


def diverge(lr: float = 1e30) -> None:
    model = ElmanCharModel(VOCAB, nonlinearity="relu", hidden_size=8)
    fit(model, "hihello", lr=lr, optimizer=SGD)


def unfit(**options: Any) -> Any:
    return lambda: fit(ElmanCharModel(VOCAB), "hihello", **options)


ErrorCheck = Callable[[Callable[[], object], type[Exception], str], None]
ERRORS: dict[str, Any] = {
    "diverged": (
        diverge,
        NonFiniteLossError,
        "the loss became nan at epoch 2 with lr=1e+30; try a smaller lr, or clip_norm=1.0",
    ),
    "diverged with an integer beyond 64 bits": (
        lambda: diverge(2**64),
        NonFiniteLossError,
        "the loss became nan at epoch 2 with lr=1.84467e+19; try a smaller lr, or clip_norm=1.0",
    ),
    "epochs": (unfit(epochs=0), OptionError, "expected epochs to be a positive integer, got 0"),
    "fractional epochs": (
        unfit(epochs=2.5),
        OptionError,
        "expected epochs to be a positive integer, got 2.5",
    ),
    "lr": (unfit(lr=-1), OptionError, "expected lr to be a positive finite number, got -1"),
    "nan": (
        unfit(clip_norm=float("nan")),
        OptionError,
        "expected clip_norm to be a positive finite number, got nan",
    ),
    "patience": (
        unfit(patience=True),
        OptionError,
        "expected patience to be a positive integer, got True",
    ),
    "until": (
        unfit(until="learnt"),
        OptionError,
        "expected until to be 'solved', a positive number of nats or None, got 'learnt'",
    ),
    "no vocabulary": (
        lambda: fit(Gru(), "hihello"),
        OptionError,
        "expected a vocabulary, because the model has none; pass vocab=…",
    ),
    "no steps": (
        lambda: fit(Gru(), "hihello", vocab=VOCAB, stepwise=True),
        OptionError,
        "expected a model with step and initial_hidden for stepwise=True, got Gru; omit stepwise",
    ),
    "logits": (
        lambda: fit(Gru(axes=2), "hihello", vocab=VOCAB),
        ShapeError,
        "expected logits of shape (1, 6, 5), got (6, 5); return (batch, time, vocab), with one "
        "logit per symbol of the vocabulary",
    ),
    "too short": (
        lambda: fit(ElmanCharModel(VOCAB), "h"),
        DataError,
        "expected texts of at least two symbols (one to read, one to predict), "
        "got 'h' at position 0",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_name_expected_and_actual_values(case: str, assert_error: ErrorCheck) -> None:
    assert_error(*ERRORS[case])


def test_stepwise_feeds_one_symbol_at_a_time() -> None:
    """This applies with autograd, as for an embedding; the results stay the same."""
    model, twin = (ElmanCharModel(VOCAB, embedding_size=4, hidden_size=6) for _ in range(2))
    steps: list[int] = []
    step = model.step
    model.step = lambda *tensors: steps.append(1) or step(*tensors)  # type: ignore[func-returns-value, method-assign]
    history = fit(model, TEXTS, epochs=10, stepwise=True, check=False)
    assert len(steps) == 10 * 4
    assert history.loss == pytest.approx(fit(twin, TEXTS, epochs=10).loss, rel=1e-4)


def test_model_may_have_different_input_and_output_symbols() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Embedding(4, 8), nn.Linear(8, 2))
    batch = Batch(torch.tensor([[0, 1, 2, 3]]), torch.tensor([[0, 1, 1, 0]]))
    history = fit(model, batch, epochs=100, lr=0.1)
    assert history.solved
    assert history.baselines.uniform == pytest.approx(math.log(2))
    assert loss_by_position(model, batch)[0].tolist() == pytest.approx([0.0] * 4, abs=0.05)


class Detached(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Embedding.from_pretrained(torch.zeros(5, 5), freeze=False)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.logits(inputs).detach()  # type: ignore[no-any-return]


def test_model_with_detached_logits_raises(
    assert_error: Callable[[Callable[[], object], type[Exception], str], None],
) -> None:
    assert_error(
        lambda: fit(Detached(), "hihello", vocab=VOCAB),
        OptionError,
        "expected logits that depend on the weights of the model, got logits without gradients; "
        "check that forward neither detaches them nor uses torch.no_grad()",
    )


def test_a_vocabulary_that_differs_from_the_models_is_an_error() -> None:
    model = ElmanCharModel(Vocab("hielo"))
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(OptionError, match="cannot differ from the vocabulary of the model"):
        fit(model, "hihello", vocab=Vocab("olieh"))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert fit(model, "hihello", epochs=1, vocab=Vocab("hielo")).loss
