"""Every PyTorch optimizer and scheduler trains as in a hand-written loop, or is rejected."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn, optim
from torch.optim import SGD, Adam
from torch.optim import lr_scheduler as schedulers

from seqtoys import ElmanCharModel, ElmanEnsemble, Text, Vocab, fit, sweep
from seqtoys.errors import OptionError
from seqtoys.training.optimizers import make_scheduler
from tests.test_resume import SCHEDULERS

pytestmark = pytest.mark.type_checked

VOCAB = Vocab("hielo")
INPUTS, TARGETS = VOCAB.encode_batch(["hihell"]), VOCAB.encode("ihello")
EPOCHS = 6
ErrorCheck = Callable[[Callable[[], object], type[Exception], str], None]
REFUSED = ("LBFGS", "SparseAdam", "Muon")
OPTIMIZERS: dict[str, Any] = {
    name: kind
    for name, kind in vars(optim).items()
    if isinstance(kind, type) and issubclass(kind, optim.Optimizer) and name != "Optimizer"
}
FLAGS: dict[str, Any] = {
    "amsgrad": partial(Adam, amsgrad=True),
    "maximize": partial(Adam, maximize=True),
    "fused": partial(Adam, fused=True),
    "foreach": partial(optim.AdamW, foreach=True),
    "its own learning rate": partial(SGD, lr=0.25),
    "a learning rate in a tensor": partial(Adam, lr=torch.tensor(0.25)),
    "momentum": partial(SGD, momentum=0.9, nesterov=True),
}


def network(**options: Any) -> ElmanCharModel:
    """Return a network of two layers, which autograd trains."""
    return ElmanCharModel(VOCAB, hidden_size=6, num_layers=2, **options).double()


def by_hand(
    model: nn.Module, optimizer: Any, scheduler: Any = None, epochs: int = EPOCHS
) -> tuple[list[float], list[float]]:
    """Train in a loop as in PyTorch's docs; return the losses and learning rates."""
    losses, rates = [], []
    for _ in range(epochs):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        output = model(INPUTS)
        logits = output[0] if isinstance(output, tuple) else output
        loss = nn.functional.cross_entropy(logits[0], TARGETS)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if isinstance(scheduler, schedulers.ReduceLROnPlateau):
            scheduler.step(loss.item())
        elif scheduler is not None:
            scheduler.step()
    return losses, rates


@pytest.mark.parametrize("name", sorted(set(OPTIMIZERS) - set(REFUSED)))
def test_every_optimizer_matches_a_hand_written_loop(name: str) -> None:
    oracle = network()
    losses, rates = by_hand(oracle, OPTIMIZERS[name](oracle.parameters(), lr=0.01))
    history = fit(network(), "hihello", epochs=EPOCHS, optimizer=OPTIMIZERS[name])
    assert history.loss == pytest.approx(losses, rel=1e-9)
    assert history.lr == rates
    assert losses[0] != losses[-1]


@pytest.mark.parametrize("name", FLAGS)
def test_optimizer_flags_match_pytorch(name: str) -> None:
    oracle, model = network(), network()
    own: dict[str, Any] = {} if "lr" in FLAGS[name].keywords else {"lr": 0.05}
    losses, rates = by_hand(oracle, FLAGS[name](oracle.parameters(), **own))
    history = fit(model, "hihello", epochs=EPOCHS, optimizer=FLAGS[name], **own)
    assert history.loss == pytest.approx(losses, rel=1e-9)
    assert history.lr == rates
    assert history.settings["lr"] == rates[0]


@pytest.mark.parametrize("is_scheduled", [False, True])
@pytest.mark.parametrize("name", ["Adam", "AdamW", "Adagrad", "SGD", *FLAGS])
def test_optimizers_of_hand_written_gradients_match_pytorch(name: str, is_scheduled: bool) -> None:
    factory: Any = deepcopy(FLAGS.get(name) or OPTIMIZERS[name])  # schedulers change rate tensors
    rate: dict[str, Any] = {} if "lr" in getattr(factory, "keywords", {}) else {"lr": 0.05}
    oracle, model = (ElmanCharModel(VOCAB, hidden_size=6).double() for _ in range(2))
    assert model.writes_gradients
    schedule: Any = partial(schedulers.StepLR, step_size=2) if is_scheduled else None
    optimizer = deepcopy(factory)(oracle.parameters(), **rate)
    losses, rates = by_hand(oracle, optimizer, schedule and schedule(optimizer), 30)
    history = fit(model, "hihello", epochs=30, optimizer=factory, scheduler=schedule, **rate)
    assert history.loss == pytest.approx(losses, rel=1e-9)
    assert history.lr == rates


