"""Type specifications built from annotations, and the first mismatch of a value with one."""

from __future__ import annotations

import functools
import operator
from collections.abc import (
    Callable,
    Collection,
    Hashable,
    Iterable,
    Iterator,
    Mapping,
    Reversible,
    Sequence,
    Set,
)
from dataclasses import dataclass
from io import IOBase
from os import PathLike
from types import UnionType
from typing import Any, Literal, TypeAlias, Union, Unpack, cast, get_args, get_origin

import numpy as np
from torch import Tensor

from seqtoys.errors import quoted, with_article
from seqtoys.support.values import to_int, to_real

NAMES = {
    "str": "a string", "NoneType": "None", "Iterable": "a list", "Sequence": "a list",
    "ndarray": "an array", "Mapping": "a dict", "PathLike": "a path",
    "Callable": "a function", "Tensor": "a tensor",
    "Module": "a torch.nn.Module", "Generator": "a torch.Generator", "Hashable": "hashable",
    "Real": "a number",
}  # fmt: skip


BYTES = bytes, bytearray, memoryview


def described(value: object) -> str:
    """Describe a value for a message: short values themselves, others by their type.

    Examples:
        >>> described(0.5), described("h" * 99), described(["h", "i"]), described(OSError())
        ('0.5', 'a str of 99', 'a list of 2', 'an OSError')
    """
    kind, sized = type(value), cast(Any, value)
    if value is None or kind in (bool, int, float) or (kind is str and len(sized) < 60):
        return quoted(value)
    size = f" of {len(sized)}" if kind in (str, list, tuple, dict) else ""
    return f"{with_article(kind.__name__)}{size}"


def order_hint(values: object) -> str:
    """Return advice for a set or a dict passed where order matters, or "" for other values.

    The order of a set of strings differs between processes, and the values of a dict passed as a
    list would be ignored. Reversible collections, such as the keys of a dict, are ordered.

    Examples:
        >>> order_hint({"h", "i"})
        '; a set has no order, use sorted(…)'
        >>> order_hint({"h": 0}.keys())
        ''
    """
    if isinstance(values, Mapping):
        return "; use list(x) for its keys, or sorted(x, key=x.get) for its keys sorted by value"
    if isinstance(values, Set) and not isinstance(values, Reversible):
        return "; a set has no order, use sorted(…)"
    return ""


def list_hint(values: object) -> str:
    """Return advice for a value passed where a list or a text is expected, or "" for others.

    Examples:
        >>> list_hint(iter("hi")), list_hint(b"hi")
        ('; use list(…)', '; convert it with .decode()')
    """
    if isinstance(values, PathLike):
        return "; read the file, as in path.read_text()"
    if isinstance(values, IOBase):
        return "; read it, as in file.read()"
    if isinstance(values, BYTES):
        return "; convert it with .decode()"
    is_other = isinstance(values, Iterable) and not isinstance(values, str | Tensor)
    return order_hint(values) or ("; use list(…)" if is_other else "")


@dataclass(frozen=True)
class TypeSpec:
    """The values that an annotation accepts.

    Attributes:
        words: What to call it in messages: alternatives, joined with "or".
        exact: Types whose values are accepted without further checks.
        fits: Returns whether a value is accepted, regardless of its contents.
        parts: Yields the contents of a value: the place, the part and its own `TypeSpec`.
        plain: Returns an accepted value with NumPy's and other numbers converted to Python's.
            None if the annotation has no numbers.
        lists_numbers: Whether a list of numbers is accepted.
    """

    words: tuple[str, ...]
    exact: frozenset[type]
    fits: Callable[[Any], bool]
    parts: Callable[[Any], Iterator[Part]] = lambda value: iter(())
    plain: Callable[[Any], Any] | None = None
    lists_numbers: bool = False


Part: TypeAlias = tuple[str, Any, TypeSpec]
"""The place of a part in a value, the part itself, and the `TypeSpec` it should match."""

ANYTHING = TypeSpec((), frozenset(), lambda value: True)


NUMBERS: dict[Any, TypeSpec] = {
    int: TypeSpec(
        ("an integer",), frozenset({int}), lambda value: to_int(value) is not None, plain=to_int
    ),
    float: TypeSpec(
        ("a number",), frozenset({float}), lambda value: to_real(value) is not None, plain=to_real
    ),
    bool: TypeSpec(
        ("True", "False"),
        frozenset({bool}),
        lambda value: isinstance(value, bool | np.bool_),
        plain=bool,
    ),
}
"""Python's number types, which also accept other numbers, such as NumPy's."""


def first_mismatch(value: Any, spec: TypeSpec) -> Part | None:
    """Return the first part of a value that does not match its `TypeSpec`, or None.

    Args:
        value: Anything.
        spec: What the value should match.

    Examples:
        >>> rates = type_spec(dict[str, list[float]])
        >>> place, wrong, wanted = first_mismatch({"lr": [0.1, "fast"]}, rates)
        >>> place, wrong, wanted.words
        ("['lr'][1]", 'fast', ('a number',))
    """
    if not spec.fits(value):
        return "", value, spec
    for place, part, wanted in spec.parts(value):
        found = first_mismatch(part, wanted)
        if found is not None:
            return f"{place}{found[0]}", found[1], found[2]
    return None


