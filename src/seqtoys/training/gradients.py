"""The loss of a model on sequences, and its gradients: by autograd, or written out."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor, nn

from seqtoys.data.batch import Batch
from seqtoys.errors import OptionError
from seqtoys.models.forward import logits_and_state, logits_of
from seqtoys.models.metrics import cross_entropy

KEPT_SHAPES = 64  # of batches whose buffers are kept


@runtime_checkable
class Gradients(Protocol):
    """The loss of a model on sequences of one shape, with gradients computed without autograd."""

    def load(self, batch: Batch) -> None:
        """Take other sequences, of the same number and length."""

    def start(self, state: Tensor | None) -> None:
        """Begin the next sequences from a state; None: from zeros."""

    @property
    def final_state(self) -> Tensor:
        """The state after the last step."""

    def measure(self) -> tuple[Tensor, Tensor]:
        """Compute the loss and the predicted symbols."""

    def backward(self) -> None:
        """Set the gradients of what `measure` computed."""


@runtime_checkable
class WritesGradients(Protocol):
    """A model that knows its gradients."""

    @property
    def writes_gradients(self) -> bool:
        """Whether it can compute them without autograd, as it is now."""

    def backprop(self, batch: Batch) -> Gradients:
        """Prepare to compute them."""


def writes_gradients(model: nn.Module) -> bool:
    """Whether a model can compute its gradients without autograd."""
    return isinstance(model, WritesGradients) and model.writes_gradients


class Learner:
    """Computes losses and predictions of a model, then the gradients.

    Args:
        model: The model, or an ensemble.
        stepwise: Whether to feed it one symbol at a time.
        symbols: The number of symbols; None: as many as the model has logits.

    Attributes:
        hidden: The state after the last sequences, from which others may go on; None: none.

    Examples:
        >>> from seqtoys import ElmanCharModel, Vocab
        >>> vocab = Vocab("hielo")
        >>> learner = Learner(ElmanCharModel(vocab, seed=777), stepwise=False)
        >>> loss, predicted = learner.measure(Batch.from_texts(["hihello"], vocab))
        >>> loss
        tensor(1.6925)
    """

    def __init__(self, model: nn.Module, *, stepwise: bool, symbols: int | None = None) -> None:
        self.model = model
        self.stepwise = stepwise
        self.symbols = symbols
        self._written: dict[tuple[int, ...], Gradients] = {}
        self._writer: Any = None
        self._places: list[int] = []  # in memory, of the weights
        self.renew()
        self._batch: Batch | None = None
        self._gradients: Gradients | None = None
        self._loss: Tensor | None = None
        self.hidden: Any = None

    def renew(self) -> None:
        """Look at the model again, after a user may have changed it."""
        self._writer = self.model if writes_gradients(self.model) else None
        places = [weight.data_ptr() for weight in self.model.parameters()]
        if places != self._places:
            self._places = places
            self._written.clear()

    def measure(
        self, batch: Batch, *, resume: bool = False
    ) -> tuple[Float[Tensor, "*replicas"], Int[Tensor, "*replicas batch time"]]:
        """Compute the mean loss and the predicted symbols, of each replica in an ensemble.

        Args:
            batch: The sequences.
            resume: Whether they go on where the last ones ended; gradients do not go back there.
        """
        self._gradients = self._prepare(batch)
        if self._gradients is not None:
            if not resume:
                return self._gradients.measure()
            self._gradients.start(self.hidden)
            measured = self._gradients.measure()
            self.hidden = self._gradients.final_state
            return measured
        if resume:
            logits, self.hidden = logits_and_state(
                self.model, batch.inputs, self.hidden, symbols=self.symbols
            )
        else:
            logits = logits_of(
                self.model, batch.inputs, symbols=self.symbols, stepwise=self.stepwise
            )
        self._loss = cross_entropy(logits, batch)
        return self._loss.detach(), logits.detach().argmax(-1)

    def backward(self) -> None:
        """Set the gradients of the loss that was measured last."""
        if self._gradients is not None:
            self._gradients.backward()
        else:
            assert self._loss is not None, "what is measured comes first"
            if not self._loss.requires_grad:
                raise OptionError(
                    "expected logits that depend on the weights of the model, got some without "
                    "gradients; does its forward detach them, or run under torch.no_grad()?"
                )
            self.model.zero_grad()
            self._loss.sum().backward()  # replicas share no weight: each gets its own gradient
            self._loss = None

    def _prepare(self, batch: Batch) -> Gradients | None:
        if self._writer is None:
            return None
        known = self._written.get(batch.inputs.shape)
        if known is None:
            if len(self._written) == KEPT_SHAPES:  # a task may have sequences of any length
                self._written.clear()
            known = self._written[batch.inputs.shape] = self._writer.backprop(batch)
        elif batch is not self._batch:
            known.load(batch)
        self._batch = batch
        return known
