"""Ensembles, compared replica by replica with single models and PyTorch's own network."""

from __future__ import annotations

import copy
import math
import pickle
import subprocess
import sys
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import binom, binomtest
from torch import Tensor
from torch.optim import SGD
from torch.optim.lr_scheduler import ReduceLROnPlateau, StepLR

from seqtoys import Batch, ElmanCharModel, ElmanEnsemble, Vocab, fit
from seqtoys.errors import OptionError, ShapeError
from seqtoys.models.elman import ensemble as ensemble_module
from seqtoys.models.elman.layouts import REPLICAS_FIRST, REPLICAS_LAST, ReplicasLast
from seqtoys.models.elman.recurrence import tanh_of_half_into
from seqtoys.results import History, Proportion, Row

VOCAB = Vocab("hielo")
TEXTS = ["hello", "hi", "hill", "hole", "lolo", "eel", "oil"]
PAIR = ("hihell", "ihello")
SEEDS = [5, -3, 2**64 - 1]
VARIANTS: dict[str, dict[str, Any]] = {
    "state as logits": {},
    "readout": {"hidden_size": 4},
    "embedding": {"hidden_size": 4, "embedding_size": 3},
    "embedding of 20 numbers": {"embedding_size": 4},
    "layers": {"hidden_size": 4, "num_layers": 3},
    "relu": {"hidden_size": 6, "nonlinearity": "relu"},
    "orthogonal": {"hidden_size": 6, "num_layers": 2, "recurrent_init": "orthogonal"},
    "identity": {"hidden_size": 6, "recurrent_init": "identity"},
    "time first": {"hidden_size": 4, "batch_first": False},
}
LAYOUTS = pytest.mark.parametrize("layout", [REPLICAS_FIRST, REPLICAS_LAST])
ErrorCheck = Callable[[Callable[[], object], type[Exception], str], None]


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch) -> Callable[[object], None]:
    return lambda layout: monkeypatch.setattr(ensemble_module, "choose_layout", lambda *_: layout)


@LAYOUTS
@pytest.mark.parametrize("variant", VARIANTS)
def test_replicas_are_initialized_like_models_of_their_seeds(
    variant: str, layout: object, choose: Callable[[object], None]
) -> None:
    choose(layout)
    ensemble = ElmanEnsemble(VOCAB, SEEDS, **VARIANTS[variant])
    for seed, replica in zip(SEEDS, ensemble, strict=True):
        alone = ElmanCharModel(VOCAB, seed=seed, **VARIANTS[variant])
        assert replica.settings == alone.settings
        assert replica.seed == seed
        for name, weight in alone.state_dict().items():
            assert torch.equal(replica.state_dict()[name], weight)


@LAYOUTS
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("kind", ["indices", "one-hots", "steps"])
@pytest.mark.parametrize(
    ("dtype", "time"),
    [(torch.float32, 6), (torch.float64, 0), (torch.float64, 1), (torch.float64, 6)],
)
def test_replica_outputs_and_gradients_match_single_models(
    variant: str,
    layout: object,
    kind: str,
    dtype: torch.dtype,
    time: int,
    choose: Callable[[object], None],
) -> None:
    choose(layout)
    bound = 1e-6 if dtype == torch.float32 else 1e-12
    ensemble = ElmanEnsemble(VOCAB, SEEDS, **VARIANTS[variant]).to(dtype)
    batch_first = ensemble.settings.batch_first
    symbols = VOCAB.encode_batch(["hihell", "ellohi"])[:, :time]
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(ensemble.initial_hidden(2).shape, generator=generator, dtype=dtype)
    inputs = symbols if kind != "one-hots" else torch.eye(5, dtype=dtype)[symbols]
    by_layout = inputs if batch_first else inputs.transpose(0, 1)
    if kind == "steps":
        last, steps = hidden, []
        for column in symbols.unbind(1):
            logits, last = ensemble.step(column, last)
            steps.append(logits)
        whole = torch.stack(steps, 2) if steps else torch.zeros(3, 2, 0, 5, dtype=dtype)
    else:
        whole, last = ensemble(by_layout, hidden)
        whole = whole if batch_first else whole.transpose(1, 2)
    whole.square().sum().backward() if time else None
    for replica, model in enumerate(ensemble):
        one_hots = torch.eye(5, dtype=dtype)[symbols]
        expected, final = model(
            one_hots if batch_first else one_hots.transpose(0, 1), hidden[replica]
        )
        expected = expected if batch_first else expected.transpose(0, 1)
        torch.testing.assert_close(whole[replica], expected, rtol=bound, atol=bound)
        torch.testing.assert_close(last[replica], final, rtol=bound, atol=bound)
        if time:
            expected.square().sum().backward()
            for name, parameter in model.named_parameters():
                grad = dict(ensemble.named_parameters())[name].grad
                assert grad is not None
                torch.testing.assert_close(grad[replica], parameter.grad, rtol=bound, atol=bound)


