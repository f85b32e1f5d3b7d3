"""Run-time type checks of arguments, based on annotations."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast, get_type_hints

from seqtoys.errors import InputTypeError, quoted
from seqtoys.support.annotations import (
    ANYTHING,
    TypeSpec,
    described,
    first_mismatch,
    list_hint,
    order_hint,
    type_spec,
    with_plain_numbers,
)
from seqtoys.support.memory import EnoughMemory, check_room
from seqtoys.support.named import check_names
from seqtoys.support.values import to_real

MOST_BITS = 1024  # as in the largest float; Python refuses to print much longer integers

Function = TypeVar("Function", bound=Callable[..., Any])
Value = TypeVar("Value")


def checked(function: Function, declared: Callable[..., Any] | None = None) -> Function:
    """Check the arguments of a function against its annotations at each call.

    Numbers are passed on as int and float: NumPy numbers and 0-dimensional tensors are converted.
    Ranges and shapes, and the items of iterators, are left to the function.

    Args:
        function: The function to wrap.
        declared: A function with the same arguments whose annotations to use. If None, those of
            `function`.

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

    @functools.wraps(function)
    def call(*positional: Any, **named: Any) -> Any:
        check_names(function, positional, named)
        specs, given = _specs(declared or function), list(positional)
        for at, (name, value) in enumerate(zip(_names(function), positional, strict=False)):
            if name in specs and type(value) not in specs[name].exact:
                given[at] = _checked(name, value, specs[name])
        for name, value in named.items():
            if name in specs and type(value) not in specs[name].exact:
                named[name] = _checked(name, value, specs[name])
        return function(*given, **named)

    return cast(Function, call)


def check_fields(instance: Any) -> None:
    """Check the fields of a dataclass against their annotations, and convert their numbers.

    Raises:
        InputTypeError: If a field has a value of the wrong type, or an integer that Python refuses
            to print.
    """
    values = vars(instance)  # assigned here, as the instance may be frozen
    for name, spec in _specs(instance.__class__).items():
        value = values[name]
        if type(value) not in spec.exact:
            value = values[name] = _checked(name, value, spec)
        if isinstance(value, int) and value.bit_length() > MOST_BITS:
            raise InputTypeError(
                f"expected {name} to be an integer of at most {MOST_BITS:,} bits, got "
                f"{quoted(value)}"
            )


def check_values(
    values: Mapping[str, Any], owner: Any, names: Iterable[str] = ()
) -> dict[str, Any]:
    """Check named values against annotations.

    Args:
        values: The values by name.
        owner: The object with the annotations: a dataclass, a `TypedDict` or a function.
        names: The names to check. If empty, all that have annotations.

    Returns:
        The checked values, with numbers converted to int and float.

    Raises:
        InputTypeError: If a value has the wrong type.
    """
    specs = _specs(owner)
    return {
        name: values[name]
        if type(values[name]) in specs[name].exact
        else _checked(name, values[name], specs[name])
        for name in names or specs
    }


def check_type(name: str, value: Value, annotation: Any) -> Value:
    """Check a value against an annotation, and return it with numbers converted to int and float.

    Args:
        name: The name of the value.
        value: The value.
        annotation: A class, or any other annotation.

    Raises:
        InputTypeError: If the value has the wrong type.

    Examples:
        >>> check_type("progress", "yes", bool | None)
        Traceback (most recent call last):
        seqtoys.errors.InputTypeError: expected progress to be True, False or None, got 'yes'
    """
    spec = type_spec(annotation)
    return value if type(value) in spec.exact else _checked(name, value, spec)


def listed(
    name: str, values: Iterable[Value], annotation: Any = Any, *, ordered: bool = True
) -> list[Value]:
    """Return the items of an iterable as a list.

    Args:
        name: What to call the iterable in messages.
        values: The iterable.
        annotation: The type of the list.
        ordered: Whether the order of the items matters, so that a set is rejected.

    Raises:
        InputTypeError: If `values` is not iterable, is a dict or an unordered set, or has an item
            of the wrong type.

    Examples:
        >>> listed("lengths", (n * n for n in range(3)), list[int])
        [0, 1, 4]
    """
    hint = order_hint(values) if ordered or isinstance(values, Mapping) else ""
    if hint or not _is_iterable(values):
        raise InputTypeError(f"expected {name} to be a list, got {described(values)}{hint}")
    if isinstance(values, range):
        with EnoughMemory():  # len raises an error beyond 63 bits
            check_room(name, len(values), 40)  # of an int and the reference to it
    found = list(values)
    return check_type(name, found, annotation)


def _checked(name: str, value: Any, spec: TypeSpec) -> Any:
    """Check a value against a `TypeSpec`, and return it with its numbers converted."""
    found = first_mismatch(value, spec)
    if found is not None:
        place, wrong, wanted = found
        *others, last = wanted.words
        words = f"{', '.join(others)} or {last}" if others else last
        raise InputTypeError(
            f"expected {name}{place} to be {words}, got {described(wrong)}{_hint(wrong, wanted)}"
        )
    return with_plain_numbers(value, spec)


def _hint(wrong: object, wanted: TypeSpec) -> str:
    """Return advice for a value of the wrong type, or ""."""
    if wanted.lists_numbers and to_real(wrong) is not None:
        return f"; for one value, pass [{quoted(wrong)}]"
    if "a Vocab" in wanted.words and isinstance(wrong, str | list | tuple):
        return "; make one with Vocab.from_text(…)"
    if "a Batch" in wanted.words and hasattr(wrong, "sample"):
        return "; for a task, pass some of its sequences, as in task.sample(100)"
    if "a torch.nn.Module" in wanted.words and isinstance(wrong, type):
        return f"; create one, as in {wrong.__name__}(…)"
    return list_hint(wrong) if "a list" in wanted.words else ""


def _is_iterable(values: object) -> bool:
    try:
        iter(cast(Any, values))
    except TypeError:
        return False
    return True


@functools.cache  # at the first call: at the import, it would take as long as a module
def _names(function: Callable[..., Any]) -> list[str]:
    """Return the names of the arguments of a function."""
    return list(inspect.signature(function).parameters)


@functools.cache
def _specs(owner: Any) -> dict[str, TypeSpec]:
    """Return the `TypeSpec` of each argument of a function or each field of a dataclass."""
    hints = get_type_hints(owner).items()
    specs = {name: type_spec(hint) for name, hint in hints if name != "return"}
    return {name: spec for name, spec in specs.items() if spec is not ANYTHING}
