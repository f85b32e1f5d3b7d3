"""Factories of models: where they are imported from, and how they are called."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from inspect import Parameter, signature
from typing import Any, TypeAlias

from torch import nn

from seqtoys.data.vocab import Vocab
from seqtoys.errors import InputTypeError, OptionError, quoted
from seqtoys.support.annotations import described
from seqtoys.sweeps.reuse import check_new, record_new
from seqtoys.training.options import as_written

MakeModel: TypeAlias = Callable[..., nn.Module]
"""Creates a model from a vocabulary and a seed: `make_model(vocab, seed)`."""

FORM = "expected make_model to accept a vocabulary and a seed, as make_model(vocab, seed)"


def import_factory(path: str) -> MakeModel:
    """Import a factory from its place, such as `"mypackage.mymodule:make_model"`.

    Args:
        path: The module, a colon, and the name in the module.

    Raises:
        OptionError: If there is no such module or name, or importing it raises an exception.

    Examples:
        >>> import_factory("seqtoys:ElmanCharModel").__name__
        'ElmanCharModel'
        >>> import_factory("seqtoys:Elman")
        Traceback (most recent call last):
        ...
        seqtoys.errors.OptionError: cannot find 'Elman' in seqtoys; expected module:name, ...
    """
    place, colon, name = path.partition(":")
    if not (place and colon and name):
        raise OptionError(
            f"expected module:name, such as mypackage.mymodule:make_model, got {quoted(path)}"
        )
    if place.endswith(".py"):
        module = place.removesuffix(".py").replace("/", ".").strip(".")
        raise OptionError(
            f"expected the name of a module, such as {module}:{name}, got the file {place}"
        )
    sys.path.insert(0, "")  # the current folder, also if seqtoys was not started with python -m
    try:
        found: Any = import_module(place)
    except (Exception, SystemExit) as error:  # from the user's module
        raise OptionError(
            f"cannot import {place}: {type(error).__name__}: {error}; {_advice_on(error)}"
        ) from error
    finally:
        sys.path.remove("")
    for part in name.split("."):
        if not hasattr(found, part):
            raise OptionError(
                f"cannot find {quoted(name)} in {place}; expected module:name, with the name of "
                "a function or class"
            )
        found = getattr(found, part)
    check_factory(found)
    factory: MakeModel = found
    return factory


def _advice_on(error: BaseException) -> str:
    """Return what to do about an error while a module was imported."""
    if isinstance(error, ImportError):
        return "run the command in the folder that contains the package, or install it"
    if isinstance(error, SystemExit):
        return 'run its commands only if __name__ == "__main__"'
    return "fix the error in that module"


def check_factory(make_model: object) -> None:
    """Check that a factory can be called with a vocabulary and a seed.

    Raises:
        OptionError: If it cannot.
    """
    if isinstance(make_model, nn.Module) or not callable(make_model):
        raise OptionError(
            f"{FORM}, got {described(make_model)}; pass a class, or a function that returns a "
            "new model"
        )
    try:
        parameters = signature(make_model)
    except ValueError:  # not written in Python; calling it will show
        return
    given = ((object(),), {"seed": 0}) if _takes_seed(make_model) else ((object(), 0), {})
    try:
        parameters.bind(*given[0], **given[1])
    except TypeError as error:
        raise OptionError(
            f"{FORM}, got {as_written(make_model)}{parameters}: {error}; set its other arguments "
            "with functools.partial"
        ) from None


def make(make_model: MakeModel, vocab: Vocab, seed: int) -> nn.Module:
    """Create a model.

    A parameter named `seed` is passed by name, so that classes such as `ElmanCharModel` are
    factories.

    Args:
        make_model: The factory.
        vocab: The vocabulary of the task.
        seed: The seed.

    Raises:
        InputTypeError: If the result is not a module with a trainable parameter.
        OptionError: If it is a model that was returned before.

    Examples:
        >>> from seqtoys import ElmanCharModel
        >>> make(ElmanCharModel, Vocab("ab"), 7).seed
        7
    """
    by_name = _takes_seed(make_model)
    model: object = make_model(vocab, seed=seed) if by_name else make_model(vocab, seed)
    if not isinstance(model, nn.Module):
        raise InputTypeError(
            f"expected make_model to return a torch.nn.Module, got {described(model)}"
        )
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise InputTypeError(
            "expected make_model to return a model with trainable parameters, got "
            f"{described(model)} without any"
        )
    check_new(model)
    record_new(model)
    return model


def _takes_seed(make_model: Callable[..., object]) -> bool:
    try:
        found = signature(make_model).parameters.get("seed")
    except ValueError:
        return False
    return found is not None and found.kind is not Parameter.POSITIONAL_ONLY
