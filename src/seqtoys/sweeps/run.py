"""The work of one worker: train the seeds of a cell, and evaluate them."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import torch
from torch import nn

from seqtoys.errors import NonFiniteLossError, OptionError
from seqtoys.models.ensembles.ensemble import Ensemble
from seqtoys.models.forward import count_replicas
from seqtoys.records.ensemble_history import EnsembleHistory
from seqtoys.records.history import History
from seqtoys.support.rng_state import GlobalDraws, globally_seeded
from seqtoys.sweeps.cells import Cell, MakeModel
from seqtoys.sweeps.failures import describe_error
from seqtoys.sweeps.goal import find_goal, first_epochs, is_solved, remark_on
from seqtoys.sweeps.isolation import isolated, state_seed
from seqtoys.sweeps.longest import try_longest
from seqtoys.sweeps.measured import Facts, measure_cell
from seqtoys.sweeps.reuse import check_new, record_new
from seqtoys.sweeps.row import SweepRow
from seqtoys.training.curriculum import Curriculum
from seqtoys.training.fit import fit
from seqtoys.training.optimizers import updates_elementwise

DIVERGED: Facts = {"solved": False, "stopped": "diverged"}


def run_cell(cell: Cell) -> list[SweepRow]:
    """Train the seeds of a cell and evaluate them; errors are recorded in their rows.

    Raises:
        KeyboardInterrupt: After Ctrl-C, even if `fit` caught it first.
    """
    return [row for rows in run_in_parts(cell) for row in rows]


def run_in_parts(cell: Cell) -> Iterator[list[SweepRow]]:
    """Train and evaluate the seeds of a cell, and yield the rows of those trained together.

    Single models are trained together if each gets the results of being trained alone.

    Raises:
        KeyboardInterrupt: After Ctrl-C, even if `fit` caught it first.
    """
    is_one_model = cell.makes_ensemble or len(cell.seeds) == 1
    rows = None if is_one_model else _run_together(cell)
    if rows is not None:
        yield rows
    else:
        yield from map(_run, separated(cell))


def separated(cell: Cell) -> list[Cell]:
    """Return a cell for each seed, or the cell itself if its model is an ensemble."""
    seeds = [cell.seeds] if cell.makes_ensemble else [(seed,) for seed in cell.seeds]
    return [replace(cell, seeds=each) for each in seeds]


def _run(cell: Cell) -> list[SweepRow]:
    started = time.perf_counter()
    try:
        # Weights created in inference mode could not be trained.
        with isolated(cell.seeds[0]), torch.inference_mode(False):
            started = time.perf_counter()  # excluding the wait for other cells
            facts = _measure_cell(cell, _make(cell))
    except Exception as error:  # from the user's model, or an invalid setting
        return failed_rows(cell, describe_error(error), time.perf_counter() - started)
    return _rows(cell, facts, time.perf_counter() - started)


def _run_together(cell: Cell) -> list[SweepRow] | None:
    """Train the single models of a cell as an ensemble; None if that might affect the results.

    If anything fails here, each seed is trained alone, which assigns the error to its seed.
    """
    optimizer = cell.fit_options.get("optimizer", torch.optim.Adam)
    if isinstance(cell.fit_options.get("lengths"), Curriculum):  # grows with the mean accuracy
        return None
    if not updates_elementwise(optimizer):
        return None
    try:
        with isolated(cell.seeds[0]), torch.inference_mode(False):
            started = time.perf_counter()
            facts = _measure_together(cell)
    except Exception:
        return None
    return _rows(cell, facts, time.perf_counter() - started)


def _measure_together(cell: Cell) -> list[Facts]:
    """Create, train and evaluate the models of a cell as an ensemble.

    Raises:
        _ApartError: If the models can't be batched, or draw random numbers: alone, each would draw
            different ones.
    """
    made: list[nn.Module] = []

    def make(seed: int) -> nn.Module:
        with globally_seeded(state_seed(seed)):
            made.append(_make_model(replace(cell, seeds=(seed,))))
        return made[-1]

    ensemble = Ensemble(make, cell.seeds)
    for model in made:
        record_new(model)
    draws = GlobalDraws()

    def check(_: object = None) -> None:
        if draws.any() or not ensemble.batched:
            raise _ApartError

    facts = _measure_cell(cell, ensemble, check)
    check()
    return facts


class _ApartError(Exception):
    """The seeds of a cell must be trained one after another."""


def _rows(cell: Cell, facts: list[Facts], seconds: float) -> list[SweepRow]:
    common: Facts = {"settings": cell.settings, "seconds": seconds, "versions": cell.versions}
    return [
        SweepRow(seed=seed, **common, **of_seed)
        for seed, of_seed in zip(cell.seeds, facts, strict=True)
    ]


def failed_rows(cell: Cell, error: str, seconds: float = 0.0) -> list[SweepRow]:
    """Return the rows of a cell that failed, with the error in each."""
    return [
        SweepRow(settings=cell.settings, seed=seed, seconds=seconds, error=error)
        for seed in cell.seeds
    ]


def _measure_cell(
    cell: Cell, model: nn.Module, check: Callable[[object], object] | None = None
) -> list[Facts]:
    """Train and evaluate the model of a cell; return the facts of each seed.

    Args:
        cell: The cell.
        model: Its model, or an ensemble.
        check: Called before training, and after each epoch.
    """
    try_longest(cell, model)
    if check is not None:
        check(None)
    options = copy.deepcopy(cell.fit_options)  # as pickling for another process would
    try:
        history: History | EnsembleHistory = fit(
            model, cell.data, vocab=cell.vocab, progress=False, on_epoch=check, **options
        )
    except NonFiniteLossError:  # a single model; in an ensemble, the other replicas continue
        return [DIVERGED] * len(cell.seeds)
    if "interrupted" in _reasons(history):
        raise KeyboardInterrupt
    facts, source_excess = measure_cell(cell, model, history)
    parameters = sum(each.numel() for each in model.parameters()) // len(cell.seeds)
    curves = _curves(history) if cell.curves else [{}] * len(facts)
    facts = [
        {**measured, "parameters": parameters, "curves": curve}
        for measured, curve in zip(facts, curves, strict=True)
    ]
    return _judge(cell, history, facts, source_excess)


def _make(cell: Cell) -> nn.Module:
    """Create the model or ensemble of a cell, and record it, to detect that it is reused."""
    model = _make_model(cell)
    if isinstance(model, nn.Module):
        record_new(model)
    return model


def _make_model(cell: Cell) -> nn.Module:
    """Create the model or ensemble of a cell.

    The arguments of `make_model` are copied, as pickling for another process would: it may modify
    a list, or train a module among them.
    """
    make_model: MakeModel = cell.make_model
    options = copy.deepcopy(cell.model_options)
    if isinstance(make_model, partial):
        make_model = copy.deepcopy(make_model)
    if cell.makes_ensemble:
        model, wanted = make_model(cell.vocab, seeds=cell.seeds, **options), len(cell.seeds)
    else:
        model, wanted = make_model(cell.vocab, seed=cell.seeds[0], **options), 0
    check_new(model)
    replicas = count_replicas(model)
    if replicas != wanted:
        expected = f"an ensemble of {wanted} seeds" if wanted else "one model"
        found = f" of {replicas}" if replicas or wanted else ""
        raise OptionError(f"expected {expected}, got a {type(model).__name__}{found}")
    return model


def _curves(history: History | EnsembleHistory) -> list[Facts]:
    """Return the learning curves of each replica, as far as it was trained."""
    each = [history] if isinstance(history, History) else [history[n] for n in range(len(history))]
    return [
        {
            "loss": one.loss,
            "excess": [a - b for a, b in zip(one.loss, one.optimum, strict=True)],
            "accuracy": one.accuracy,
            **({"unseen_loss": one.validation_loss} if one.validation_loss else {}),
        }
        for one in each
    ]


def _judge(
    cell: Cell, history: History | EnsembleHistory, facts: list[Facts], source_excess: float
) -> list[Facts]:
    """Decide which replicas solved it, and when; `measure_cell` returns the last two arguments."""
    goal = find_goal(cell.goal, cell.fit_options.get("until"), facts[0]["optimum"])
    near = None if goal is None else goal + source_excess
    columns = zip(_reasons(history), first_epochs(history, near), facts, strict=True)
    return [_verdict(*each, goal, near) for each in columns]


def _verdict(
    stopped: str, epoch: int, facts: Facts, goal: float | None, near: float | None
) -> Facts:
    # Only the last update may diverge, after the last training loss was computed.
    if stopped == "diverged" or math.isnan(facts["loss"]):
        return DIVERGED
    solved = is_solved(near, excess=facts["excess"], accuracy=facts["accuracy"])
    return {
        **facts,
        "stopped": stopped,
        "goal": goal,
        "solved": solved,
        "epochs_to_solve": epoch if solved else None,
        "remark": remark_on(facts["excess"]),
    }


def _reasons(history: History | EnsembleHistory) -> list[str]:
    """Return why the training of each replica ended."""
    return [history.stopped] if isinstance(history, History) else history.stopped
