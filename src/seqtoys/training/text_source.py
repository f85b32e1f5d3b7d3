"""Updates from one long text: chunks, with the state carried over (truncated BPTT)."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from seqtoys.data.baselines import Baselines
from seqtoys.data.batch import Batch
from seqtoys.data.long_text import LongText
from seqtoys.models.forward import loss_and_accuracy_in_chunks
from seqtoys.support.serialization import Plain


class TextSource:
    """A long text in chunks, with the state carried over from one to the next.

    Args:
        text: The text.
    """

    resumes = True
    sequences = None
    optimum = None
    is_growing = False

    def __init__(self, text: LongText) -> None:
        self.text = text
        self.scored: int = text.scored

    def parts(self) -> Iterator[tuple[None, Batch, int]]:
        """Iterate over the text once."""
        return ((None, chunk, chunk.targets.numel()) for chunk in self.text.chunks())

    def reassemble(self, predicted: list[Tensor], rows: list[Tensor | None]) -> None:
        """Return None: the predictions of a long text would take too much memory."""

    def record_accuracy(self, accuracy: float | Tensor) -> None:
        """Do nothing."""

    def identity(self) -> str:
        """Return a description that identifies the text."""
        return f"a text of {self.scored + 1:,} symbols ({self.text.fingerprint()})"

    def state(self) -> None:
        """Return None: a text is read in order."""

    def restore(self, state: Plain) -> None:
        """Do nothing."""

    def baselines(self, vocab_size: int) -> Baselines:
        """Compute the losses that counting alone can reach."""
        return self.text.count_baselines(vocab_size)

    def loss_and_accuracy(self, model: nn.Module) -> tuple[Tensor, Tensor]:
        """Compute the loss and the accuracy of a model that reads all chunks, without training."""
        return loss_and_accuracy_in_chunks(model, self.text)
