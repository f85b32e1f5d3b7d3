"""What an annotation admits, and the first part of a value that does not fit."""

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
        plain: Returns a value that fits with Python's own numbers in it, in place of NumPy's and
            others. None if the annotation has no numbers.
    """

    words: tuple[str, ...]
    exact: frozenset[type]
    fits: Callable[[Any], bool]
    parts: Callable[[Any], Iterator[Part]] = lambda value: iter(())
    plain: Callable[[Any], Any] | None = None


Part: TypeAlias = tuple[str, Any, Kind]
"""Where something is, what it is, and what it should be."""

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
"""Python's numbers, and what is taken for them: NumPy's, for example."""


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
    words = (_called(outer),)
    if inside and issubclass(outer, Collection):
        kinds = [kind_of(each) for each in inside if each is not Ellipsis]
        plain = _plain_contents(kinds) if any(kind.plain for kind in kinds) else None
        return Kind(
            words, frozenset(), lambda value: isinstance(value, outer), _contents(kinds), plain
        )
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


def made_plain(value: Any, kind: Kind) -> Any:
    """Return a value that fits, with Python's own numbers in place of NumPy's and others.

    Args:
        value: What fits the annotation.
        kind: What the annotation admits.

    Examples:
        >>> made_plain([1, np.int64(2)], kind_of(list[int]))
        [1, 2]
    """
    return value if kind.plain is None or type(value) in kind.exact else kind.plain(value)


def _plain_contents(kinds: Sequence[Kind]) -> Callable[[Any], Any]:
    """Make a function that makes the numbers in a list, a tuple or a dict plain."""

    def plain(values: Any) -> Any:
        if type(values) is dict:
            made = {
                made_plain(key, kinds[0]): made_plain(value, kinds[1])
                for key, value in values.items()
            }
            return made if _differ(made.values(), values.values()) else values
        if type(values) in (list, tuple) and not set(map(type, values)) <= kinds[0].exact:
            made = type(values)(made_plain(value, kinds[0]) for value in values)
            return made if _differ(made, values) else values  # which may be appended to
        return values

    return plain


def _differ(made: Iterable[Any], values: Iterable[Any]) -> bool:
    return any(map(operator.is_not, made, values))


def _tuple(kinds: Sequence[Kind]) -> Kind:
    """So many values, each of its own kind."""

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
    """One of several: what a value holds has to fit one of those that it fits itself."""
    if ANYTHING in kinds:  # pragma: no branch - as type checks wrap what is below
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
