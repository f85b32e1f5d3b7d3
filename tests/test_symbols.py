"""What stands for symbols: how each is shown, and what is taken for several sequences of them."""

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
def test_a_legible_symbol_can_be_seen(symbol: str, seen: str) -> None:
    assert legible(symbol) == seen


def test_what_is_no_list_of_sequences_is_told(
    assert_error: Callable[[Callable[[], object], type[Exception], str], None],
) -> None:
    message = "expected sequences to be a list, got 5"
    assert_error(lambda: several(5), InputTypeError, message)  # type: ignore[arg-type]
