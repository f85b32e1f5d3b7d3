"""Write predicted indices as the sequences a reader knows."""

from __future__ import annotations

from jaxtyping import Int
from torch import Tensor

from seqtoys.batch import Batch
from seqtoys.history import Prediction
from seqtoys.vocab import Vocab

KEPT_SYMBOLS = 10_000  # the most scored symbols for which a history keeps every prediction


class PredictionWriter:
    """Writes what a model predicts at the scored positions of a batch.

    Args:
        batch: The sequences.
        vocab: Their vocabulary; None: nothing is written.
        single: Whether they are one text or pair: then a prediction is one sequence, not a list.

    Examples:
        >>> vocab = Vocab("hielo")
        >>> batch = Batch.from_texts(["hello", "hi"], vocab)
        >>> PredictionWriter(batch, vocab, single=False)(batch.inputs)
        ['hell', 'h']
    """

    def __init__(self, batch: Batch, vocab: Vocab | None, *, single: bool) -> None:
        self._scored = [row.nonzero().flatten() for row in batch.scored.cpu()]
        fits = sum(map(len, self._scored)) <= KEPT_SYMBOLS
        self._vocab = vocab if fits else None
        self._single = single

    def __call__(self, predicted: Int[Tensor, "batch time"]) -> Prediction | None:
        """Write one epoch's predictions, or None where they are too many to keep."""
        if self._vocab is None:
            return None
        rows = [row[at] for row, at in zip(predicted.cpu(), self._scored, strict=True)]
        written = [self._vocab.decode(row) for row in rows]
        return written[0] if self._single else written  # type: ignore[return-value]
