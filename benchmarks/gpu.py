"""The same training runs on a GPU and on the CPU: are the results equal, and how fast is each?

Run it with `python -m benchmarks.gpu`; `--write` stores the results for the page. Without a GPU,
it prints the reason and measures nothing.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.ensembles import MODELS, SYMBOLS, draw_batch
from benchmarks.machine import describe
from benchmarks.results import store
from benchmarks.timing import Row
from seqtoys import (
    Batch,
    Checkpoint,
    ElmanCharModel,
    ElmanEnsemble,
    Ensemble,
    Task,
    Vocab,
    evaluate,
    fit,
    get_task,
    load,
)
from seqtoys.models import (
    DeltaNetCharModel,
    GRUCharModel,
    LRUCharModel,
    LSTMCharModel,
    MambaCharModel,
    TransformerCharModel,
)

STORED = Path(__file__).with_name("gpu.json")
CPU = torch.device("cpu")
EPOCHS, UNITS, SEEDS = 50, 32, 8
REPEATS = 3  # of each timed training run
COUNT = 256  # sequences of each length in an evaluation
TOLERANCE = 1e-4
VOCAB = Vocab("abcdefghijkl"[:SYMBOLS])
TASK = "reber"
# Adam divides each gradient by its size. If it is 0 up to rounding, as for the biases of the keys
# in attention, the update would be as large as any other, and rounding would decide its direction.
SGD = partial(torch.optim.SGD, momentum=0.9)
LR = 0.01


@dataclass(frozen=True)
class Training:
    """A training run, which is the same on every device.

    Attributes:
        make: Makes the model, on the CPU.
        options: The options of `fit`, besides those of all runs.
        task: The name of a task to train and evaluate on. If None, the training data are one
            batch, and nothing is evaluated.
        halves: Whether to save the training halfway, resume it with a new model, and load the
            result from its file.
        updates: The number of updates per epoch.
    """

    make: Callable[[], nn.Module]
    options: dict[str, Any] = field(default_factory=dict)
    task: str | None = None
    halves: bool = False
    updates: int = 1

    def data(self) -> Batch | Task:
        """Return the training data."""
        return draw_batch() if self.task is None else get_task(self.task)


@dataclass(frozen=True)
class Outcome:
    """The results of a training run, on the CPU.

    Attributes:
        losses: All losses that were measured.
        weights: The weights at the end, by name.
    """

    losses: Tensor
    weights: dict[str, Tensor]


def _elman(**options: Any) -> Callable[[], nn.Module]:
    return lambda: ElmanCharModel(VOCAB, hidden_size=UNITS, **options)


def _on_task() -> nn.Module:
    return ElmanCharModel(get_task(TASK).vocab, hidden_size=UNITS)


def _ensemble(name: str) -> Callable[[], nn.Module]:
    return lambda: Ensemble(lambda seed: MODELS[name](), range(SEEDS))


TRAININGS: dict[str, Training] = {
    "ElmanCharModel, one-hot vectors": Training(_elman()),
    "ElmanCharModel, embedding": Training(_elman(embedding_size=16)),
    "ElmanCharModel, two layers": Training(_elman(num_layers=2)),
    "ElmanCharModel, mini-batches": Training(
        _elman(), {"batch_size": 8, "validation": 0.25, "clip_norm": 1.0}, updates=3
    ),
    "ElmanCharModel, saved and resumed": Training(_elman(embedding_size=16), halves=True),
    f"ElmanCharModel on {TASK}, and evaluate": Training(
        _on_task, {"batch_size": 32, "validation": 0.25}, task=TASK
    ),
    f"ElmanEnsemble of {SEEDS} seeds": Training(
        lambda: ElmanEnsemble(VOCAB, range(SEEDS), hidden_size=UNITS)
    ),
    f"Ensemble of {SEEDS} GRUs": Training(_ensemble("GRU")),
    f"Ensemble of {SEEDS} transformers": Training(_ensemble("transformer")),
    **{
        kind.__name__: Training(partial(kind, VOCAB, UNITS))
        for kind in (
            GRUCharModel,
            LSTMCharModel,
            TransformerCharModel,
            LRUCharModel,
            MambaCharModel,
            DeltaNetCharModel,
        )
    },
}


def measure(training: Training, device: torch.device, name: str = "") -> Row:
    """Train on the CPU and on a device, and compare the results and the speed.

    Args:
        training: The training run.
        device: The device.
        name: The name of the run, for the table.
    """
    # By default, cuDNN runs recurrent networks on a GPU in a precision of 10 bits (TF32).
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        expected, found = train(training, CPU), train(training, device)
        speeds = [median(_speeds(training, where)) for where in (CPU, device)]
    losses = largest_difference({"": expected.losses}, {"": found.losses})
    weights = largest_difference(expected.weights, found.weights)
    return {
        "name": name,
        "losses": losses,
        "weights": weights,
        "met": max(losses, weights) <= TOLERANCE,
        "cpu": speeds[0],
        "gpu": speeds[1],
        "date": date.today().isoformat(),
    }


def train(training: Training, device: torch.device) -> Outcome:
    """Train and evaluate on a device.

    Args:
        training: The training run.
        device: The device.
    """
    model, data = training.make().to(device), training.data()
    options: dict[str, Any] = {"lr": LR, "optimizer": SGD, "progress": False, **training.options}
    with tempfile.TemporaryDirectory() as folder:
        if training.halves:
            checkpoint = Checkpoint(Path(folder) / "training", every=EPOCHS // 2)
            fit(model, data, epochs=EPOCHS // 2, checkpoint=checkpoint, **options)
            model = training.make().to(device)
            options |= {"checkpoint": checkpoint, "resume": checkpoint.path}
        history: Any = fit(model, data, epochs=EPOCHS, **options)
        if training.halves:
            model = load(options["resume"])
    columns = (history.loss, history.validation_loss)
    losses = [torch.as_tensor(column).double().flatten() for column in columns]
    if isinstance(data, Task):
        report = evaluate(model, data, count=COUNT)
        losses.append(torch.tensor([score.loss for score in report.scores.values()]))
    weights = {name: weight.detach().cpu() for name, weight in model.named_parameters()}
    return Outcome(torch.cat(losses), weights)


def largest_difference(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """Return the largest absolute difference between tensors of the same names; inf for nan.

    Examples:
        >>> largest_difference({"bias": torch.zeros(2)}, {"bias": torch.tensor([0.0, -0.5])})
        0.5
    """
    each = [(one[name] - other[name]).abs().nan_to_num(torch.inf).max() for name in one]
    return max(difference.item() for difference in each)


def why_no_gpu() -> str | None:
    """Return why there is no GPU to measure, or None if there is one."""
    if torch.version.cuda is None and torch.version.hip is None:
        return f"this build of PyTorch, {torch.__version__}, supports no GPU"
    return None if torch.cuda.is_available() else "PyTorch finds no GPU"


def find_gpu() -> tuple[torch.device, str]:
    """Return the current GPU and its name."""
    device = torch.device("cuda", torch.cuda.current_device())
    return device, torch.cuda.get_device_name(device)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return its exit status: 1 if a result is different.

    Args:
        arguments: The command-line arguments. If None, they are taken from `sys.argv`.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--write", action="store_true", help="store the results for the page")
    options = parser.parse_args(arguments)
    missing = why_no_gpu()
    if missing is not None:
        print(f"nothing was measured: {missing}")
        return 0
    torch.set_num_threads(1)
    device, gpu = find_gpu()
    print(gpu, flush=True)
    rows = [_measure_or_report(name, device) for name in TRAININGS]
    if options.write:
        machine = {**describe(), "gpu": gpu, "cuda": torch.version.cuda or torch.version.hip}
        store("gpu", rows, STORED, machine=machine)
    return int(not all(row["met"] for row in rows))


def show(row: Row) -> str:
    """Format a row as one line.

    Examples:
        >>> show({"name": "GRU", "losses": 1e-7, "weights": 2e-3, "met": False, "cpu": 90.0,
        ...       "gpu": 210.0})
        'GRU: losses within 1e-07, weights within 0.002: NOT EQUAL; 90 and 210 updates per second'
        >>> show({"name": "GRU", "error": "RuntimeError: out of memory"})
        'GRU: RuntimeError: out of memory'
    """
    if "error" in row:
        return f"{row['name']}: {row['error']}"
    verdict = "equal" if row["met"] else "NOT EQUAL"
    return (
        f"{row['name']}: losses within {row['losses']:.2g}, weights within {row['weights']:.2g}: "
        f"{verdict}; {row['cpu']:.3g} and {row['gpu']:.3g} updates per second"
    )


def _measure_or_report(name: str, device: torch.device) -> Row:
    """Measure a training run; an error is its result, since the others can still be measured."""
    try:
        row = measure(TRAININGS[name], device, name)
    except Exception as error:
        problem = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        row = {"name": name, "error": problem, "met": False, "date": date.today().isoformat()}
    print(show(row), flush=True)
    return row


def _speeds(training: Training, device: torch.device) -> list[float]:
    """Return the number of updates per second in each of several runs with Adam."""
    model, data = training.make().to(device), training.data()
    run = partial(fit, model, data, epochs=EPOCHS, progress=False, **training.options)
    run()  # warm up: kernels are loaded on first use
    speeds = []
    for _ in range(REPEATS):
        _wait_for(device)
        started = time.perf_counter()
        run()
        _wait_for(device)
        speeds.append(EPOCHS * training.updates / (time.perf_counter() - started))
    return speeds


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    raise SystemExit(main())
