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
from types import UnionType
from typing import Any, Literal, TypeAlias, Union, Unpack, cast, get_args, get_origin

import numpy as np

from seqtoys.errors import quoted, with_article
from seqtoys.support.scalars import to_int, to_real

NAMES = {
    "str": "a string", "NoneType": "None", "Iterable": "a list", "Sequence": "a list",
    "Mapping": "a dict", "PathLike": "a path", "Callable": "a function", "Tensor": "a tensor",
    "Module": "a torch.nn.Module", "Generator": "a torch.Generator", "Hashable": "hashable",
    "Real": "a number",
}  # fmt: skip


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


@dataclass(frozen=True)
class Kind:
    """The values that an annotation accepts.

    Attributes:
        words: What to call it in messages: alternatives, joined with "or".
        exact: Types whose values are accepted without further checks.
        fits: Returns whether a value is accepted, regardless of its contents.
        parts: Yields the contents of a value: where each part is, the part, and its own `Kind`.
        plain: Returns an accepted value with NumPy's and other numbers converted to Python's.
            None if the annotation has no numbers.
    """

    words: tuple[str, ...]
    exact: frozenset[type]
    fits: Callable[[Any], bool]
    parts: Callable[[Any], Iterator[Part]] = lambda value: iter(())
    plain: Callable[[Any], Any] | None = None


Part: TypeAlias = tuple[str, Any, Kind]
"""The place of a part in a value, the part itself, and the `Kind` it should match."""

ANYTHING = Kind((), frozenset(), lambda value: True)


NUMBERS: dict[Any, Kind] = {
    int: Kind(
        ("an integer",), frozenset({int}), lambda value: to_int(value) is not None, plain=to_int
    ),
    float: Kind(
        ("a number",), frozenset({float}), lambda value: to_real(value) is not None, plain=to_real
    ),
    bool: Kind(
        ("True", "False"),
        frozenset({bool}),
        lambda value: isinstance(value, bool | np.bool_),
        plain=bool,
    ),
}
"""Python's number types, which also accept other numbers, such as NumPy's."""


def misfit(value: Any, kind: Kind) -> Part | None:
    """Return the first part of a value that does not match its `Kind`, or None.

    Args:
        value: Anything.
        kind: What the value should match.

    Examples:
        >>> place, wrong, wanted = misfit({"lr": [0.1, "fast"]}, kind_of(dict[str, list[float]]))
        >>> place, wrong, wanted.words
        ("['lr'][1]", 'fast', ('a number',))
    """
    if not kind.fits(value):
        return "", value, kind
    for place, part, wanted in kind.parts(value):
        found = misfit(part, wanted)
        if found is not None:
            return f"{place}{found[0]}", found[1], found[2]
    return None


@functools.cache
def kind_of(annotation: Hashable) -> Kind:
    """Return the `Kind` of an annotation; literals are left to the functions that use them.

    Args:
        annotation: A class or any other annotation.
    """
    origin, inside = get_origin(annotation), get_args(annotation)
    if annotation in (Any, object) or origin in (Literal, Unpack):
        return ANYTHING
    if origin in (Union, UnionType):
        return _either([kind_of(each) for each in inside])
    if annotation in NUMBERS:
        return NUMBERS[annotation]
    outer: Any = origin or annotation
    outer = getattr(outer, "array_type", outer)  # for jaxtyping annotations
    if outer is tuple and Ellipsis not in inside:
        return _tuple([kind_of(each) for each in inside])
    words = (_called(outer),)
    if inside and issubclass(outer, Collection):
        kinds = [kind_of(each) for each in inside if each is not Ellipsis]
        plain = _plain_contents(kinds) if any(kind.plain for kind in kinds) else None
        return Kind(
            words, frozenset(), lambda value: isinstance(value, outer), _contents(kinds), plain
        )
    return Kind(words, frozenset({outer}), lambda value: isinstance(value, outer))


def _contents(kinds: Sequence[Kind]) -> Callable[[Any], Iterator[Part]]:
    """Return a function that yields the items of a list or tuple, or keys and values of a dict."""

    def items(values: Any) -> Iterator[Part]:
        # Every item of a string is a string, so checking one is enough.
        shown = values[:1] if isinstance(values, str) else values
        if not set(map(type, shown)) <= kinds[0].exact:  # a fast path for long lists
            for at, value in enumerate(shown):
                yield f"[{at}]", value, kinds[0]

    def entries(values: Mapping[Any, Any]) -> Iterator[Part]:
        for key, value in values.items():
            yield " key", key, kinds[0]
            yield f"[{described(key)}]", value, kinds[1]

    return items if len(kinds) == 1 else entries


def made_plain(value: Any, kind: Kind) -> Any:
    """Return a value with NumPy's and other numbers converted to Python's.

    Args:
        value: A value that matches `kind`.
        kind: The `Kind` of an annotation.

    Examples:
        >>> made_plain([1, np.int64(2)], kind_of(list[int]))
        [1, 2]
    """
    return value if kind.plain is None or type(value) in kind.exact else kind.plain(value)


def _plain_contents(kinds: Sequence[Kind]) -> Callable[[Any], Any]:
    """Return a function that converts the numbers in a list, a tuple or a dict to Python's."""

    def plain(values: Any) -> Any:
        if type(values) is dict:
            made = {
                made_plain(key, kinds[0]): made_plain(value, kinds[1])
                for key, value in values.items()
            }
            return made if _differ(made.values(), values.values()) else values
        if type(values) in (list, tuple) and not set(map(type, values)) <= kinds[0].exact:
            made = type(values)(made_plain(value, kinds[0]) for value in values)
            return made if _differ(made, values) else values  # keep the caller's own list
        return values

    return plain


def _differ(made: Iterable[Any], values: Iterable[Any]) -> bool:
    return any(map(operator.is_not, made, values))


def _tuple(kinds: Sequence[Kind]) -> Kind:
    """Return the `Kind` of a tuple of fixed length, with one `Kind` per item."""

    def parts(values: Any) -> Iterator[Part]:
        for at, (value, kind) in enumerate(zip(values, kinds, strict=True)):
            yield f"[{at}]", value, kind

    def fits(values: Any) -> bool:
        return isinstance(values, tuple) and len(values) == len(kinds)

    def plain(values: Any) -> Any:
        made = tuple(map(made_plain, values, kinds))
        return made if _differ(made, values) else values

    has_numbers = any(kind.plain for kind in kinds)
    words = (f"a tuple of {len(kinds)}",)
    return Kind(words, frozenset(), fits, parts, plain if has_numbers else None)


def _either(kinds: Sequence[Kind]) -> Kind:
    """Return the `Kind` of a union; contents must match one of the kinds that fit the value."""
    if ANYTHING in kinds:  # pragma: no branch - run-time type checks wrap the code below
        return ANYTHING

    def parts(value: Any) -> Iterator[Part]:
        fitting = [kind for kind in kinds if kind.fits(value)]
        if all(misfit(value, kind) for kind in fitting):
            yield from fitting[-1].parts(value)

    def plain(value: Any) -> Any:
        return made_plain(value, next(kind for kind in kinds if misfit(value, kind) is None))

    words = tuple(dict.fromkeys(word for kind in kinds for word in kind.words))
    exact = frozenset().union(*(kind.exact for kind in kinds))
    has_numbers = any(kind.plain for kind in kinds)
    return Kind(
        words,
        exact,
        lambda value: any(kind.fits(value) for kind in kinds),
        parts,
        plain if has_numbers else None,
    )


def _called(kind: type) -> str:
    return NAMES.get(kind.__name__) or with_article(kind.__name__)
