"""A network's states, probabilities and predictions at each step of a text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor

from seqtoys.data.symbols import legible
from seqtoys.data.vocab import Vocab
from seqtoys.errors import DataError, InputTypeError, ShapeError, quoted
from seqtoys.support.arguments import check_fields
from seqtoys.support.notebook import html_figure
from seqtoys.support.tables import html_table, text_table

SHOWN_UNITS = 6
SHOWN_STEPS = 40


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """A network's states and predictions at each step of one text.

    Attributes:
        vocab: The vocabulary.
        symbols: The symbol read at each step.
        hidden: The hidden state of the last layer after each step; `(time, 0)` for a model that
            returns no state.
        probabilities: The predicted probability of each next symbol.
        predictions: The likeliest next symbol at each step.

    Raises:
        ShapeError: If the lengths don't match each other or the vocabulary.

    Examples:
        >>> from seqtoys import ElmanCharModel
        >>> trace = ElmanCharModel(Vocab("hielo"), seed=777).trace("hi")
        >>> trace.symbols, trace.hidden.shape, trace.probabilities.shape
        (['h', 'i'], (2, 5), (2, 5))
    """

    vocab: Vocab
    symbols: list[str]
    hidden: Float[npt.NDArray[np.floating], "time hidden"]
    probabilities: Float[npt.NDArray[np.floating], "time vocab"]
    predictions: list[str]

    def __post_init__(self) -> None:
        check_fields(self)
        self._check_array("hidden", "hidden")
        self._check_array("probabilities", len(self.vocab))
        if len(self.predictions) != len(self):
            raise ShapeError(
                f"expected a prediction at each of {len(self)} steps, got {len(self.predictions)}"
            )

    def __len__(self) -> int:
        return len(self.symbols)

    def __repr__(self) -> str:
        gap = " " * self.vocab.has_words
        read, predicted = (quoted(gap.join(x), 40) for x in (self.symbols, self.predictions))
        return f"Trace({read} -> {predicted}, {self.hidden.shape[1]} hidden units)"

    def check_states(self) -> None:
        """Check that there are hidden states to plot.

        Raises:
            DataError: If the model returned none.
        """
        if not self.hidden.shape[1]:
            raise DataError(
                "cannot plot the hidden states of a model that returns none; let its forward "
                "return (logits, state), or define step and initial_hidden"
            )

    def __str__(self) -> str:
        return text_table(*self._cells())

    def _repr_html_(self) -> str:
        return f"{html_figure(self)}{html_table(*self._cells())}"

    def _check_array(self, name: str, width: int | str) -> None:
        values = getattr(self, name)
        if values.dtype.kind != "f":
            raise InputTypeError(f"expected {name} to be an array of floats, got {values.dtype}")
        if values.ndim != 2 or len(values) != len(self) or width not in (name, values.shape[1]):
            raise ShapeError(
                f"expected {name} of shape ({len(self)}, {width}), got {values.shape}"
            )

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        rows = [self._row(step) for step in range(min(len(self), SHOWN_STEPS))]
        if len(self) > SHOWN_STEPS:
            rows.append(["…", "", f"and {len(self) - SHOWN_STEPS} more steps", "", ""])
        header = ["step", "symbol", "predicted", "probability", "hidden state"]
        shown = slice(None if self.hidden.shape[1] else -1)  # no column for a model without states
        return header[shown], [row[shown] for row in rows]

    def _row(self, step: int) -> list[str]:
        return [
            str(step + 1),
            legible(self.symbols[step]),
            legible(self.predictions[step]),
            f"{self.probabilities[step].max():.1%}",
            _vector(self.hidden[step]),
        ]


def widened(values: Float[Tensor, "*axes"]) -> Float[Tensor, "*axes"]:
    """Convert half precision to single: NumPy has no bfloat16, and its softmax is coarse.

    Examples:
        >>> widened(torch.ones(1, dtype=torch.bfloat16)).dtype
        torch.float32
    """
    return values.float() if values.dtype in (torch.bfloat16, torch.float16) else values


def _vector(values: npt.NDArray[np.floating]) -> str:
    shown = " ".join(f"{value:+.2f}" for value in values[:SHOWN_UNITS])
    return shown + (" …" if len(values) > SHOWN_UNITS else "")