@functools.cache
def type_spec(annotation: Hashable) -> TypeSpec:
    """Return the `TypeSpec` of an annotation; literals are left to the functions that use them.

    Args:
        annotation: A class or any other annotation.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in (Any, object) or origin in (Literal, Unpack):
        return ANYTHING
    if origin in (Union, UnionType):
        return _either([type_spec(each) for each in arguments])
    if annotation in NUMBERS:
        return NUMBERS[annotation]
    outer: Any = origin or annotation
    outer = getattr(outer, "array_type", outer)  # for jaxtyping annotations
    if outer is tuple and Ellipsis not in arguments:
        return _tuple([type_spec(each) for each in arguments])
    words = (_name_of(outer),)
    lists_numbers = words == ("a list",) and any(map(_takes_a_number, arguments))
    # The arguments of an array's annotation are its shape and dtype, which it doesn't contain.
    if arguments and issubclass(outer, Collection) and not issubclass(outer, np.ndarray):
        specs = [type_spec(each) for each in arguments if each is not Ellipsis]
        plain = _plain_number_contents(specs) if any(spec.plain for spec in specs) else None
        return TypeSpec(
            words,
            frozenset(),
            lambda value: isinstance(value, outer) and not isinstance(value, BYTES),
            _contents(specs),
            plain,
            lists_numbers,
        )
    return TypeSpec(
        words,
        frozenset({outer}),
        lambda value: isinstance(value, outer),
        lists_numbers=lists_numbers,
    )


def _takes_a_number(annotation: Hashable) -> bool:
    spec = type_spec(annotation)
    return spec is ANYTHING or not {"a number", "an integer"}.isdisjoint(spec.words)


def _contents(specs: Sequence[TypeSpec]) -> Callable[[Any], Iterator[Part]]:
    """Return a function that yields the items of a list or tuple, or keys and values of a dict."""

    def items(values: Any) -> Iterator[Part]:
        # Every item of a string is a string, so checking one is enough.
        to_check = values[:1] if isinstance(values, str) else values
        if not set(map(type, to_check)) <= specs[0].exact:  # a fast path for long lists
            for at, value in enumerate(to_check):
                yield f"[{at}]", value, specs[0]

    def entries(values: Mapping[Any, Any]) -> Iterator[Part]:
        for key, value in values.items():
            yield " key", key, specs[0]
            yield f"[{described(key)}]", value, specs[1]

    return items if len(specs) == 1 else entries


def with_plain_numbers(value: Any, spec: TypeSpec) -> Any:
    """Return a value with NumPy's and other numbers converted to Python's.

    Args:
        value: A value that matches `spec`.
        spec: The `TypeSpec` of an annotation.

    Examples:
        >>> with_plain_numbers([1, np.int64(2)], type_spec(list[int]))
        [1, 2]
    """
    return value if spec.plain is None or type(value) in spec.exact else spec.plain(value)


def _plain_number_contents(specs: Sequence[TypeSpec]) -> Callable[[Any], Any]:
    """Return a function that converts the numbers in a list, a tuple or a dict to Python's."""

    def plain(values: Any) -> Any:
        if type(values) is dict:
            converted = {
                with_plain_numbers(key, specs[0]): with_plain_numbers(value, specs[1])
                for key, value in values.items()
            }
            return converted if _any_replaced(converted.values(), values.values()) else values
        if type(values) in (list, tuple) and not set(map(type, values)) <= specs[0].exact:
            converted = type(values)(with_plain_numbers(value, specs[0]) for value in values)
            # Keep the caller's own list if nothing was converted.
            return converted if _any_replaced(converted, values) else values
        return values

    return plain


def _any_replaced(converted: Iterable[Any], values: Iterable[Any]) -> bool:
    return any(map(operator.is_not, converted, values))


def _tuple(specs: Sequence[TypeSpec]) -> TypeSpec:
    """Return the `TypeSpec` of a tuple of fixed length, with one `TypeSpec` per item."""

    def parts(values: Any) -> Iterator[Part]:
        for at, (value, spec) in enumerate(zip(values, specs, strict=True)):
            yield f"[{at}]", value, spec

    def fits(values: Any) -> bool:
        return isinstance(values, tuple) and len(values) == len(specs)

    def plain(values: Any) -> Any:
        converted = tuple(map(with_plain_numbers, values, specs))
        return converted if _any_replaced(converted, values) else values

    has_numbers = any(spec.plain for spec in specs)
    words = (f"a tuple of {len(specs)}",)
    return TypeSpec(words, frozenset(), fits, parts, plain if has_numbers else None)


def _either(specs: Sequence[TypeSpec]) -> TypeSpec:
    """Return the `TypeSpec` of a union; contents must match one of those that fit the value."""
    if ANYTHING in specs:  # pragma: no branch - run-time type checks wrap the code below
        return ANYTHING

    def parts(value: Any) -> Iterator[Part]:
        fitting = [spec for spec in specs if spec.fits(value)]
        if all(first_mismatch(value, spec) for spec in fitting):
            yield from fitting[-1].parts(value)

    def plain(value: Any) -> Any:
        return with_plain_numbers(
            value, next(spec for spec in specs if first_mismatch(value, spec) is None)
        )

    words = tuple(dict.fromkeys(word for spec in specs for word in spec.words))
    exact = frozenset().union(*(spec.exact for spec in specs))
    has_numbers = any(spec.plain for spec in specs)
    return TypeSpec(
        words,
        exact,
        lambda value: any(spec.fits(value) for spec in specs),
        parts,
        plain if has_numbers else None,
        any(spec.lists_numbers for spec in specs),
    )


def _name_of(spec: type) -> str:
    return NAMES.get(spec.__name__) or with_article(spec.__name__)