OPTIONS: dict[str, tuple[Any, dict[str, Any]]] = {
    "pair": (PAIR, {"lr": 0.05}),
    "texts": (TEXTS, {"lr": 0.01}),
    "a batch": (Batch.from_texts(TEXTS, VOCAB), {"lr": 0.01}),
    "minibatches": (TEXTS, {"lr": 0.01, "batch_size": 3, "seed": 1}),
    "validation": (TEXTS, {"lr": 0.01, "validation": 0.3, "batch_size": 2}),
    "clipping": (TEXTS, {"lr": 0.05, "clip_norm": 0.1}),
    "momentum": (TEXTS, {"lr": 0.1, "optimizer": partial(SGD, momentum=0.9)}),
    "scheduler": (TEXTS, {"lr": 0.05, "scheduler": partial(StepLR, step_size=10)}),
    "stepwise": (TEXTS, {"lr": 0.01, "stepwise": True}),
    "solved": (PAIR, {"lr": 0.05, "until": "solved", "epochs": 40}),
    "excess": (PAIR, {"lr": 0.05, "until": 1.0, "epochs": 40}),
    "patience": (TEXTS, {"lr": 0.3, "patience": 3, "validation": 0.3, "epochs": 40}),
}


def assert_equal_histories(got: History, expected: History) -> None:
    assert got.loss == pytest.approx(expected.loss, rel=1e-9)
    assert got.accuracy == pytest.approx(expected.accuracy)
    assert got.predictions == expected.predictions
    assert got.validation_loss == pytest.approx(expected.validation_loss, rel=1e-9)
    assert got.validation_accuracy == pytest.approx(expected.validation_accuracy)
    assert (got.lr, got.stopped, got.held_out) == (
        expected.lr,
        expected.stopped,
        expected.held_out,
    )
    assert (got.baselines, got.loss_floor, got.settings) == (
        expected.baselines,
        expected.loss_floor,
        expected.settings,
    )
    assert History.from_json(got.to_json()) == got


@cache  # they are the same for both layouts
def trained_alone(variant: str, option: str, seed: int) -> tuple[History, dict[str, Tensor]]:
    data, options = OPTIONS[option]
    alone = ElmanCharModel(VOCAB, seed=seed, **VARIANTS[variant]).double()
    history = fit(alone, data, **{"epochs": 15, **options})
    return history, alone.state_dict()


def assert_replicas_train_like_single_models(variant: str, option: str) -> None:
    data, options = OPTIONS[option]
    ensemble = ElmanEnsemble(VOCAB, SEEDS, **VARIANTS[variant]).double()
    history = fit(ensemble, data, **{"epochs": 15, **options})
    for replica, seed in enumerate(SEEDS):
        expected, weights = trained_alone(variant, option, seed)
        assert_equal_histories(history[replica], expected)
        for name, weight in weights.items():
            got = ensemble[replica].state_dict()[name]
            torch.testing.assert_close(got, weight, rtol=1e-9, atol=1e-9)


