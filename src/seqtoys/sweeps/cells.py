"""The cells of a sweep: one setting each, with the seeds that are trained together."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from inspect import Parameter, signature
from typing import Any, TypeAlias

from torch import nn

from seqtoys.data.vocab import Vocab
from seqtoys.errors import OptionError, quoted
from seqtoys.support.arguments import listed
from seqtoys.support.randomness import check_seed
from seqtoys.sweeps.row import COLUMNS
from seqtoys.training.data import TrainingData
from seqtoys.training.options import TrainingOptions, Written, as_written

MakeModel: TypeAlias = Callable[..., nn.Module]
"""Makes an ensemble of a vocabulary and `seeds=`, or one model of a vocabulary and `seed=`."""

FIT_OPTIONS = TrainingOptions.__annotations__


@dataclass(frozen=True)
class Cell:
    """One setting of a sweep: all that a worker needs to train some seeds and measure them.

    Attributes:
        settings: The setting, as its rows have it.
        seeds: The seeds: one, or those of an ensemble.
        makes_ensemble: Whether `make_model` makes an ensemble, else one model.
        make_model: Makes them.
        model_options: What it is given besides the vocabulary and the seeds.
        data: What is learnt.
        vocab: Its symbols.
        fit_options: What `fit` is given besides.
        count: How many sequences of a task are measured.
        longer: How long the longer ones are; None: as the task says.
        goal: The excess that counts as solved; None: as `sweep` says.
    """

    settings: dict[str, Written]
    seeds: tuple[int, ...]
    makes_ensemble: bool
    make_model: MakeModel
    model_options: dict[str, Any]
    data: TrainingData
    vocab: Vocab
    fit_options: dict[str, Any]
    count: int
    longer: tuple[int, ...] | None
    goal: float | None


def make_settings(
    grid: Mapping[str, Sequence[Any]],
) -> list[tuple[dict[str, Written], dict[str, Any]]]:
    """Combine the values of a grid, the last name changing fastest: as written, and as they are.

    Raises:
        OptionError: If a name has no list of values, or two that look the same when written.

    Examples:
        >>> [written for written, _ in make_settings({"lr": [0.1, 0.2], "hidden_size": [4]})]
        [{'lr': 0.1, 'hidden_size': 4}, {'lr': 0.2, 'hidden_size': 4}]
    """
    for name, values in grid.items():
        if isinstance(values, str) or not values:
            raise OptionError(
                f"expected a list of values for {name} in the grid, got {quoted(values)}"
            )
        written = list(map(as_written, values))
        twice = [value for at, value in enumerate(written) if value in written[:at]]
        if twice:
            raise OptionError(
                f"expected values of {name} that can be told apart, got {quoted(twice[0])} twice"
            )
    combined = [
        dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())
    ]
    return [({n: as_written(v) for n, v in setting.items()}, setting) for setting in combined]


def check_names(
    make_model: MakeModel, grid: Iterable[str], options: Iterable[str]
) -> tuple[bool, set[str]]:
    """Decide whose each name of a grid is: the model's, or else of `fit`.

    Args:
        make_model: As `sweep` takes it.
        grid: The names of the grid.
        options: The names of what is fixed.

    Returns:
        Whether an ensemble is made, and which names are the model's.

    Raises:
        OptionError: If a name is no one's, or given twice, or taken by a column of the rows.
    """
    called = as_written(make_model)
    try:
        takes = signature(make_model).parameters
    except ValueError as error:  # of what is not written in Python
        raise OptionError(f"expected make_model to tell what it takes, got: {error}") from error
    if not {"seed", "seeds"} & takes.keys():
        raise OptionError(
            f"expected {called} to take seeds=… (and make an ensemble of them), or seed=… "
            f"(and make one model), got {called}({', '.join(takes)})"
        )
    for name in options:
        if name not in FIT_OPTIONS:
            raise OptionError(
                f"expected fixed options of fit, got {quoted(name)}; those of the model go into "
                f"the grid, as {{{quoted(name)}: [value]}}, or into functools.partial({called}, "
                f"{name}=value)"
            )
        if name in grid:
            raise OptionError(f"expected {name} once, got it in the grid and as a fixed option")
    any_name = any(parameter.kind is Parameter.VAR_KEYWORD for parameter in takes.values())
    of_model = [name for name in list(takes)[1:] if name not in ("seed", "seeds")]
    known = [*FIT_OPTIONS, *of_model]  # the first is the vocabulary
    for name in grid:
        if name in COLUMNS:
            hint = "; for other data for each seed, use vary_data=True" * (name == "seed")
            raise OptionError(
                f"expected no {quoted(name)} in the grid: a column of the rows has the name{hint}"
            )
        if name not in known and not any_name:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {quoted(near[0])}?" if near else f"known are {', '.join(known)}"
            raise OptionError(f"neither fit nor {called} has an option {quoted(name)}; {hint}")
    return "seeds" in takes, set(grid) - FIT_OPTIONS.keys()


def check_seeds(seeds: Iterable[int]) -> tuple[int, ...]:
    """List the seeds.

    Raises:
        OptionError: If there is none, one twice, or one that is no integer.
    """
    chosen = tuple(map(check_seed, listed("seeds", seeds)))
    if not chosen or len(set(chosen)) < len(chosen):
        raise OptionError(f"expected one seed or more, each once, got {quoted(list(chosen))}")
    return chosen
