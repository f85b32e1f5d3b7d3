"""The loss of a model and its gradients, by autograd or by the hand-written backward pass."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor, nn

from seqtoys.data.batch import Batch
from seqtoys.errors import OptionError
from seqtoys.models.forward import logits_and_state, logits_of
from seqtoys.models.metrics import cross_entropy

KEPT_SHAPES = 64  # batch shapes whose buffers are kept


@runtime_checkable
class Gradients(Protocol):
    """The loss of a model on sequences of one shape, with gradients computed without autograd."""

    def load(self, batch: Batch) -> None:
        """Load other sequences of the same shape."""

    def start(self, state: Tensor | None) -> None:
        """Set the initial state of the next sequences; None means zeros."""

    @property
    def final_state(self) -> Tensor:
        """The state after the last step."""

    def loss_and_predictions(self) -> tuple[Tensor, Tensor]:
        """Compute the loss and the predicted symbols."""

    def backward(self) -> None:
        """Compute the gradients of the loss computed last."""


def writes_gradients(model: nn.Module) -> bool:
    """Whether a model can compute its gradients without autograd."""
    # Not by a protocol: in Python 3.11, isinstance would compute the property once more.
    return bool(getattr(model, "writes_gradients", False)) and hasattr(model, "backprop")


class Learner:
    """Computes the losses, predictions and gradients of a model.

    Args:
        model: The model, or an ensemble.
        stepwise: Whether to feed it one symbol at a time.
        symbols: The number of symbols. If None, the number of logits of the model.

    Attributes:
        hidden: The state after the last sequences, to resume from, or None.

    Examples:
        >>> from seqtoys import ElmanCharModel, Vocab
        >>> vocab = Vocab("hielo")
        >>> learner = Learner(ElmanCharModel(vocab, seed=777), stepwise=False)
        >>> loss, predicted = learner.loss_and_predictions(Batch.from_texts(["hihello"], vocab))
        >>> loss
        tensor(1.6925)
    """

    def __init__(self, model: nn.Module, *, stepwise: bool, symbols: int | None = None) -> None:
        self.model = model
        self.stepwise = stepwise
        self.symbols = symbols
        self._written: dict[tuple[int, ...], Gradients] = {}
        self._writer: Any = None
        self._places: list[int] = []  # the memory addresses of the weights
        self._batch: Batch | None = None
        self.renew()
        self._gradients: Gradients | None = None
        self._loss: Tensor | None = None
        self.hidden: Any = None

    def renew(self) -> None:
        """Refresh what is cached about the model, which a callback may have changed."""
        self._writer = self.model if writes_gradients(self.model) else None
        places = [weight.data_ptr() for weight in self.model.parameters()]
        if places != self._places:
            self._places = places
            self._written.clear()
            self._batch = None

    def loss_and_predictions(
        self, batch: Batch, *, resume: bool = False
    ) -> tuple[Float[Tensor, "*replicas"], Int[Tensor, "*replicas batch time"]]:
        """Compute the mean loss and the predicted symbols, for each replica of an ensemble.

        Args:
            batch: The sequences.
            resume: Whether they continue the last ones; gradients do not flow back into those.
        """
        self._gradients = self._prepare(batch)
        if self._gradients is not None:
            if not resume:
                return self._gradients.loss_and_predictions()
            self._gradients.start(self.hidden)
            measured = self._gradients.loss_and_predictions()
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
        """Compute the gradients of the loss measured last."""
        if self._gradients is not None:
            self._gradients.backward()
        else:
            assert self._loss is not None, "call loss_and_predictions first"
            if not self._loss.requires_grad:
                raise OptionError(
                    "expected logits that depend on the weights of the model, got logits without "
                    "gradients; check that forward neither detaches them nor uses torch.no_grad()"
                )
            self.model.zero_grad()
            self._loss.sum().backward()  # replicas share no weights, so each gets its own gradient
            _separate_gradients(self.model)
            self._loss = None

    def _prepare(self, batch: Batch) -> Gradients | None:
        if self._writer is None:
            self._batch = None
            return None
        if batch is self._batch:
            return self._gradients
        known = self._written.get(batch.inputs.shape)
        if known is None:
            if len(self._written) == KEPT_SHAPES:  # a task may generate any number of lengths
                self._written.clear()
            known = self._written[batch.inputs.shape] = self._writer.backprop(batch)
        else:
            known.load(batch)
        self._batch = batch
        return known


def _separate_gradients(model: nn.Module) -> None:
    """Copy gradients that share memory, as those of `a.view(2) + b.view(2)` may in autograd.

    Clipping changes gradients in place, and would scale what two weights share twice.
    """
    known: set[int] = set()
    for weight in model.parameters():
        if weight.grad is not None and not weight.grad.is_sparse:
            memory = weight.grad.untyped_storage().data_ptr()
            if memory in known:
                weight.grad = weight.grad.clone()
            known.add(memory)