@LAYOUTS
@pytest.mark.parametrize("option", OPTIONS)
def test_replicas_train_like_single_models(
    option: str, layout: object, choose: Callable[[object], None]
) -> None:
    choose(layout)
    assert_replicas_train_like_single_models("state as logits", option)


@LAYOUTS
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_trains_like_single_models(
    variant: str, layout: object, choose: Callable[[object], None]
) -> None:
    choose(layout)
    assert_replicas_train_like_single_models(variant, "texts")


@pytest.mark.usefixtures("untraced")
def test_single_precision_deviates_by_less_than_1e_5() -> None:
    """For 90% of seeds: a few amplify rounding errors, as single models do between machines."""
    ensemble = ElmanEnsemble(VOCAB, range(200))
    assert isinstance(ensemble._layout, ReplicasLast)
    history = fit(ensemble, PAIR, epochs=100, lr=0.05)
    deviations = []
    for replica in range(40):
        alone = ElmanCharModel(VOCAB, seed=replica)
        expected = torch.tensor(fit(alone, PAIR, epochs=100, lr=0.05).loss)
        pairs = zip(ensemble[replica].parameters(), alone.parameters(), strict=True)
        differences = [(got - weight).detach().abs().max() for got, weight in pairs]
        differences.append((history.loss[:, replica] - expected).abs().max())
        deviations.append(max(float(difference) for difference in differences))
    assert np.quantile(deviations, 0.9) < 1e-5
    assert np.median(deviations) < 2e-6


def test_diverging_replica_does_not_affect_others() -> None:
    options: dict[str, Any] = {"optimizer": SGD, "lr": 0.5, "epochs": 40}
    ensemble = ElmanEnsemble(VOCAB, SEEDS, nonlinearity="relu").double()
    with torch.no_grad():
        ensemble.get_parameter("rnn.weight_hh_l0")[1] *= 1e200
    history = fit(ensemble, TEXTS, **options)
    assert history.stopped == ["epochs", "diverged", "epochs"]
    assert history.epochs.tolist()[::2] == [40, 40]
    assert history.epochs[1] < 40
    alone = ElmanCharModel(VOCAB, seed=SEEDS[2], nonlinearity="relu").double()
    assert history[2].loss == pytest.approx(fit(alone, TEXTS, **options).loss, rel=1e-9)
    assert history.quantiles(0.5).isfinite().all()


def wilson(count: int, trials: int) -> tuple[float, float]:
    """Find by bisection the rates p that are 1.96 sqrt(p (1 - p) / n) from the proportion."""
    proportion, z = count / trials, 1.959963984540054

    def edge(low: float, high: float, inside: float) -> float:
        for _ in range(200):
            p = (low + high) / 2
            distance = abs(proportion - p) - z * math.sqrt(p * (1 - p) / trials)
            low, high = (p, high) if (distance > 0) == (inside > 0) else (low, p)
        return (low + high) / 2

    return edge(0, proportion, 1) if count else 0.0, edge(
        proportion, 1, -1
    ) if count < trials else 1.0


@pytest.mark.parametrize(("count", "trials"), [(4, 10), (6, 10), (77, 100), (770, 1000)])
def test_interval_of_a_rate_is_wilsons(count: int, trials: int) -> None:
    rate = Proportion(count, trials)
    assert (rate.low, rate.high) == pytest.approx(wilson(count, trials), abs=1e-9)
    assert float(rate) == count / trials


@pytest.mark.parametrize("trials", [1, 2, 3, 4, 7, 10, 29, 1000])
def test_interval_is_exact_for_few_successes_or_failures(trials: int) -> None:
    few = [n for n in range(trials + 1) if min(n, trials - n) <= 3]
    for count in few:
        exact = binomtest(count, trials).proportion_ci(confidence_level=0.95, method="exact")
        rate = Proportion(count, trials)
        assert (rate.low, rate.high) == pytest.approx((exact.low, exact.high), rel=1e-8)
    assert (Proportion(0, trials).low, Proportion(trials, trials).high) == (0, 1)


