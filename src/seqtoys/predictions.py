"""Write predicted indices as the sequences a reader knows."""

from __future__ import annotations

import torch
from jaxtyping import Int, Integer
from torch import Tensor

from seqtoys.batch import Batch
from seqtoys.history import Prediction
from seqtoys.vocab import Vocab

KEPT_SYMBOLS = 10_000  # the most scored symbols for which a history keeps every prediction
KEPT_BY_REPLICAS = 1_000_000  # the same over all replicas of an ensemble


class PredictionWriter:
    """Keeps what a model predicts at the scored positions of a batch, and writes it.

    Args:
        batch: The sequences; None: a text too long to keep anything of.
        vocab: Their vocabulary; None: nothing is kept.
        single: Whether they are one text or pair: then a prediction is one sequence, not a list.
        replicas: The number of replicas of an ensemble; 0: one model.

    Examples:
        >>> vocab = Vocab("hielo")
        >>> batch = Batch.from_texts(["hello", "hi"], vocab)
        >>> writer = PredictionWriter(batch, vocab, single=False)
        >>> writer.write(writer.keep(batch.inputs))
        ['hell', 'h']
    """

    def __init__(
        self, batch: Batch | None, vocab: Vocab | None, *, single: bool, replicas: int = 0
    ) -> None:
        scored = torch.zeros(0, 0).bool() if batch is None else batch.scored.cpu()
        self._counts = scored.sum(1).tolist()
        self._scored = scored.flatten().nonzero().flatten()  # among (batch * time)
        count = len(self._scored)
        self._fits = count <= KEPT_SYMBOLS and count * replicas <= KEPT_BY_REPLICAS
        self._all_scored = bool(scored.all())
        self._replicas = replicas
        self._vocab = vocab
        self._single = single

    def keep(
        self, predicted: Int[Tensor, "*replicas batch time"]
    ) -> Integer[Tensor, "*replicas scored"] | None:
        """Pick out what is scored, of replicas in few bytes; None if too much or unreadable."""
        if self._vocab is None or not self._fits:
            return None
        flat = predicted.flatten(-2).cpu()  # ([replicas,] batch * time)
        scored = flat if self._all_scored else flat.index_select(-1, self._scored)
        if not self._replicas:
            return scored
        return scored.to(torch.uint8 if len(self._vocab) <= 256 else torch.int32)

    def write(self, kept: Integer[Tensor, " scored"]) -> Prediction:
        """Write what was kept of one model and epoch."""
        assert self._vocab is not None, "nothing is kept without a vocabulary"
        if self._single:
            return self._vocab.decode(kept)
        return [self._vocab.decode(row) for row in kept.split(self._counts)]  # type: ignore[return-value]
