"""Errors for arguments that a function doesn't have, with a guess at what was meant."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from inspect import Parameter, signature
from typing import Any, TypeVar, cast, get_type_hints

from seqtoys.errors import InputTypeError, quoted
from seqtoys.support.annotations import ANYTHING, TypeSpec, first_mismatch, type_spec
from seqtoys.support.words import counted

Function = TypeVar("Function", bound=Callable[..., Any])

SYNONYMS = {
    "lr": ("learning_rate", "rate", "alpha", "eta"),
    "epochs": ("num_epochs", "n_epochs", "max_epochs", "steps", "iterations"),
    "batch_size": ("batch", "bs", "batchsize", "minibatch_size"),
    "hidden_size": ("hidden", "hidden_dim", "n_hidden", "num_hidden", "units", "hidden_units"),
    "embedding_size": ("embedding", "embedding_dim", "embed_dim", "emb_size"),
    "num_layers": ("layers", "n_layers", "depth"),
    "nonlinearity": ("activation",),
    "validation": ("validation_split", "val_split", "val", "held_out", "test_size"),
    "patience": ("early_stopping",),
    "clip_norm": ("clip", "grad_clip", "max_norm", "max_grad_norm"),
    "on_epoch": ("callback", "callbacks"),
    "progress": ("verbose",),
    "seed": ("random_state", "random_seed", "manual_seed"),
    "seeds": ("seed", "n_seeds", "num_seeds"),
    "length": ("max_length", "max_new_tokens", "n"),
    "num": ("num_samples", "n_samples", "num_return_sequences"),
    "count": ("n", "num", "num_samples", "n_samples"),
}
"""What other libraries call the arguments of this one."""


OF_OPTIMIZERS = ("momentum", "nesterov", "weight_decay", "betas", "eps", "amsgrad")


def named(function: Function) -> Function:
    """Explain calls with arguments that a function doesn't have.

    Args:
        function: The function to wrap.

    Examples:
        >>> @named
        ... def train(model: str, *, epochs: int = 100, lr: float = 0.01) -> None: ...
        >>> train("elman", learning_rate=0.1)
        Traceback (most recent call last):
        seqtoys.errors.InputTypeError: train has no argument learning_rate; use lr=0.1
        >>> train("elman", 0.1)
        Traceback (most recent call last):
        seqtoys.errors.InputTypeError: train takes 1 argument without a name, got 2; use lr=0.1
    """

    @functools.wraps(function)
    def call(*positional: Any, **keywords: Any) -> Any:
        check_names(function, positional, keywords)
        return function(*positional, **keywords)

    return cast(Function, call)


def check_names(
    function: Callable[..., Any], positional: Sequence[Any], keywords: Mapping[str, Any]
) -> None:
    """Check that a function has the arguments it is called with.

    Args:
        function: The function.
        positional: The arguments without a name.
        keywords: The others.

    Raises:
        InputTypeError: If it has not.
    """
    names, most = _arguments_of(function)
    if names is None or (len(positional) <= most and names.keys() >= keywords.keys()):
        return
    owner = function.__qualname__.removesuffix(".__init__").rpartition(".")[2]
    is_method = next(iter(names), "") in ("self", "cls")
    for name, value in keywords.items():
        if name not in names:
            raise InputTypeError(f"{owner} has no argument {name}; {_advice(name, value, names)}")
    count, surplus = len(positional) - is_method, list(positional[most:])
    taken = counted(most - is_method, "argument")
    raise InputTypeError(
        f"{owner} takes {taken} without a name, got {count}; "
        + _by_name(function, surplus, [n for n in list(names)[most:] if n not in keywords])
    )


def _advice(name: str, value: Any, names: Mapping[str, Any]) -> str:
    if name == "device":
        return "move the model instead, as in model.to(device)"
    if name in OF_OPTIMIZERS and "optimizer" in names:
        option = f"{name}={quoted(value)}"
        return f"set it in the optimizer, with functools.partial(torch.optim.…, {option})"
    known = [each for each in names if each not in ("self", "cls")]
    meant = [each for each in known if name.lower() in SYNONYMS.get(each, ())]
    meant = meant or get_close_matches(name.lower(), known, n=1)
    return f"use {meant[0]}={quoted(value)}" if meant else f"it has {', '.join(known)}"


def _by_name(function: Callable[..., Any], values: Sequence[Any], names: Sequence[str]) -> str:
    """Return the arguments that the values are probably meant for, judging by their types."""
    hints, left, found = get_type_hints(function), list(names), []
    for value in values:
        fitting = [name for name in left if _fits(value, type_spec(hints.get(name, Any)))]
        if not fitting:
            break
        found.append(f"{fitting[0]}={quoted(value)}")
        left = left[left.index(fitting[0]) + 1 :]
    if len(found) == len(values):
        return f"use {', '.join(found)}"
    return f"pass the others by name: {', '.join(names)}" if names else "omit the others"


def _fits(value: Any, spec: TypeSpec) -> bool:
    # Literals such as "relu" accept anything here, but all of them are strings.
    return isinstance(value, str) if spec is ANYTHING else first_mismatch(value, spec) is None


@functools.cache
def _arguments_of(function: Callable[..., Any]) -> tuple[dict[str, Any] | None, int]:
    """Return the arguments of a function, and how many may be passed without a name.

    None if it takes any.
    """
    found = signature(function).parameters
    kinds = [each.kind for each in found.values()]
    if Parameter.VAR_KEYWORD in kinds or Parameter.VAR_POSITIONAL in kinds:
        return None, 0
    return dict(found), len(kinds) - kinds.count(Parameter.KEYWORD_ONLY)