@pytest.mark.parametrize("trials", [20, 4_000_000])
def test_exact_interval_without_successes_matches_its_formula(trials: int) -> None:
    """(1 - p)^n = 0.025."""
    assert Proportion(0, trials).high == pytest.approx(
        -math.expm1(math.log(0.025) / trials), rel=1e-9
    )
    assert Proportion(trials, trials).low == pytest.approx(
        math.exp(math.log(0.025) / trials), rel=1e-9
    )


@pytest.mark.parametrize("trials", [10, 100])
def test_intervals_for_few_events_cover_the_true_rate(trials: int) -> None:
    """Check the probability that the interval contains p, for at most one expected event."""
    for p in np.linspace(0.01 / trials, 1 / trials, 50):
        weights = binom.pmf(range(trials + 1), trials, p)
        rates = [Proportion(count, trials) for count in range(trials + 1)]
        inside = [rate.low <= p <= rate.high for rate in rates]
        assert weights[inside].sum() >= 0.95


def test_published_intervals() -> None:
    """Newcombe (1998), table I: Wilson's intervals, and exact ones for 0 of 20 and 1 of 29."""
    table = {(81, 263): (0.2553, 0.3662), (15, 148): (0.0624, 0.1605)}
    table |= {(0, 20): (0, 0.1684), (1, 29): (0.0009, 0.1776)}
    for (count, trials), (low, high) in table.items():
        rate = Proportion(count, trials)
        assert (round(rate.low, 4), round(rate.high, 4)) == (low, high)


def test_history_summarizes_the_seeds() -> None:
    rows: list[Row] = []
    ensemble = ElmanEnsemble(VOCAB, range(6))
    history = fit(ensemble, PAIR, epochs=50, lr=0.05, on_epoch=rows.append, validation=None)
    assert history.loss.shape == history.accuracy.shape == (50, 6)
    assert len(history) == 6
    assert history.validation_loss.shape == history.validation_accuracy.shape == (0, 6)
    assert history.optimum == [0.0] * 50
    assert history.lr == [0.05] * 50
    solved = [history[i].solved for i in range(6)]
    assert history.solved.tolist() == solved
    assert history.solve_rate == Proportion(sum(solved), 6)
    expected = np.quantile(history.loss.numpy(), [0.25, 0.5], axis=1, method="nearest")
    np.testing.assert_allclose(history.quantiles(0.25, 0.5).numpy(), expected)
    assert rows[-1].loss == pytest.approx(history.loss[-1].median().item())
    assert rows[-1].accuracy == pytest.approx(history.accuracy[-1].mean().item())
    assert history[-1].loss == history[5].loss
    with pytest.raises(IndexError):
        history[6]
    lines = str(history).splitlines()
    assert lines[0].split() == [
        "epoch",
        *["loss", "5%", "loss", "50%", "loss", "95%", "accuracy", "solved"],
    ]
    assert lines[-4] == f"solved: {history.solve_rate}"
    assert lines[-2:] == ["Trained on 1 pair of 6 symbols.", "Seeds: 6 ran all epochs."]
    assert "<table" in history._repr_html_()
    assert str(history.solve_rate) in history._repr_html_()


def test_history_summarizes_held_out_columns() -> None:
    rows: list[Row] = []
    ensemble = ElmanEnsemble(VOCAB, range(3))
    history = fit(ensemble, TEXTS, epochs=3, validation=0.3, on_epoch=rows.append)
    assert rows[0].validation_loss == pytest.approx(history.validation_loss[0].median().item())
    assert rows[0].validation_accuracy == pytest.approx(history.validation_accuracy[0].mean())


def test_interrupted_ensemble_keeps_its_history() -> None:
    def press(row: Row) -> None:
        if row.epoch == 3:
            raise KeyboardInterrupt

    history = fit(ElmanEnsemble(VOCAB, SEEDS), PAIR, epochs=9, on_epoch=press)
    assert history.stopped == ["interrupted"] * 3
    assert history.loss.shape == (3, 3)


