"""The sizes and options of Elman networks, apart from vocabulary and seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from seqtoys.errors import OptionError, quoted
from seqtoys.support.values import check_choice, to_int

Nonlinearity: TypeAlias = Literal["tanh", "relu"]
"""The nonlinearities of the hidden state."""

RecurrentInit: TypeAlias = Literal["uniform", "orthogonal", "identity"]
"""The initializations of the recurrent weights."""

CHOICES: dict[str, tuple[str, ...]] = {
    "nonlinearity": get_args(Nonlinearity),
    "recurrent_init": get_args(RecurrentInit),
}


@dataclass(frozen=True)
class ElmanSettings:
    """The sizes and options of an Elman network.

    Attributes:
        hidden_size: Number of hidden units, read out by a linear layer. If None, there is one unit
            per symbol, and the hidden state itself is the logits.
        embedding_size: Size of the learned input vectors. If None, inputs are one-hot vectors.
        num_layers: Number of stacked recurrent layers.
        nonlinearity: `"tanh"` or `"relu"`.
        recurrent_init: Initialization of the recurrent weights: `"uniform"`, PyTorch's default;
            `"orthogonal"` (Saxe, McClelland & Ganguli, 2014); or `"identity"`, with zero biases
            (Le, Jaitly & Hinton, 2015).
        batch_first: Whether tensors are `(batch, time, …)` rather than `(time, batch, …)`.

    Raises:
        OptionError: If a size is not a positive integer, or an option is invalid.

    Examples:
        >>> ElmanSettings(hidden_size=32).units(vocab_size=5)
        32
        >>> ElmanSettings().units(vocab_size=5)
        5
    """

    hidden_size: int | None = None
    embedding_size: int | None = None
    num_layers: int = 1
    nonlinearity: Nonlinearity = "tanh"
    recurrent_init: RecurrentInit = "uniform"
    batch_first: bool = True

    def __post_init__(self) -> None:
        for name in ("hidden_size", "embedding_size", "num_layers"):
            value = getattr(self, name)
            may_be_none = name != "num_layers"
            if value is None and may_be_none:
                continue
            size = to_int(value)
            if size is None or size < 1:
                wanted = "a positive integer" + (" or None" if may_be_none else "")
                raise OptionError(f"expected {name} to be {wanted}, got {quoted(value)}")
            vars(self)[name] = size
        if not isinstance(self.batch_first, bool):
            raise OptionError(
                f"expected batch_first to be True or False, got {quoted(self.batch_first)}"
            )
        for name, known in CHOICES.items():
            check_choice(name, getattr(self, name), known)

    def units(self, vocab_size: int) -> int:
        """Return the number of hidden units of each layer."""
        return vocab_size if self.hidden_size is None else self.hidden_size

    def features(self, vocab_size: int) -> int:
        """Return the size of the input vector of a symbol."""
        return vocab_size if self.embedding_size is None else self.embedding_size
