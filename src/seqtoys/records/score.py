"""Score: the loss and accuracy of a model on some sequences, also by position."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from seqtoys.records.by_label import ByLabel
from seqtoys.records.units import Units, in_units
from seqtoys.support.arguments import check_fields
from seqtoys.support.tables import html_paragraph, html_table, text_table
from seqtoys.support.uncertainty import Estimate
from seqtoys.support.values import check_columns
from seqtoys.support.words import counted

SHOWN_POSITIONS = 40


@dataclass(frozen=True)
class ByPosition:
    """The loss and the accuracy at each position where some sequence is scored.

    Attributes:
        position: The positions, counted from 1.
        scored: The number of sequences scored at each.
        loss: The mean loss over these sequences, in nats.
        accuracy: The proportion of these sequences with a correct prediction.

    Raises:
        DataError: If the columns differ in length.

    Examples:
        >>> from seqtoys import ElmanCharModel, Vocab, evaluate
        >>> model = ElmanCharModel(Vocab("hielo"), seed=777)
        >>> print(evaluate(model, ["hi", "hell"]).by_position)
        position  scored    loss  accuracy
               1       2  2.2306      0.0%
               2       1  1.1889    100.0%
               3       1  1.0765    100.0%
    """

    position: list[int]
    scored: list[int]
    loss: list[float]
    accuracy: list[float]

    def __post_init__(self) -> None:
        check_fields(self)
        check_columns(vars(self))

    def __len__(self) -> int:
        return len(self.position)

    def __str__(self) -> str:
        return text_table(*self._cells())

    def __repr__(self) -> str:
        return f"ByPosition({counted(len(self), 'position')})"

    def _repr_html_(self) -> str:
        return html_table(*self._cells())

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        columns = zip(self.position, self.scored, self.loss, self.accuracy, strict=True)
        rows = [[f"{at}", f"{n}", f"{loss:.4f}", f"{hits:.1%}"] for at, n, loss, hits in columns]
        more = [["…", "", "", ""]] if len(rows) > SHOWN_POSITIONS else []
        return ["position", "scored", "loss", "accuracy"], rows[:SHOWN_POSITIONS] + more


@dataclass(frozen=True, repr=False)
class Score:
    """The results of a model on sequences of one kind; losses are in nats per scored symbol.

    Attributes:
        sequences: The number of sequences.
        loss: The model's mean loss.
        optimum: The loss on these sequences of the best causal model, given how they were drawn:
            from which part of a train/held-out split, and with which length if one was chosen. For
            given training sequences, `source_loss`. For a text or other given data without a task,
            from counts in them: the loss of a model that knows how often each symbol follows each
            prefix.
        excess: `loss - optimum`: an estimate of the Kullback-Leibler divergence from the source of
            these sequences to the model. Below 0 only by chance, or if the model memorized the
            given training sequences.
        accuracy: The proportion of scored symbols predicted correctly.
        whole_accuracy: The proportion of sequences with every scored symbol predicted correctly.
        source_loss: The loss on these sequences of the task's source: the best model of the task
            as it is in training, ignoring any split or chosen length. `Report.sentence` compares
            the model with it. If None, `optimum`.
        memoryless: The lowest loss on these sequences without memory, from counts in them.
        chance: The proportion of the most frequent target in these sequences.
        effective_sequences: The effective number of distinct sequences: 1 over the sum of squared
            proportions, so frequent sequences count less.
        is_given: Whether these are given sequences, such as the training sequences themselves,
            rather than fresh ones. Loss and accuracy are then exact, with a standard error of 0.
        scored: The number of scored symbols.
        uniform: The loss of a uniform guess: the logarithm of the number of symbols.
        legal: The proportion of scored symbols for which a legal symbol is predicted: one that may
            follow in some sequence. None if the task does not define `allowed`.
        by_label: The loss and the accuracy by the label passed to `evaluate` as `by=`, if any.
        by_position: The loss and the accuracy at each position. None for a text read in chunks,
            and for a report restored from JSON, in which positions are not stored.

    Examples:
        >>> from seqtoys import ElmanCharModel, Vocab, evaluate
        >>> score = evaluate(ElmanCharModel(Vocab("hielo"), seed=777), "hihello")
        >>> score.sequences, score.loss, score.perplexity
        (1, Estimate(1.6925..., 0.0), Estimate(5.43..., 0.0))
        >>> print(score)
        1 sequence, 6 scored symbols: accuracy 33.3%, all correct in 0.0%
        <BLANKLINE>
        nats    bits    perplexity
        1.6925  2.4418      5.4331  the model
        1.6094  2.3219      5.0000  uniform guess
        0.4621  0.6667      1.5874  best without memory, counted in these sequences
        0.0000  0.0000      1.0000  best with full history (optimum)
    """

    sequences: int
    loss: Estimate
    optimum: float
    excess: Estimate
    accuracy: Estimate
    whole_accuracy: Estimate
    source_loss: float | None = None
    memoryless: float | None = None
    chance: float | None = None
    effective_sequences: float | None = None
    is_given: bool = False
    scored: int | None = None
    uniform: float | None = None
    legal: Estimate | None = None
    by_label: ByLabel | None = None
    by_position: ByPosition | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def bits(self) -> Estimate:
        """The loss in bits per scored symbol."""
        return in_units(self.loss, "bits")

    @property
    def perplexity(self) -> Estimate:
        """The perplexity, `exp(loss)`: the number of equally likely symbols with this loss."""
        return in_units(self.loss, "perplexity")

    def __str__(self) -> str:
        return f"{self._head()}\n\n{text_table(*self._cells())}"

    def __repr__(self) -> str:
        return f"Score(loss {self.loss}, accuracy {self.accuracy:.1%}, {self._counted()})"

    def _repr_html_(self) -> str:
        return f"{html_paragraph(self._head())}{html_table(*self._cells())}"

    def _head(self) -> str:
        right = f"accuracy {self.accuracy:.1%}, all correct in {self.whole_accuracy:.1%}"
        return f"{self._counted()}: {right}"

    def _counted(self) -> str:
        scored = "" if self.scored is None else f", {counted(self.scored, 'scored symbol')}"
        return f"{counted(self.sequences, 'sequence')}{scored}"

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        marks: Iterable[tuple[float | None, str]] = (
            (self.loss, "the model"),
            (self.uniform, "uniform guess"),
            (self.memoryless, "best without memory, counted in these sequences"),
            (self.optimum, "best with full history (optimum)"),
        )
        known = [(loss, meaning) for loss, meaning in marks if loss is not None]
        known.sort(key=lambda mark: mark[0], reverse=True)
        units: tuple[Units, ...] = ("nats", "bits", "perplexity")
        rows = [[*(str(in_units(loss, each)) for each in units), name] for loss, name in known]
        return [*units, ""], rows
