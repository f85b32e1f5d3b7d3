"""Arguments, held to the annotations of who takes them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast, get_type_hints

from seqtoys.errors import InputTypeError
from seqtoys.support.annotations import (
    ANYTHING,
    Kind,
    described,
    kind_of,
    made_plain,
    misfit,
    order_hint,
)
from seqtoys.support.memory import EnoughMemory, check_room

Function = TypeVar("Function", bound=Callable[..., Any])
Value = TypeVar("Value")


def checked(function: Function, declared: Callable[..., Any] | None = None) -> Function:
    """Check the arguments of a function against its annotations, at each call.

    The function is given plain numbers: NumPy's, and tensors without axes, reach it as int and
    float. Ranges and shapes are left to the function, and so are the items of iterators.

    Args:
        function: What takes them.
        declared: A function with the same arguments whose annotations count; None: its own do.

    Examples:
        >>> @checked
        ... def repeated(symbols: list[str], times: int = 2) -> list[str]:
        ...     return symbols * times
        >>> repeated(["h", "i"], times=2.5)
        Traceback (most recent call last):
        seqtoys.errors.InputTypeError: expected times to be an integer, got 2.5
        >>> repeated(["h", 1])
        Traceback (most recent call last):
        seqtoys.errors.InputTypeError: expected symbols[1] to be a string, got 1
    """
    names = list(inspect.signature(function).parameters)

    @functools.wraps(function)
    def call(*positional: Any, **named: Any) -> Any:
        kinds, given = _kinds(declared or function), list(positional)
        for at, (name, value) in enumerate(zip(names, positional, strict=False)):
            if name in kinds and type(value) not in kinds[name].exact:
                given[at] = _checked(name, value, kinds[name])
        for name, value in named.items():
            if name in kinds and type(value) not in kinds[name].exact:
                named[name] = _checked(name, value, kinds[name])
        return function(*given, **named)

    return cast(Function, call)


def check_fields(instance: Any) -> None:
    """Check the fields of a dataclass against their annotations, and make their numbers plain.

    Raises:
        InputTypeError: If a field has a value of another type.
    """
    vars(instance).update(check_values(vars(instance), instance.__class__))  # it may be frozen


def check_values(
    values: Mapping[str, Any], owner: Any, names: Iterable[str] = ()
) -> dict[str, Any]:
    """Check values against the annotations of their names.

    Args:
        values: The values by their names.
        owner: What has the annotations: a dataclass, a `TypedDict`, a function.
        names: Which values to check. If empty, all that have annotations.

    Returns:
        The values that were checked, with plain numbers.

    Raises:
        InputTypeError: If a value is of another type.
    """
    kinds = _kinds(owner)
    return {
        name: values[name]
        if type(values[name]) in kinds[name].exact
        else _checked(name, values[name], kinds[name])
        for name in names or kinds
    }


def check_type(name: str, value: Value, annotation: Any) -> Value:
    """Check a value against an annotation, and return it with plain numbers.

    Args:
        name: The name of the value.
        value: The value.
        annotation: A class, or any other annotation.

    Raises:
        InputTypeError: If the value is of another type.

    Examples:
        >>> check_type("progress", "yes", bool | None)
        Traceback (most recent call last):
        seqtoys.errors.InputTypeError: expected progress to be True, False or None, got 'yes'
    """
    kind = kind_of(annotation)
    return value if type(value) in kind.exact else _checked(name, value, kind)


def listed(
    name: str, values: Iterable[Value], annotation: Any = Any, *, ordered: bool = True
) -> list[Value]:
    """List the items of an iterable.

    Args:
        name: What messages call it.
        values: The iterable.
        annotation: The type of the list.
        ordered: Whether the order of the items matters, so that a set is refused.

    Raises:
        InputTypeError: If it is no iterable, a dict or an unordered set, or has an item of another
            type.

    Examples:
        >>> listed("lengths", (n * n for n in range(3)), list[int])
        [0, 1, 4]
    """
    hint = order_hint(values) if ordered or isinstance(values, Mapping) else ""
    if hint or not _is_iterable(values):
        raise InputTypeError(f"expected {name} to be a list, got {described(values)}{hint}")
    if isinstance(values, range):
        with EnoughMemory():  # beyond 63 bits, len is an error
            check_room(name, len(values), 8)
    found = list(values)
    return check_type(name, found, annotation)


def _checked(name: str, value: Any, kind: Kind) -> Any:
    """Check a value, and return it with plain numbers."""
    found = misfit(value, kind)
    if found is not None:
        place, wrong, wanted = found
        *others, last = wanted.words
        words = f"{', '.join(others)} or {last}" if others else last
        hint = order_hint(wrong) if "a list" in wanted.words else ""
        raise InputTypeError(f"expected {name}{place} to be {words}, got {described(wrong)}{hint}")
    return made_plain(value, kind)


def _is_iterable(values: object) -> bool:
    try:
        iter(cast(Any, values))
    except TypeError:
        return False
    return True


@functools.cache
def _kinds(owner: Any) -> dict[str, Kind]:
    """What each argument of a function should be, or each field of a dataclass."""
    hints = get_type_hints(owner).items()
    kinds = {name: kind_of(hint) for name, hint in hints if name != "return"}
    return {name: kind for name, kind in kinds.items() if kind is not ANYTHING}