@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_scheduler_matches_a_hand_written_loop(name: str) -> None:
    oracle, model = network(), network()
    optimizer = SGD(oracle.parameters(), lr=0.01, momentum=0.9)
    losses, rates = by_hand(oracle, optimizer, SCHEDULERS[name](optimizer), 9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = fit(
            model,
            "hihello",
            epochs=9,
            optimizer=partial(SGD, momentum=0.9),
            scheduler=SCHEDULERS[name],
        )
    assert history.lr == rates
    assert history.loss == pytest.approx(losses, rel=1e-9)


class Matrices(nn.Module):
    """A model whose weights are all matrices, optionally one with sparse gradients."""

    def __init__(self, *, sparse: bool) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.table = nn.Embedding(5, 5, sparse=sparse)
            self.readout = nn.Identity() if sparse else nn.Linear(5, 5, bias=False)

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.readout(self.table(inputs))
        return logits


@pytest.mark.parametrize(("name", "sparse"), [("Muon", False), ("SparseAdam", True)])
def test_muon_and_sparse_adam_train_suitable_models(name: str, sparse: bool) -> None:
    kind = OPTIMIZERS.get(name)
    if kind is None:
        pytest.skip(f"this version of PyTorch has no {name}")
    oracle = Matrices(sparse=sparse)
    losses, _ = by_hand(oracle, kind(oracle.parameters(), lr=0.01))
    history = fit(Matrices(sparse=sparse), "hihello", vocab=VOCAB, epochs=EPOCHS, optimizer=kind)
    assert history.loss == pytest.approx(losses, rel=1e-5)


given: Any = partial  # for arguments that type checkers reject

WILD: dict[str, tuple[dict[str, Any], type[Exception] | None]] = {
    "a closure": ({"optimizer": optim.LBFGS}, None),
    "dense gradients": ({"optimizer": optim.SparseAdam}, RuntimeError),
    "no matrices": ({"optimizer": getattr(optim, "Muon", given(Adam, eps=-1))}, ValueError),
    "betas": ({"optimizer": given(Adam, betas=(2, 3))}, ValueError),
    "one beta": ({"optimizer": given(Adam, betas=(0.9,))}, IndexError),
    "betas as a string": ({"optimizer": given(Adam, betas="ab")}, TypeError),
    "capturable": ({"optimizer": given(Adam, capturable=True)}, AssertionError),
    "differentiable": ({"optimizer": given(Adam, differentiable=True)}, RuntimeError),
    "fused and foreach": ({"optimizer": given(Adam, fused=True, foreach=True)}, RuntimeError),
    "momentum": ({"optimizer": given(SGD, momentum=-1)}, ValueError),
    "its own learning rate": ({"optimizer": given(SGD, lr=-1)}, ValueError),
    "an unknown option": ({"optimizer": given(SGD, betas=(0.9, 0.9))}, TypeError),
    "a factory that fails": ({"optimizer": lambda parameters, lr: {}[lr]}, KeyError),
    "no step": ({"scheduler": given(schedulers.StepLR, step_size=0)}, ZeroDivisionError),
    "no period": (
        {"scheduler": given(schedulers.CosineAnnealingLR, T_max=0)},
        ZeroDivisionError,
    ),
    "gamma as a string": ({"scheduler": given(schedulers.ExponentialLR, gamma="x")}, TypeError),
    "a rate as a string": (
        {"scheduler": given(schedulers.LambdaLR, lr_lambda=lambda epoch: "x" * epoch)},
        TypeError,
    ),
    "a factor": ({"scheduler": given(schedulers.ReduceLROnPlateau, factor=2)}, ValueError),
    "patience": ({"scheduler": given(schedulers.ReduceLROnPlateau, patience="x")}, TypeError),
    "no momentum to cycle": (
        {
            "scheduler": given(schedulers.CyclicLR, base_lr=0.1, max_lr=0.2),
            "optimizer": optim.Rprop,
        },
        ValueError,
    ),
    "a scheduler that ends": (
        {"scheduler": given(schedulers.OneCycleLR, max_lr=0.1, total_steps=5)},
        None,
    ),
    "a huge integer": ({"lr": 10**400}, None),
    "a float that rounds to 0": ({"lr": 1e-400}, None),
    "two learning rates": ({"lr": 0.1, "optimizer": given(SGD, lr=0.5)}, None),
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize("name", WILD)
def test_invalid_options_raise_before_the_first_epoch(name: str, stacked: bool) -> None:
    options, cause = WILD[name]
    if name == "dense gradients":
        options = {**options, "epochs": 1}
    model = network() if stacked else ElmanCharModel(VOCAB)
    before = [weight.detach().clone() for weight in model.parameters()]
    with pytest.raises(OptionError) as caught:
        fit(model, "hihello", **options)
    assert (type(caught.value.__cause__) if caught.value.__cause__ else None) is cause
    if name != "dense gradients":  # found only by the first update
        assert caught.value.history is None
    assert all(map(torch.equal, before, model.parameters()))
    assert all(weight.grad is None for weight in model.parameters()) or name == "dense gradients"


MESSAGES: dict[str, Any] = {
    "a closure": (
        {"optimizer": optim.LBFGS},
        "expected an optimizer whose step needs no closure, got LBFGS; fit computes the loss "
        "only once per update",
    ),
    "two learning rates": (
        {"lr": 0.1, "optimizer": partial(SGD, lr=0.5)},
        "lr=0.1 cannot be combined with an optimizer made with lr=0.5; omit one of the two",
    ),
    "a learning rate ignored": (
        {"lr": 0.1, "optimizer": lambda parameters, lr: SGD(parameters, lr=0.5)},
        "lr=0.1 cannot be combined with an optimizer made with lr=0.5; omit one of the two",
    ),
    "a learning rate replaced": (
        {"lr": 0.1, "scheduler": partial(schedulers.OneCycleLR, max_lr=0.1, total_steps=100)},
        "lr=0.1 cannot be combined with OneCycleLR, which sets its own initial learning rate, "
        "0.004; omit lr",
    ),
    "a scheduler that ends": (
        {"epochs": 10, "scheduler": partial(schedulers.OneCycleLR, max_lr=0.1, total_steps=5)},
        "expected a scheduler for 10 epochs, got OneCycleLR with 5 steps, one per epoch; use the "
        "same number for both",
    ),
    "options": (
        {"optimizer": partial(Adam, betas=(2, 3))},
        "cannot create the optimizer: Adam failed with ValueError: Invalid beta parameter at "
        "index 0: 2",
    ),
    "a step": (
        {"scheduler": partial(schedulers.StepLR, step_size=0)},
        "StepLR.step() failed with ZeroDivisionError: integer modulo by zero",
    ),
    "no parameter groups": (
        {"optimizer": lambda parameters, lr: Groupless()},
        "expected optimizer to create a torch.optim optimizer, got a Groupless",
    ),
}


class Groupless:
    """An optimizer without parameter groups."""

    def __init__(self) -> None:
        self.param_groups: list[dict[str, Any]] = []

    def step(self) -> None:
        """Update nothing."""

    def state_dict(self) -> dict[str, Any]:
        """Keep no state."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep no state."""


@pytest.mark.parametrize("name", MESSAGES)
def test_rejections_explain_why(name: str, assert_error: ErrorCheck) -> None:
    options, message = MESSAGES[name]
    assert_error(lambda: fit(network(), "hihello", **options), OptionError, message)


OWN_RATES: dict[str, Any] = {
    "a partial": partial(SGD, lr=0.5),
    "a partial of a partial": partial(partial(SGD, lr=0.5), momentum=0.0),
    "a function without lr": lambda parameters: SGD(parameters, lr=0.5),
    "a function that ignores lr": lambda parameters, lr: SGD(parameters, lr=0.5),
    "groups": lambda parameters, lr=0.5: SGD(
        [{"params": [each], "lr": lr * 0.1**at} for at, each in enumerate(parameters)], lr=lr
    ),
}


@pytest.mark.parametrize("name", OWN_RATES)
def test_optimizers_own_learning_rate_is_used_by_default(name: str) -> None:
    expected = 0.01 if name == "groups" else 0.5
    factory, oracle = OWN_RATES[name], network()
    made = factory(oracle.parameters(), lr=0.01) if name == "groups" else SGD(
        oracle.parameters(), lr=0.5
    )  # fmt: skip
    losses, _ = by_hand(oracle, made)
    history = fit(network(), "hihello", epochs=EPOCHS, optimizer=factory)
    assert history.lr == [expected] * EPOCHS
    assert history.settings["lr"] == expected
    assert history.loss == pytest.approx(losses, rel=1e-9)


@pytest.mark.parametrize("lr", [None, 0.5])
def test_equal_learning_rates_are_accepted(lr: float | None) -> None:
    history = fit(network(), "hihello", epochs=2, lr=lr, optimizer=partial(SGD, lr=0.5))
    assert history.lr == [0.5, 0.5]


def test_default_learning_rate_is_0_01_for_fused_adam() -> None:
    step: dict[str, Any] = {"scheduler": partial(schedulers.StepLR, step_size=9)}
    for options in ({}, step):
        model, oracle = (ElmanCharModel(VOCAB, hidden_size=6).double() for _ in range(2))
        losses, rates = by_hand(oracle, Adam(oracle.parameters(), lr=0.01))
        history = fit(model, "hihello", epochs=EPOCHS, **options)
        assert history.loss == pytest.approx(losses, rel=1e-9)
        assert history.lr == rates
        assert history.settings["lr"] == 0.01


def test_scheduler_may_change_the_initial_learning_rate() -> None:
    history = fit(network(), "hihello", epochs=2, lr=0.3, scheduler=schedulers.LinearLR)
    assert history.lr[0] == pytest.approx(0.1)
    assert history.settings["lr"] == 0.3
    cycle = partial(schedulers.OneCycleLR, max_lr=0.1, total_steps=10)
    history = fit(network(), "hihello", epochs=2, scheduler=cycle)
    assert history.settings["lr"] == pytest.approx(0.004)
    assert history.lr[0] == pytest.approx(0.004)


def test_sweep_uses_each_optimizers_own_learning_rate() -> None:
    grid = {"optimizer": [partial(SGD, lr=0.5), partial(SGD, lr=0.1)]}
    result = sweep(ElmanEnsemble, Text(["hihello"]), grid=grid, seeds=[1], epochs=5, count=5)
    losses = [
        fit(ElmanEnsemble(VOCAB, [1]), Text(["hihello"]), epochs=5, lr=lr, optimizer=SGD)
        for lr in (0.5, 0.1)
    ]
    assert [row.error for row in result.rows] == [None, None]
    assert losses[0].loss[-1] != losses[1].loss[-1]
    assert result.rows[0].loss != result.rows[1].loss
    both = sweep(
        ElmanEnsemble,
        Text(["hihello"]),
        grid={"optimizer": [partial(SGD, lr=0.5)], "lr": [0.1]},
        seeds=[1],
        epochs=5,
        count=5,
    )
    assert "lr=0.1 cannot be combined" in (both.rows[0].error or "")


def allowed(scheduler: Any) -> int:
    """Count the steps that a scheduler allows before it fails."""
    for steps in range(40):
        try:
            scheduler.step()
        except ValueError:
            return steps
    return 40


def cycle(optimizer: Any, steps: int) -> Any:
    return schedulers.OneCycleLR(optimizer, max_lr=0.1, total_steps=steps)


def flat(optimizer: Any) -> Any:
    return schedulers.ConstantLR(optimizer)


ENDING: dict[str, Callable[[Any], Any]] = {
    "one cycle": lambda o: cycle(o, 5),
    "endless": flat,
    "chained": lambda o: schedulers.ChainedScheduler([flat(o), cycle(o, 7)]),
    "first": lambda o: schedulers.SequentialLR(o, [cycle(o, 3), flat(o)], [9]),
    "first, in time": lambda o: schedulers.SequentialLR(o, [cycle(o, 3), flat(o)], [4]),
    "first, one too late": lambda o: schedulers.SequentialLR(o, [cycle(o, 3), flat(o)], [5]),
    "last": lambda o: schedulers.SequentialLR(o, [flat(o), cycle(o, 6)], [4]),
    "in the middle": lambda o: schedulers.SequentialLR(o, [flat(o), cycle(o, 2), flat(o)], [4, 9]),
    "a sequence, chained": lambda o: schedulers.ChainedScheduler(
        [schedulers.SequentialLR(o, [flat(o), cycle(o, 6)], [4])]
    ),
}


@pytest.mark.parametrize("name", ENDING)
def test_scheduler_with_too_few_steps_raises_before_training(name: str) -> None:
    def optimizer() -> Any:
        made = SGD([nn.Parameter(torch.zeros(()))], lr=0.1, momentum=0.9)
        made.step()
        return made

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the order of steps
        steps = allowed(ENDING[name](optimizer()))
        make_scheduler(ENDING[name], optimizer(), replicas=0, epochs=steps)
        if steps < 40:
            with pytest.raises(OptionError, match=f"with {steps} steps, one per epoch"):
                make_scheduler(ENDING[name], optimizer(), replicas=0, epochs=steps + 1)
    assert steps == {
        "one cycle": 5, "endless": 40, "chained": 7, "first": 3, "first, in time": 40,
        "first, one too late": 3, "last": 10, "in the middle": 6, "a sequence, chained": 10,
    }[name]  # fmt: skip


def test_optimizer_that_mixes_replicas_raises(
    assert_error: ErrorCheck,
) -> None:
    def step(start: Tensor, grad: Tensor) -> Tensor:
        weight = nn.Parameter(start.clone())
        weight.grad = grad
        optim.Adafactor([weight], lr=0.1).step()
        return weight.detach()

    starts, grads = torch.tensor([[[1.0, 2.0]], [[30.0, 40.0]]]), torch.ones(2, 1, 2)
    together = step(starts, grads)
    assert not torch.allclose(together[0], step(starts[0], grads[0]))
    assert_error(
        lambda: fit(ElmanEnsemble(VOCAB, [1, 2]), "hihello", optimizer=optim.Adafactor),
        OptionError,
        "Adafactor cannot be combined with an ensemble, as it would mix the replicas; use an "
        "optimizer that updates each parameter elementwise",
    )


class Counting(SGD):
    """A user's optimizer, which may not survive a copy."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.steps = 0

    def step(self, closure: Any = None) -> Any:
        self.steps += 1
        return super().step(closure)


def test_user_defined_optimizer_steps_only_in_training() -> None:
    made: list[Counting] = []

    def factory(parameters: Any, lr: float) -> Counting:
        made.append(Counting(parameters, lr=lr))
        return made[-1]

    fit(network(), "hihello", epochs=3, optimizer=factory)
    assert [each.steps for each in made] == [3]


class WarmUp:
    """A user's scheduler that does not record its initial learning rate."""

    def __init__(self, optimizer: Any) -> None:
        self.group, self.full = optimizer.param_groups[0], optimizer.param_groups[0]["lr"]
        self.group["lr"] = 0.0

    def step(self) -> None:
        self.group["lr"] = min(self.full, self.group["lr"] + self.full / 2)


def test_user_defined_scheduler_may_change_the_initial_learning_rate() -> None:
    history = fit(network(), "hihello", epochs=4, lr=0.2, scheduler=WarmUp)
    assert history.lr == [0.0, 0.1, 0.2, 0.2]
    assert history.settings["lr"] == 0.2


class Uncopied:
    """A schedule that can't be copied."""

    def __init__(self) -> None:
        self.epochs: list[int] = []

    def __call__(self, epoch: int) -> float:
        self.epochs.append(epoch)
        return 0.5**epoch

    def __deepcopy__(self, memo: object) -> Any:
        raise TypeError("no copies")


def test_uncopyable_schedule_is_first_called_in_training() -> None:
    schedule = Uncopied()
    scheduler = partial(schedulers.LambdaLR, lr_lambda=schedule)
    history = fit(network(), "hihello", epochs=3, lr=0.2, optimizer=SGD, scheduler=scheduler)
    assert history.lr == [0.2, 0.1, 0.05]
    assert schedule.epochs == [0, 1, 2, 3]