def test_history_without_epochs_is_empty() -> None:
    from seqtoys.data.baselines import Baselines
    from seqtoys.records.ensemble_history import EnsembleHistory

    empty = EnsembleHistory([1, 2], Baselines(1.6, 0.5, 0.0))
    assert empty.solved.tolist() == [False, False]
    assert str(empty).startswith("epoch")
    assert empty[0].loss == []


def test_ensemble_behaves_like_a_module() -> None:
    ensemble = ElmanEnsemble(VOCAB, range(300))
    ensemble[3].rnn.get_parameter("weight_hh_l0").data.zero_()  # a copy
    assert ensemble[3].rnn.get_parameter("weight_hh_l0").any()
    assert len(ensemble) == len(list(ensemble)) == 300
    for twin in (copy.deepcopy(ensemble), pickle.loads(pickle.dumps(ensemble))):
        assert twin.predict("hi") == ensemble.predict("hi")
        before, after = (fit(e, PAIR, epochs=3).loss for e in (copy.deepcopy(ensemble), twin))
        torch.testing.assert_close(before, after)
    assert ensemble.predict("hihell") == [model.predict("hihell") for model in ensemble]
    assert ensemble.loss_floor == ensemble[0].loss_floor
    assert "Vocab('hielo'), 300 seeds" in repr(ensemble)
    with pytest.raises(IndexError):
        ensemble[300]


ERRORS: dict[str, Any] = {
    "no seed": (
        lambda: ElmanEnsemble(VOCAB, []),
        OptionError,
        "expected at least one seed, got none",
    ),
    "seed": (
        lambda: ElmanEnsemble(VOCAB, [0, 0.5]),  # type: ignore[list-item]
        OptionError,
        "expected seed to be an integer of at most 64 bits, got 0.5",
    ),
    "hidden": (
        lambda: ElmanEnsemble(VOCAB, [0, 1])(VOCAB.encode_batch(["hi"]), torch.zeros(1, 1, 5)),
        ShapeError,
        "expected hidden of shape (replicas, layers, batch, hidden) = (2, 1, 1, 5), got (1, 1, 5)",
    ),
    "plateau": (
        lambda: fit(ElmanEnsemble(VOCAB, [0, 1]), PAIR, scheduler=ReduceLROnPlateau),
        OptionError,
        "ReduceLROnPlateau cannot be combined with an ensemble, in which each replica has its own "
        "loss; use a scheduler that depends on the epoch alone",
    ),
    "goal": (
        lambda: fit(ElmanEnsemble(VOCAB, [0, 1]), PAIR, until=-1.0),
        OptionError,
        "expected until to be 'solved', a positive number of nats or None, got -1.0",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_name_expected_and_actual_values(case: str, assert_error: ErrorCheck) -> None:
    assert_error(*ERRORS[case])


MEASURE = """
import resource, torch
torch.set_num_threads(1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
from seqtoys import ElmanEnsemble, Vocab, fit
fit(ElmanEnsemble(Vocab("hielo"), range(10_000)), ("hihell", "ihello"), epochs=3, progress=False)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has another unit")
def test_ten_thousand_replicas_fit_in_half_a_gigabyte() -> None:
    run = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert float(run.stdout) < 500


def test_many_predictions_are_not_kept() -> None:
    batch = Batch(torch.zeros(1, 6000).long(), torch.zeros(1, 6000).long())
    history = fit(ElmanEnsemble(VOCAB, range(200)), batch, epochs=1)
    assert history[0].predictions == []
    few: Tensor = torch.zeros(1, 4000).long()
    history = fit(ElmanEnsemble(VOCAB, range(200)), Batch(few, few), epochs=1)
    assert len(history[0].predictions[0][0]) == 4000


@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 2e-7), (torch.float64, 4e-16)])
def test_tanh_of_ensembles_has_the_stated_error(dtype: torch.dtype, error: float) -> None:
    x = torch.linspace(-20, 20, 100_001, dtype=dtype)
    expected = torch.tanh(x.double())
    found = tanh_of_half_into(2 * x, torch.empty_like(x)).double()
    assert (found - expected).abs().max() < error
