"""What an annotation admits, and the first part of a value that does not fit."""

from __future__ import annotations

import functools
import sys
from collections.abc import (
    Callable,
    Collection,
    Hashable,
    Iterator,
    Mapping,
    Reversible,
    Sequence,
    Set,
)
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal, TypeAlias, Union, Unpack, cast, get_args, get_origin

from seqtoys.errors import quoted, with_article

NAMES = {
    "str": "a string", "NoneType": "None", "Iterable": "a list", "Sequence": "a list",
    "Mapping": "a dict", "PathLike": "a path", "Callable": "a function", "Tensor": "a tensor",
    "Module": "a torch.nn.Module", "Generator": "a torch.Generator", "Hashable": "hashable",
    "Real": "a number",
}  # fmt: skip


def described(value: object) -> str:
    """Say what came instead: a short value itself, of all others the type.

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
    """Return what to do instead of giving a set or a dict where order matters; else "".

    A set of strings has another order in each process, and a dict where a list belongs has values
    that nobody would read. What can be reversed has an order, such as the keys of a dict.

    Examples:
        >>> order_hint({"h", "i"})
        '; a set has no order: sorted(…) gives it one'
        >>> order_hint({"h": 0}.keys())
        ''
    """
    if isinstance(values, Mapping):
        return "; list(…) gives its keys, and sorted(x, key=x.get) sorts those by their values"
    if isinstance(values, Set) and not isinstance(values, Reversible):
        return "; a set has no order: sorted(…) gives it one"
    return ""


@dataclass(frozen=True)
class Kind:
    """What an annotation admits.

    Attributes:
        words: What to call it in messages: one or another.
        exact: Types whose values fit without a further look.
        fits: Whether a value fits, whatever it holds.
        parts: What a value holds where, and what each part should be.
    """

    words: tuple[str, ...]
    exact: frozenset[type]
    fits: Callable[[Any], bool]
    parts: Callable[[Any], Iterator[Part]] = lambda value: iter(())


Part: TypeAlias = tuple[str, Any, Kind]
"""Where something is, what it is, and what it should be."""

ANYTHING = Kind((), frozenset(), lambda value: True)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or (_is_integer(value) and abs(value) < sys.float_info.max)


NUMBERS: dict[Any, Kind] = {
    int: Kind(("an integer",), frozenset({int}), _is_integer),
    float: Kind(("a number",), frozenset({float}), _is_number),
}


def misfit(value: Any, kind: Kind) -> Part | None:
    """Find the first part of a value that is not what it should be; None: there is none.

    Args:
        value: Anything.
        kind: What it should be.

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
    """Read an annotation; literals are left to whoever knows what each of them means.

    Args:
        annotation: A class, or whatever else stands in annotations.
    """
    origin, inside = get_origin(annotation), get_args(annotation)
    if annotation in (Any, object) or origin in (Literal, Unpack):
        return ANYTHING
    if origin in (Union, UnionType):
        return _either([kind_of(each) for each in inside])
    if annotation in NUMBERS:
        return NUMBERS[annotation]
    outer: Any = origin or annotation
    outer = getattr(outer, "array_type", outer)  # of jaxtyping's
    if outer is tuple and Ellipsis not in inside:
        return _tuple([kind_of(each) for each in inside])
    words = ("True", "False") if outer is bool else (_called(outer),)
    if inside and issubclass(outer, Collection):
        parts = _contents([kind_of(each) for each in inside if each is not Ellipsis])
        return Kind(words, frozenset(), lambda value: isinstance(value, outer), parts)
    return Kind(words, frozenset({outer}), lambda value: isinstance(value, outer))


def _contents(kinds: Sequence[Kind]) -> Callable[[Any], Iterator[Part]]:
    """The items of a list or tuple, or the keys and values of a dict."""

    def items(values: Any) -> Iterator[Part]:
        # Each part of a string is a string, so that one tells for all.
        shown = values[:1] if isinstance(values, str) else values
        if not set(map(type, shown)) <= kinds[0].exact:  # a quick look at long lists
            for at, value in enumerate(shown):
                yield f"[{at}]", value, kinds[0]

    def entries(values: Mapping[Any, Any]) -> Iterator[Part]:
        for key, value in values.items():
            yield " key", key, kinds[0]
            yield f"[{described(key)}]", value, kinds[1]

    return items if len(kinds) == 1 else entries


def _tuple(kinds: Sequence[Kind]) -> Kind:
    """So many values, each of its own kind."""

    def parts(values: Any) -> Iterator[Part]:
        for at, (value, kind) in enumerate(zip(values, kinds, strict=True)):
            yield f"[{at}]", value, kind

    def fits(values: Any) -> bool:
        return isinstance(values, tuple) and len(values) == len(kinds)

    return Kind((f"a tuple of {len(kinds)}",), frozenset(), fits, parts)


def _either(kinds: Sequence[Kind]) -> Kind:
    """One of several: what a value holds has to fit one of those that it fits itself."""
    if ANYTHING in kinds:
        return ANYTHING

    def parts(value: Any) -> Iterator[Part]:
        fitting = [kind for kind in kinds if kind.fits(value)]
        if all(misfit(value, kind) for kind in fitting):
            yield from fitting[-1].parts(value)

    words = tuple(dict.fromkeys(word for kind in kinds for word in kind.words))
    exact = frozenset().union(*(kind.exact for kind in kinds))
    return Kind(words, exact, lambda value: any(kind.fits(value) for kind in kinds), parts)


def _called(kind: type) -> str:
    return NAMES.get(kind.__name__) or with_article(kind.__name__)
