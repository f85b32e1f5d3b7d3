"""One epoch of training, and its row in a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from seqtoys.support.arguments import check_fields
from seqtoys.support.tables import truncated

Prediction: TypeAlias = str | list[str] | list[list[str]]
"""The prediction of a model: one sequence, or a list of several."""

SHOWN_WIDTH = 50


@dataclass(frozen=True, repr=False)
class Row:
    """One epoch; the values are computed before its update.

    Attributes:
        epoch: The number of the epoch, counted from 1.
        loss: The mean loss, in nats per scored symbol.
        accuracy: The proportion of scored symbols predicted correctly.
        lr: The learning rate.
        prediction: The likeliest symbols: one sequence, or a list of several. None if the data are
            too large to keep predictions.
        validation_loss: The loss on the held-out data, or None if there is none.
        validation_accuracy: The accuracy on the held-out data, or None if there is none.
        optimum: The lowest loss that any model could reach on the epoch's data.

    Examples:
        >>> from seqtoys import ElmanCharModel, Vocab, fit
        >>> history = fit(ElmanCharModel(Vocab("hielo"), seed=777), "hihello", lr=0.05)
        >>> history.row(-1).epoch, history.row(-1).prediction
        (100, 'ihello')
    """

    epoch: int
    loss: float
    accuracy: float
    lr: float
    prediction: Prediction | None = None
    validation_loss: float | None = None
    validation_accuracy: float | None = None
    optimum: float = 0.0

    def __post_init__(self) -> None:
        check_fields(self)

    def __repr__(self) -> str:
        held = self.validation_loss
        parts = [f"epoch {self.epoch:,}", f"loss {self.loss:.4f}", f"accuracy {self.accuracy:.1%}"]
        parts += [] if held is None else [f"held-out loss {held:.4f}"]
        parts += [] if self.prediction is None else [f"predicted {describe(self.prediction, 30)}"]
        return f"Row({', '.join(parts)})"


def describe(prediction: Prediction, width: int = SHOWN_WIDTH) -> str:
    """Format a prediction on one line; several sequences are separated by commas.

    Args:
        prediction: The prediction.
        width: The maximum number of columns in a terminal.

    Examples:
        >>> describe("ihello")
        'ihello'
        >>> describe(["ello", "ill"])
        'ello, ill'
    """
    parts = [prediction] if isinstance(prediction, str) else prediction
    words = [part if isinstance(part, str) else " ".join(part) for part in parts]
    line = repr(", ".join(words))[1:-1]  # line breaks and the like are escaped
    return truncated(line, width)


def row_cells(row: Row, best: int | None = None) -> list[str]:
    """Format an epoch as the cells of a table row, without its prediction.

    Args:
        row: The epoch.
        best: The number of the epoch with the lowest held-out loss, which is marked.

    Examples:
        >>> row_cells(Row(7, loss=0.53, accuracy=5 / 6, lr=0.1))
        ['7', '0.5300', '83.3%']
    """
    cells = [str(row.epoch), f"{row.loss:.4f}", f"{row.accuracy:.1%}"]
    if row.validation_loss is not None and row.validation_accuracy is not None:
        mark = "best" if row.epoch == best else ""
        cells += [f"{row.validation_loss:.4f}", f"{row.validation_accuracy:.1%}", mark]
    return cells
