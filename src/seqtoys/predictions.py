"""What a model predicted in each epoch, kept in few bytes and written when someone asks."""

from __future__ import annotations

import torch
from jaxtyping import Int, Integer
from torch import Tensor

from seqtoys.batch import Batch
from seqtoys.history import Prediction
from seqtoys.vocab import Vocab

KEPT_SYMBOLS = 10_000  # the most scored symbols for which the predictions of every epoch are kept
KEPT_BY_REPLICAS = 1_000_000  # the same over all replicas of an ensemble


class Predictions:
    """Keeps what is predicted at the scored positions of a batch, epoch by epoch.

    Args:
        batch: The sequences; None: a text too long to keep anything of.
        vocab: Their vocabulary; None: nothing is kept.
        single: Whether they are one text or pair: then a prediction is one sequence, not a list.
        replicas: The number of replicas of an ensemble; 0: one model.

    Examples:
        >>> vocab = Vocab("hielo")
        >>> batch = Batch.from_texts(["hello", "hi"], vocab)
        >>> predictions = Predictions(batch, vocab, single=False)
        >>> predictions.keep(batch.inputs)
        >>> predictions.written()
        [['hell', 'h']]
    """

    def __init__(
        self, batch: Batch | None, vocab: Vocab | None, *, single: bool, replicas: int = 0
    ) -> None:
        scored = torch.zeros(0, 0).bool() if batch is None else batch.scored.cpu()
        self._counts = scored.sum(1).tolist()
        self._scored = scored.flatten().nonzero().flatten()  # among (batch * time)
        self._all_scored = bool(scored.all())
        self._vocab = vocab
        self._single = single
        count = len(self._scored)
        fits = 0 < count <= KEPT_SYMBOLS and count * replicas <= KEPT_BY_REPLICAS
        self._keeps = vocab is not None and fits
        self._kind = torch.uint8 if vocab is not None and len(vocab) <= 256 else torch.int32
        self._kept: list[Integer[Tensor, "*replicas scored"]] = []

    def keep(self, predicted: Int[Tensor, "*replicas batch time"]) -> None:
        """Take note of an epoch, if there is room for it."""
        if self._keeps:
            flat = predicted.flatten(-2).cpu()  # ([replicas,] batch * time)
            scored = flat if self._all_scored else flat.index_select(-1, self._scored)
            self._kept.append(scored.to(self._kind))

    def last(self) -> Prediction | None:
        """Write the last epoch's prediction of a model; None if none is kept."""
        return self._write(self._kept[-1].unsqueeze(0))[0] if self._kept else None

    def written(self, replica: int | None = None, epochs: int | None = None) -> list[Prediction]:
        """Write the predictions of each epoch; none if none are kept.

        Args:
            replica: Which replica of an ensemble; None: the one model there is.
            epochs: How many epochs, from the first; None: all.
        """
        kept = self._kept[:epochs]
        rows = kept if replica is None else [row[replica] for row in kept]
        return self._write(torch.stack(rows)) if rows else []

    def _write(self, rows: Integer[Tensor, "epochs scored"]) -> list[Prediction]:
        assert self._vocab is not None, "nothing is kept without a vocabulary"
        if self._single:
            return self._vocab.decode(rows)  # type: ignore[return-value]
        columns = [self._vocab.decode(column) for column in rows.split(self._counts, 1)]
        return [list(epoch) for epoch in zip(*columns, strict=True)]
