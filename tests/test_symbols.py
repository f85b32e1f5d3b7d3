"""How symbols are displayed, and what counts as several sequences of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from seqtoys.data.symbols import legible, several
from seqtoys.errors import InputTypeError

pytestmark = pytest.mark.type_checked


@pytest.mark.parametrize(
    ("symbol", "seen"),
    [
        ("é", "é"),
        ("\\", "\\"),
        (" ", "␣"),
        ("\n", r"\n"),
        ("\x00", r"\x00"),
        ("\u2028", r"\u2028"),
    ],
)
def test_legible_makes_symbols_visible(symbol: str, seen: str) -> None:
    assert legible(symbol) == seen


def test_non_list_of_sequences_raises(
    assert_error: Callable[[Callable[[], object], type[Exception], str], None],
) -> None:
    message = "expected sequences to be a list, got 5"
    assert_error(lambda: several(5), InputTypeError, message)  # type: ignore[arg-type]
