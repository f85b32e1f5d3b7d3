"""The cells of a sweep: one setting each, with the seeds trained together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from inspect import Parameter, signature
from typing import Any, TypeAlias

from torch import nn

from seqtoys.errors import OptionError, quoted
from seqtoys.support.arguments import listed
from seqtoys.support.randomness import check_seed
from seqtoys.sweeps.row import COLUMNS
from seqtoys.training.options import TrainingOptions, Written, as_written

MakeModel: TypeAlias = Callable[..., nn.Module]
"""Creates an ensemble from a vocabulary and `seeds=`, or a model from a vocabulary and `seed=`."""

DISTRIBUTED = 8  # the seeds in one cell, if there are workers

FIT_OPTIONS = TrainingOptions.__annotations__

AXES = {"model": "make_model", "task": "data"}
"""Names of the grid that stand for an argument of `sweep`, if that is None, and its attribute."""


@dataclass(frozen=True)
class Cell:
    """One setting of a sweep: everything a worker needs to train and evaluate some seeds.

    Attributes:
        settings: The setting, as in its rows.
        seeds: The seeds that are trained together.
        makes_ensemble: Whether `make_model` returns an ensemble rather than one model.
        make_model: Creates the model or ensemble.
        model_options: Its arguments besides the vocabulary and the seeds.
        data: The training data.
        vocab: The vocabulary.
        fit_options: Further options of `fit`.
        count: The number of sequences of a task to evaluate on.
        longer: The lengths of longer sequences. If None, those of the task.
        goal: The excess that counts as solved. If None, see `sweep`.
        curves: Whether the rows have learning curves.
        has_executor: Whether cells may run in parallel.
        versions: Digests of the code and of the data, for the rows.
    """

    settings: dict[str, Written]
    seeds: tuple[int, ...]
    makes_ensemble: bool
    make_model: Any
    model_options: dict[str, Any]
    data: Any
    vocab: Any
    fit_options: dict[str, Any]
    count: int
    longer: tuple[int, ...] | None
    goal: float | None
    curves: bool
    has_executor: bool
    versions: dict[str, str]

    @property
    def most_together(self) -> int:
        """The most seeds in one cell; single models are distributed to the workers, if any."""
        is_distributed = self.has_executor and not self.makes_ensemble
        return min(len(self.seeds), DISTRIBUTED) if is_distributed else len(self.seeds)


def check_names(
    make_model: MakeModel, grid: Collection[str], options: Iterable[str]
) -> tuple[bool, set[str]]:
    """Assign each name of a grid to the model or to `fit`.

    Args:
        make_model: As for `sweep`.
        grid: The names of the grid.
        options: The names of the fixed options.

    Returns:
        Whether `make_model` creates an ensemble, and which names are options of the model.

    Raises:
        OptionError: If a name is unknown, given twice, or the name of a column of the rows.
    """
    called = as_written(make_model)
    if isinstance(make_model, nn.Module):
        raise OptionError(
            f"expected make_model to create models, got a model; pass its class, {called}, or a "
            "function that returns a new model"
        )
    if not callable(make_model):
        raise OptionError(
            "expected make_model to be a class or a function that creates a model, got "
            f"{quoted(make_model)}"
        )
    try:
        takes = signature(make_model).parameters
    except ValueError as error:  # not written in Python
        raise OptionError(f"expected make_model to have a signature, got: {error}") from error
    if not {"seed", "seeds"} & takes.keys():
        raise OptionError(
            f"expected {called} to accept seeds=… (and return an ensemble) or seed=… (and return "
            f"one model), got {called}({', '.join(takes)})"
        )
    for name in options:
        if name not in FIT_OPTIONS:
            raise OptionError(
                f"expected options of fit, got {quoted(name)}; set options of the model in the "
                f"grid, as {{{quoted(name)}: [value]}}, or with functools.partial({called}, "
                f"{name}=value)"
            )
        if name in grid:
            raise OptionError(f"{name} cannot be both in the grid and a fixed option")
    any_name = any(parameter.kind is Parameter.VAR_KEYWORD for parameter in takes.values())
    of_model = [name for name in list(takes)[1:] if name not in ("seed", "seeds")]
    known = [*FIT_OPTIONS, *of_model]  # the first is the vocabulary
    for name in grid:
        if name in COLUMNS:
            hint = "; to vary the data with the seed, use vary_data=True" * (name == "seed")
            raise OptionError(
                f"{quoted(name)} cannot be in the grid, as the rows have a column {name}{hint}"
            )
        if name not in known and not any_name:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {quoted(near[0])}?" if near else f"known: {', '.join(known)}"
            if name in AXES:
                argument = "make_model" if name == "model" else name
                hint = f"to compare several in the grid, omit the argument {argument}"
            raise OptionError(f"neither fit nor {called} has an option {quoted(name)}; {hint}")
    _check_parameters(called, list(takes.values()), grid)
    return "seeds" in takes, set(grid) - FIT_OPTIONS.keys()


def _check_parameters(
    called: Written, parameters: Sequence[Parameter], grid: Collection[str]
) -> None:
    """Check that a function can be called with a vocabulary, a seed, and the names of a grid."""
    first, *others = parameters
    if first.name in ("seed", "seeds") or first.kind is Parameter.KEYWORD_ONLY:
        raise OptionError(
            f"expected {called} to accept a vocabulary as its first argument, got "
            f"{called}({', '.join(each.name for each in parameters)})"
        )
    given = {"seed", "seeds", *grid} - FIT_OPTIONS.keys() | {"seed"}
    variable = (Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL)
    for each in others:
        is_optional = each.default is not Parameter.empty or each.kind in variable
        if not is_optional and each.name not in given:
            raise OptionError(
                f"{called} requires {each.name}; add it to the grid, as "
                f"{{{quoted(each.name)}: [value]}}, or use functools.partial({called}, "
                f"{each.name}=value)"
            )


def check_seeds(seeds: Iterable[int]) -> tuple[int, ...]:
    """Check the seeds, and return them as a tuple.

    Raises:
        OptionError: If there are none, or a seed is a duplicate or not an integer.
    """
    chosen = tuple(map(check_seed, listed("seeds", seeds)))
    if not chosen or len(set(chosen)) < len(chosen):
        raise OptionError(f"expected one or more distinct seeds, got {quoted(list(chosen))}")
    return chosen
