"""The predictions of each epoch, stored compactly and decoded on demand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Int, Integer
from torch import Tensor

from seqtoys.data.batch import Batch
from seqtoys.data.vocab import Vocab
from seqtoys.errors import DataError
from seqtoys.records.row import Prediction
from seqtoys.support.annotations import described
from seqtoys.support.arguments import check_type
from seqtoys.support.serialization import Plain

KEPT_SYMBOLS = 10_000  # the most scored symbols for which predictions are kept
KEPT_BY_REPLICAS = 1_000_000  # the same, summed over all replicas of an ensemble


class Predictions:
    """The predictions at the scored positions of some sequences, for each epoch.

    Args:
        counts: The number of scored symbols of each sequence.
        vocab: Their vocabulary. If None, nothing is kept.
        single: Whether there is one text or pair, so that a prediction is a sequence, not a list.
        replicas: The number of replicas of an ensemble, or 0 for one model.

    Examples:
        >>> vocab = Vocab("hielo")
        >>> batch = Batch.from_texts(["hello", "hi"], vocab)
        >>> predictions = Predictions.of(batch, vocab, single=False)
        >>> predictions.keep(batch.inputs)
        >>> predictions.written()
        [['hell', 'h']]
    """

    def __init__(
        self, counts: Sequence[int], vocab: Vocab | None, *, single: bool, replicas: int = 0
    ) -> None:
        self._counts = list(counts)
        self._replicas = (replicas,) if replicas else ()
        self._vocab = vocab
        self._single = single
        self._kind = torch.uint8 if vocab is not None and len(vocab) <= 256 else torch.int32
        self._kept: list[Integer[Tensor, "*replicas scored"]] = []
        self._scored: Int[Tensor, " scored"] | None = None  # within (batch * time); None for all

    @classmethod
    def of(
        cls, batch: Batch | None, vocab: Vocab | None, *, single: bool, replicas: int = 0
    ) -> Predictions:
        """Create storage for the predictions on a batch, if it is small enough.

        Args:
            batch: The sequences, or None for a text too long to keep predictions.
            vocab: Their vocabulary. If None, nothing is kept.
            single: As for `Predictions`.
            replicas: As for `Predictions`.
        """
        scored = (
            torch.zeros(0, 0, dtype=torch.bool, device="cpu")
            if batch is None
            else batch.scored.cpu()
        )
        count = int(scored.sum())
        fits = 0 < count <= KEPT_SYMBOLS and count * replicas <= KEPT_BY_REPLICAS
        counts = scored.sum(1).tolist()
        made = cls(counts, vocab if fits else None, single=single, replicas=replicas)
        made._scored = None if scored.all() else scored.flatten().nonzero().flatten()
        return made

    def keep(self, predicted: Int[Tensor, "*replicas batch time"]) -> None:
        """Store the predictions of an epoch, unless nothing is kept."""
        if self._vocab is not None:
            flat = predicted.to("cpu", self._kind).flatten(-2)  # ([replicas,] batch * time)
            scored = flat if self._scored is None else flat.index_select(-1, self._scored)
            self._kept.append(scored)

    def last(self) -> Prediction | None:
        """Return the last epoch's prediction of a model, or None if nothing is kept."""
        return self._write(self._kept[-1].unsqueeze(0))[0] if self._kept else None

    def written(self, replica: int | None = None, epochs: int | None = None) -> list[Prediction]:
        """Decode the predictions of each epoch; empty if nothing is kept.

        Args:
            replica: The replica of an ensemble, or None for a single model.
            epochs: The number of epochs, from the first. If None, all.
        """
        kept = self._kept[:epochs]
        rows = kept if replica is None else [row[replica] for row in kept]
        return self._write(torch.stack(rows)) if rows else []

    @classmethod
    def read(cls, written: Sequence[Prediction], vocab: Vocab) -> Predictions:
        """Restore the predictions of one model from the result of `written`.

        Raises:
            DataError: If the lengths of the sequences differ between epochs.
            UnknownSymbolError: If a symbol is not in the vocabulary.

        Examples:
            >>> Predictions.read(["ih", "hi"], Vocab("hielo")).written()
            ['ih', 'hi']
        """
        first = written[0]
        is_list_of_words = vocab.has_words and all(isinstance(part, str) for part in first)
        single = isinstance(first, str) or is_list_of_words
        made = cls([], vocab, single=single)
        for epoch in written:
            sequences: Sequence[Any] = [epoch] if single else epoch
            rows = [vocab.encode(sequence) for sequence in sequences]
            counts = [len(row) for row in rows]
            made._counts = made._counts or counts
            if counts != made._counts:
                raise DataError(
                    "expected predictions of the same length in each epoch, got sequences of "
                    f"{made._counts} symbols and of {counts}"
                )
            made.keep(torch.cat(rows).unsqueeze(0))  # (1, scored)
        return made

    def state(self) -> dict[str, Plain] | None:
        """Return plain values and one tensor, or None if nothing is kept."""
        if self._vocab is None or not self._kept:
            return None
        return {
            "kept": torch.stack(self._kept),  # (epochs, [replicas,] scored)
            "counts": self._counts,
            "vocab": list(self._vocab),
            "single": self._single,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Plain], replicas: int = 0) -> Predictions:
        """Restore predictions from their `state()`.

        Args:
            state: The state.
            replicas: The number of replicas, or 0 for one model.

        Raises:
            DataError: If `state` doesn't match.
        """
        single, vocab = state["single"], Vocab(state["vocab"])
        counts = check_type("counts", state["counts"], list[int])
        check_type("single", single, bool)
        if min(counts, default=0) < 0 or (single and len(counts) > 1):
            raise DataError(f"expected the lengths of sequences, got {described(counts)}")
        made = cls(counts, vocab, single=single, replicas=replicas)
        made.restore(state, len(state["kept"]))
        return made

    def restore(self, state: Mapping[str, Plain] | None, epochs: int) -> None:
        """Restore the `state()` after `epochs` epochs.

        Raises:
            DataError: If it is of other sequences, replicas or epochs.
        """
        count = 0 if state is None else len(state["kept"])
        if count != (0 if self._vocab is None else epochs):
            raise DataError(f"expected predictions of {epochs} epochs, got those of {count}")
        if state is None:
            return
        kept, shape = state["kept"], (*self._replicas, sum(self._counts))
        symbols = 0 if self._vocab is None else len(self._vocab)
        is_index = (kept >= 0) & (kept < symbols)
        if kept.dtype != self._kind or kept.shape[1:] != shape or not is_index.all():
            raise DataError(
                f"expected predictions (epochs, {', '.join(map(str, shape))}) of {symbols} "
                f"symbols, got others of shape {tuple(kept.shape)}"
            )
        self._kept = list(kept)

    def _write(self, rows: Integer[Tensor, "epochs scored"]) -> list[Prediction]:
        assert self._vocab is not None, "nothing is kept without a vocabulary"
        if self._single:
            return self._vocab.decode(rows)  # type: ignore[return-value]
        columns = [self._vocab.decode(column) for column in rows.split(self._counts, 1)]
        return [list(epoch) for epoch in zip(*columns, strict=True)]
