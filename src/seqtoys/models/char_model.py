"""The base class of all models in this package other than the Elman network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from seqtoys.data.symbols import Symbols
from seqtoys.data.vocab import Vocab
from seqtoys.models.checks import State, check_inputs, check_state
from seqtoys.models.forward import in_mode, logits_of
from seqtoys.models.settings import Settings
from seqtoys.models.widths import choose_width
from seqtoys.records.trace import Trace, widened
from seqtoys.support.devices import default_device, device_of, on_cpu
from seqtoys.support.memory import EnoughMemory, check_room
from seqtoys.support.randomness import seeded_generator
from seqtoys.support.values import check_count


class CharModel(nn.Module):
    """The interface of `GRUCharModel`, `LSTMCharModel` and all later architectures.

    Each symbol becomes a vector; the network maps these to one vector per position, which depends
    on the symbols so far; a linear readout maps each to logits. This is an abstract class:
    subclasses define `make_parts`, `_draw`, `_run`, `_step` and `_state_shapes`.

    Args:
        vocab: The symbols it reads and predicts.
        settings: Its sizes and options.
        seed: The seed of the initial weights. The global random state is left unchanged.

    Attributes:
        SETTINGS: The class of its settings, whose fields are also arguments of its constructor.

    Examples:
        >>> from seqtoys.models import GRUCharModel
        >>> model = GRUCharModel(Vocab("hielo"), hidden_size=8)
        >>> logits, hidden = model.step(model.vocab.encode("h"))
        >>> logits, hidden = model.step(model.vocab.encode("i"), hidden)
        >>> logits.shape, hidden.shape
        (torch.Size([1, 5]), torch.Size([1, 1, 8]))
    """

    SETTINGS: ClassVar[type[Settings]]
    embedding: nn.Embedding | None
    readout: nn.Linear

    def __init__(self, vocab: Vocab, settings: Settings, seed: int) -> None:
        """Build the parts, and draw their initial weights."""
        super().__init__()
        self.vocab: Vocab = vocab
        self.settings: Settings = settings
        self.seed: int = seed
        generator = seeded_generator(seed)
        with EnoughMemory():
            numbers = _numbers(plan(type(self), len(vocab), settings))
            check_room("weights", numbers, torch.get_default_dtype().itemsize)
            with on_cpu(), torch.no_grad():
                for name, part in self.make_parts(len(vocab), settings).items():
                    self.add_module(name, part)
                self._draw(generator)
            self.to(default_device())

    @classmethod
    def make_parts(cls, symbols: int, settings: Any) -> dict[str, nn.Module | None]:
        """Create the parts of a model, whose weights are drawn later, in this order.

        Args:
            symbols: The number of symbols.
            settings: The sizes and options.
        """
        raise NotImplementedError

    def _draw(self, generator: torch.Generator) -> None:
        """Draw the initial weights."""
        raise NotImplementedError

    def _state_shapes(self, batch: int) -> Sequence[Sequence[int | None]]:
        """Return the shape of each tensor of a state; None is an axis that grows from 0."""
        raise NotImplementedError

    def _run(
        self, vectors: Float[Tensor, "batch time features"], hidden: Any
    ) -> tuple[Float[Tensor, "batch time hidden"], Any]:
        """Read whole sequences; return the inputs of the readout and the final state."""
        raise NotImplementedError

    def _step(
        self, vectors: Float[Tensor, "batch features"], hidden: Any
    ) -> tuple[Float[Tensor, "batch hidden"], Any]:
        """Read one position; return the inputs of the readout and the next state."""
        raise NotImplementedError

    def forward(
        self,
        inputs: Int[Tensor, "batch time"] | Float[Tensor, "batch time vocab"],
        hidden: State | None = None,
    ) -> tuple[Float[Tensor, "batch time vocab"], State]:
        """Read whole sequences.

        Args:
            inputs: Symbol indices, or one-hot vectors (or any vectors of that size).
            hidden: The state to resume from. Defaults to `initial_hidden`.

        Returns:
            The logits after each symbol, and the final state. If a sequence is padded, that is the
            state after the padding.

        Raises:
            ShapeError: If a tensor has the wrong shape.
            InputTypeError: If a tensor has the wrong dtype.
            IndexRangeError: If an index is out of range.
            DeviceError: If a tensor is not on the device of the weights.
        """
        batch_first = self.settings.batch_first
        axes = ("batch", "time") if batch_first else ("time", "batch")
        check_inputs(inputs, axes, len(self.vocab), self._weight)
        vectors = self._vectors(inputs if batch_first else inputs.transpose(0, 1))
        # torch.export would treat len(vectors) as a constant.
        states, hidden = self._run(vectors, self._state_or_initial(hidden, vectors.shape[0]))
        logits = self.readout(states)  # (batch, time, hidden) -> (batch, time, vocab)
        return logits if batch_first else logits.transpose(0, 1), hidden

    if TYPE_CHECKING:
        __call__ = forward

    def step(
        self,
        inputs: Int[Tensor, " batch"] | Float[Tensor, "batch vocab"],
        hidden: State | None = None,
    ) -> tuple[Float[Tensor, "batch vocab"], State]:
        """Read one symbol of each sequence.

        Args:
            inputs: Symbol indices, or one-hot vectors (or any vectors of that size).
            hidden: The state to resume from. Defaults to `initial_hidden`.

        Returns:
            The logits, and the next state.

        Raises:
            SeqtoysError: See `forward`.
        """
        check_inputs(inputs, ("batch",), len(self.vocab), self._weight)
        vectors = self._vectors(inputs)  # (batch, features)
        states, hidden = self._step(vectors, self._state_or_initial(hidden, vectors.shape[0]))
        return self.readout(states), hidden

    def states_of(self, indices: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time hidden"]:
        """Return the inputs of the readout at each position.

        Args:
            indices: Symbol indices, batch first whatever `batch_first` is.

        Raises:
            SeqtoysError: See `forward`.

        Examples:
            >>> from seqtoys.models.gru import GRUCharModel
            >>> model = GRUCharModel(Vocab("hielo"), hidden_size=8)
            >>> model.states_of(model.vocab.encode_batch(["hihell"])).shape
            torch.Size([1, 6, 8])
        """
        check_inputs(indices, ("batch", "time"), len(self.vocab), self._weight)
        return self._run(self._vectors(indices), self._initial(len(indices)))[0]

    def initial_hidden(self, batch_size: int) -> State:
        """Return the state before the first symbol: zeros, `(layers, batch, …)`.

        Args:
            batch_size: The number of sequences.

        Raises:
            OptionError: If `batch_size` is not a non-negative integer.
        """
        batch = check_count("batch_size", batch_size, 0)
        numbers = sum(
            math.prod(size or 0 for size in shape) for shape in self._state_shapes(batch)
        )
        check_room("states", numbers, self._weight.element_size())
        with EnoughMemory():
            return self._initial(batch)

    @torch.no_grad()
    def predict(self, sequence: Symbols) -> str | list[str]:
        """Return the likeliest next symbol at each position.

        Args:
            sequence: A string, or a list of symbols.

        Raises:
            UnknownSymbolError: If a symbol is not in the vocabulary.
            DeviceError: If the model is on the meta device, where weights have no values.
        """
        with in_mode(self, training=False):
            logits = logits_of(self, self._encode(sequence))  # (1, time, vocab)
        return self.vocab.decode(logits.squeeze(0).argmax(-1))  # type: ignore[return-value]

    @torch.no_grad()
    def trace(self, sequence: Symbols) -> Trace:
        """Record the state, the probabilities and the prediction at each step of a text.

        Args:
            sequence: A string, or a list of symbols.

        Returns:
            A trace. Its `hidden` are the inputs of the readout, as in `states_of`.

        Raises:
            UnknownSymbolError: If a symbol is not in the vocabulary.
            DeviceError: If the model is on the meta device, where weights have no values.
        """
        indices = self._encode(sequence)
        with in_mode(self, training=False):
            states = self.states_of(indices)  # (1, time, hidden)
            logits = self.readout(states)[0]  # (time, vocab)
        return Trace(
            vocab=self.vocab,
            symbols=list(sequence),
            hidden=widened(states[0]).cpu().numpy(),
            probabilities=widened(logits).softmax(-1).cpu().numpy(),
            predictions=list(self.vocab.decode(logits.argmax(-1))),  # type: ignore[arg-type]
        )

    def extra_repr(self) -> str:
        """Return the vocabulary and the seed, for the model's `repr`."""
        return f"{self.vocab!r}, seed={self.seed}"

    @property
    def has_own_parts(self) -> bool:
        """Whether the model has its original parts, so that it can be saved.

        Examples:
            >>> from seqtoys.models import GRUCharModel
            >>> model = GRUCharModel(Vocab("hielo"))
            >>> model.has_own_parts
            True
            >>> model.readout = nn.Sequential(model.readout, nn.Tanh())
            >>> model.has_own_parts
            False
        """
        if "SETTINGS" not in vars(type(self)):  # a subclass may compute something else
            return False
        parts = {name: part for name, part in self._modules.items() if part is not None}
        planned = plan(type(self), len(self.vocab), self.settings)
        return _described(nn.ModuleDict(parts)) == _described(planned)

    @classmethod
    def _choose(
        cls,
        vocab: Vocab,
        hidden_size: int | None,
        parameters: int | None,
        *,
        multiple_of: int = 1,
        **options: Any,
    ) -> Any:
        """Return settings with the given width, or with one chosen by `choose_width`."""

        def count(width: int) -> int:
            return _numbers(plan(cls, len(vocab), cls.SETTINGS(hidden_size=width, **options)))

        with EnoughMemory():  # absurd sizes overflow even on the meta device
            width = choose_width(hidden_size, parameters, count, multiple_of=multiple_of)
        return cls.SETTINGS(hidden_size=width, **options)

    @property
    def _weight(self) -> Tensor:
        """A weight, for its device and dtype."""
        return next(self.parameters())

    def _initial(self, batch: int) -> State:
        # Not checked for memory as in `initial_hidden`: inputs of this batch size already exist.
        shapes = [[size or 0 for size in shape] for shape in self._state_shapes(batch)]
        parts = tuple(self._weight.new_zeros(shape) for shape in shapes)
        return parts if len(parts) > 1 else parts[0]

    def _state_or_initial(self, hidden: State | None, batch: int) -> State:
        if hidden is None:
            return self._initial(batch)
        check_state(hidden, self._state_shapes(batch), self._weight)
        return hidden

    def _vectors(self, inputs: Tensor) -> Tensor:
        """Return the vector of each symbol: `(…)` or one-hot `(…, vocab)` to `(…, features)`."""
        if inputs.is_floating_point():
            return inputs if self.embedding is None else inputs @ self.embedding.weight
        if self.embedding is None:
            return F.one_hot(inputs.long(), len(self.vocab)).to(self._weight.dtype)
        return self.embedding(inputs.long())  # type: ignore[no-any-return]

    def _encode(self, sequence: Symbols) -> Tensor:
        return self.vocab.encode(sequence).to(device_of(self)).unsqueeze(0)  # (1, time)


def plan(kind: type[CharModel], symbols: int, settings: Settings) -> nn.ModuleDict:
    """Create the parts of a model on the meta device, with shapes but no values.

    Args:
        kind: The class of the model.
        symbols: The number of symbols.
        settings: Its sizes and options.

    Examples:
        >>> from seqtoys.models.gru import GRUCharModel
        >>> parts = plan(GRUCharModel, 5, GRUCharModel.SETTINGS(hidden_size=8))
        >>> sum(weight.numel() for weight in parts.parameters())
        405
    """
    with torch.device("meta"):
        parts = kind.make_parts(symbols, settings)
    return nn.ModuleDict({name: part for name, part in parts.items() if part is not None})


def _numbers(parts: nn.Module) -> int:
    return sum(weight.numel() for weight in parts.parameters())


def _described(parts: nn.Module) -> list[Any]:
    """Describe the class, the options and the shapes of every module in some parts."""
    return [
        (name, type(part), part.extra_repr(), "forward" in vars(part), shapes)
        for name, part in parts.named_modules()
        for shapes in [{key: x.shape for key, x in part.state_dict().items()}]
    ]
