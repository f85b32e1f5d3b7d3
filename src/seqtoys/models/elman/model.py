"""The character-level Elman network: step, forward, predict."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from seqtoys.data.symbols import Symbols
from seqtoys.data.vocab import Vocab
from seqtoys.errors import InputTypeError
from seqtoys.models.checks import check_hidden, check_inputs
from seqtoys.models.elman.initialization import build_parts, with_parameters
from seqtoys.models.elman.layers import LayerWeights, run_layers, step_layers
from seqtoys.models.elman.layouts import UNITS_LAST
from seqtoys.models.elman.network import ElmanNetwork
from seqtoys.models.elman.parts import read_out, run_rnn, zero_state
from seqtoys.models.elman.recurrence import is_left_to_pytorch
from seqtoys.models.elman.settings import ElmanSettings, Nonlinearity, RecurrentInit
from seqtoys.models.elman.unmodified import (
    PartTypes,
    calls_only_forward,
    is_plain_embedding,
    is_plain_rnn,
)
from seqtoys.models.forward import in_mode, logits_of
from seqtoys.records.trace import Trace, widened
from seqtoys.support.arguments import checked
from seqtoys.support.devices import device_of


class ElmanCharModel(ElmanNetwork):
    """An Elman network that reads a sequence and predicts each next symbol (Elman, 1990).

    The hidden state is `h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh)`, where `x_t` is the
    one-hot or learned vector of the symbol at step `t`. The logits are the hidden state itself, or
    a linear readout of it. The weights are in `rnn`, a `torch.nn.RNN`, in `embedding` and in
    `readout`; the last two are None if not used.

    Call a model on whole sequences, or use `step`, `initial_hidden`, `predict` and `trace`. All
    other methods are those of `torch.nn.Module`.

    Args:
        vocab: The symbols it reads and predicts.
        hidden_size: Number of hidden units, read out by a linear layer. If None, there is one unit
            per symbol, and the hidden state itself is the logits.
        parameters: The number of parameters: the largest `hidden_size` that needs no more is
            chosen.
        embedding_size: Size of the learned input vectors. If None, inputs are one-hot vectors.
        num_layers: Number of stacked recurrent layers.
        nonlinearity: `"tanh"` or `"relu"`.
        recurrent_init: Initialization of the recurrent weights: `"uniform"`, PyTorch's default;
            `"orthogonal"` (Saxe et al., 2014); or `"identity"`, with zero biases (Le, Jaitly &
            Hinton, 2015).
        batch_first: Whether tensors are `(batch, time, …)` rather than `(time, batch, …)`. The
            hidden state is `(layers, batch, hidden)` either way, as in PyTorch.
        seed: The seed of the initial weights, which are those PyTorch draws after
            `torch.manual_seed(seed)`, with its default dtype and device. The global random state
            is left unchanged.

    Raises:
        OptionError: If an option is out of range, or `parameters` are too few.

    Examples:
        >>> model = ElmanCharModel(Vocab("hielo"), seed=777)
        >>> logits, hidden = model(model.vocab.encode_batch(["hihell"]))
        >>> logits.shape, hidden.shape
        (torch.Size([1, 6, 5]), torch.Size([1, 1, 5]))
    """

    PART_TYPES: ClassVar[PartTypes] = (nn.Embedding, nn.RNN, nn.Linear)

    @checked
    def __init__(
        self,
        vocab: Vocab,
        *,
        hidden_size: int | None = None,
        parameters: int | None = None,
        embedding_size: int | None = None,
        num_layers: int = 1,
        nonlinearity: Nonlinearity = "tanh",
        recurrent_init: RecurrentInit = "uniform",
        batch_first: bool = True,
        seed: int = 0,
    ) -> None:
        """Draw the initial weights; the arguments are described with the class."""
        settings = ElmanSettings(
            hidden_size, embedding_size, num_layers, nonlinearity, recurrent_init, batch_first
        )
        settings = with_parameters(settings, parameters, len(vocab))
        super().__init__(vocab, settings, UNITS_LAST)
        self.seed: int = seed
        self.embedding: nn.Embedding | None
        self.rnn: nn.RNN
        self.readout: nn.Linear | None
        self.embedding, self.rnn, self.readout = build_parts(len(vocab), settings, seed)

    def forward(
        self,
        inputs: Int[Tensor, "batch time"] | Float[Tensor, "batch time vocab"],
        hidden: Float[Tensor, "layers _batch hidden"] | None = None,
    ) -> tuple[Float[Tensor, "batch time vocab"], Float[Tensor, "layers _batch hidden"]]:
        """Read whole sequences.

        Args:
            inputs: Symbol indices, or one-hot vectors (or any vectors of that size).
            hidden: The state to resume from. Defaults to zeros.

        Returns:
            The logits after each symbol, and the final hidden state. If a sequence is padded, that
            is the state after the padding; read the sequence alone for the one before it.

        Raises:
            ShapeError: If a tensor has the wrong shape.
            InputTypeError: If a tensor has the wrong dtype.
            IndexRangeError: If an index is out of range.
            DeviceError: If a tensor is not on the device of the weights.

        Examples:
            >>> model = ElmanCharModel(Vocab("hielo"), hidden_size=8)
            >>> first, hidden = model(model.vocab.encode_batch(["hih"]))
            >>> second, hidden = model(model.vocab.encode_batch(["ell"]), hidden)
            >>> whole, _ = model(model.vocab.encode_batch(["hihell"]))
            >>> torch.allclose(torch.cat([first, second], dim=1), whole)
            True
        """
        axes = ("batch", "time") if self.settings.batch_first else ("time", "batch")
        check_inputs(inputs, axes, len(self.vocab), self._weight)
        states, hidden = self._run(inputs, hidden)
        return self._read_out_sequences(states), hidden

    if TYPE_CHECKING:
        __call__ = forward

    def step(
        self,
        inputs: Int[Tensor, " batch"] | Float[Tensor, "batch vocab"],
        hidden: Float[Tensor, "layers batch hidden"] | None = None,
    ) -> tuple[Float[Tensor, "batch vocab"], Float[Tensor, "layers batch hidden"]]:
        """Read one symbol of each sequence.

        Args:
            inputs: Symbol indices, or one-hot vectors (or any vectors of that size).
            hidden: The state to resume from. Defaults to zeros.

        Returns:
            The logits, and the next hidden state.

        Raises:
            SeqtoysError: See `forward`.

        Examples:
            >>> model = ElmanCharModel(Vocab("hielo"))
            >>> hidden = model.initial_hidden(1)
            >>> for index in model.vocab.encode("hihell"):
            ...     logits, hidden = model.step(index.reshape(1), hidden)
            >>> logits.shape
            torch.Size([1, 5])
        """
        check_inputs(inputs, ("batch",), len(self.vocab), self._weight)
        if not torch.compiler.is_compiling() and self._steps_by_forward():
            return self._step_by_forward(inputs, hidden)
        if self._can_look_up(inputs):
            hidden = self._state_or_zeros(hidden, inputs.shape[0])
            hidden = step_layers(inputs, self._layers(), hidden, self.settings.nonlinearity)
            return self._read_out(hidden[-1]), hidden
        time_axis = 1 - self._batch_axis
        states, hidden = self._run(inputs.unsqueeze(time_axis), hidden)
        return self._read_out(states.squeeze(time_axis)), hidden

    @torch.no_grad()
    def predict(self, sequence: Symbols) -> str | list[str]:
        """Return the likeliest next symbol at each position.

        Args:
            sequence: A string, or a list of symbols.

        Raises:
            UnknownSymbolError: If a symbol is not in the vocabulary.
            DeviceError: If the model is on the meta device, where weights have no values.

        Examples:
            >>> len(ElmanCharModel(Vocab("hielo")).predict("hihell"))
            6
        """
        logits, _ = self._logits_and_states(sequence)
        return self.vocab.decode(logits.argmax(-1))  # type: ignore[return-value]

    @torch.no_grad()
    def trace(self, sequence: Symbols) -> Trace:
        """Record the state, probabilities and prediction at each step of a text.

        Args:
            sequence: A string, or a list of symbols.

        Raises:
            UnknownSymbolError: If a symbol is not in the vocabulary.
            DeviceError: If the model is on the meta device, where weights have no values.

        Examples:
            >>> ElmanCharModel(Vocab("hielo")).trace("hihell").probabilities.shape
            (6, 5)
        """
        logits, states = self._logits_and_states(sequence)  # (time, vocab), (time, hidden)
        return Trace(
            vocab=self.vocab,
            symbols=list(sequence),
            hidden=widened(states).cpu().numpy(),
            probabilities=widened(logits).softmax(-1).cpu().numpy(),
            predictions=list(self.vocab.decode(logits.argmax(-1))),  # type: ignore[arg-type]
        )

    def extra_repr(self) -> str:
        """Return the vocabulary and the seed, for the model's `repr`."""
        return f"{self.vocab!r}, seed={self.seed}"

    def _run(self, inputs: Tensor, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the states of the last layer, and the final states of all layers."""
        if not self._runs_own_layers(inputs):
            vectors = self._vectors(inputs)  # (batch, time) -> (batch, time, features)
            return run_rnn(self.rnn, vectors, hidden, self._weight)
        hidden = self._state_or_zeros(hidden, inputs.shape[self._batch_axis])
        symbols = inputs.T if self.settings.batch_first else inputs  # (time, batch)
        layers, activation = self._layers(), self.settings.nonlinearity
        if self.embedding is not None:
            layers[0] = layers[0].after_embedding(self.embedding.weight)
        states, hidden = run_layers(symbols, layers, hidden, UNITS_LAST, activation)
        return (states.transpose(0, 1) if self.settings.batch_first else states), hidden

    def _runs_own_layers(self, inputs: Tensor) -> bool:
        """Whether `run_layers` is used rather than the modules `embedding` and `rnn`."""
        if is_left_to_pytorch(inputs) or inputs.is_floating_point():
            return False
        # The table of an embedding is multiplied as a whole, so each symbol has to occur often.
        if self.embedding is not None and inputs.numel() < 4 * len(self.vocab.symbols):
            return False
        return self._has_plain_parts()

    def _can_look_up(self, inputs: Tensor) -> bool:
        """Whether inputs are indices that can be looked up as rows of `weight_ih`."""
        if torch.compiler.is_compiling() or inputs.is_floating_point():
            return False
        return self.embedding is None and self._has_plain_parts()

    def _has_plain_parts(self) -> bool:
        """Whether calling `embedding` and `rnn` computes what the settings describe."""
        symbols, features = len(self.vocab.symbols), len(self.vocab.symbols)
        if self.embedding is not None:
            if not is_plain_embedding(self.embedding) or len(self.embedding.weight) != symbols:
                return False
            features = self.embedding.weight.shape[-1]
        units = self.settings.units(symbols)
        return is_plain_rnn(self.rnn, features, units, self.settings)

    def _layers(self) -> list[LayerWeights]:
        rnn = self.rnn
        return [LayerWeights.of(rnn, i, UNITS_LAST) for i in range(self.settings.num_layers)]

    def _vectors(self, inputs: Tensor) -> Tensor:
        if not inputs.is_floating_point():
            if self.embedding is not None:
                return self.embedding(inputs.long())  # type: ignore[no-any-return]
            return F.one_hot(inputs.long(), len(self.vocab)).to(self._weight.dtype)
        if self.embedding is None:
            return inputs
        if not torch.compiler.is_compiling() and not is_plain_embedding(self.embedding):
            raise InputTypeError(
                "expected indices, because embedding has been replaced or hooked, got "
                f"{inputs.dtype}"
            )
        return inputs @ self.embedding.weight

    def _state_or_zeros(self, hidden: Tensor | None, batch: int) -> Tensor:
        if hidden is None:
            return self._zeros(batch)
        units = self.settings.units(len(self.vocab.symbols))
        check_hidden(hidden, (self.settings.num_layers, batch, units), self._weight)
        return hidden

    def _zeros(self, batch: int) -> Tensor:
        return zero_state(self.rnn, batch, self._weight)

    def _read_out(self, states: Tensor) -> Tensor:
        return read_out(self.readout, states)

    def _read_out_sequences(self, states: Tensor) -> Tensor:
        """Compute the logits of states `(batch, time, hidden)`, or with the time axis first."""
        if not self.settings.batch_first or not self._has_narrow_readout(states):
            return self._read_out(states)
        # The states of a step are adjacent in memory; rearranging the smaller logits is cheaper.
        logits = self._read_out(states.transpose(0, 1))  # (time, batch, vocab)
        return logits.transpose(0, 1).contiguous()

    def _has_narrow_readout(self, states: Tensor) -> bool:
        """Whether calling `readout` computes fewer logits than there are units, on the CPU."""
        if self.readout is None or is_left_to_pytorch(states):
            return False
        plain = type(self.readout) is nn.Linear and calls_only_forward(self.readout)
        return plain and self.readout.out_features < self.readout.in_features

    def _logits_and_states(self, sequence: Symbols) -> tuple[Tensor, Tensor]:
        """Return the logits `(time, vocab)` and states `(time, hidden)` for one sequence."""
        indices = self.vocab.encode(sequence).to(device_of(self))
        if self.is_unmodified:
            states, _ = self._run(indices.unsqueeze(self._batch_axis), None)
            states = states.squeeze(self._batch_axis)  # (batch, time, hidden) -> (time, hidden)
            return self._read_out(states), states
        with in_mode(self, training=False):
            states, _ = self._run(indices.unsqueeze(self._batch_axis), None)
            logits = logits_of(self, indices.unsqueeze(0))  # (batch, time, vocab)
        return logits.squeeze(0), states.squeeze(self._batch_axis)

    @property
    def _batch_axis(self) -> int:
        return 0 if self.settings.batch_first else 1


def reference_forward(
    model: ElmanCharModel,
    inputs: Int[Tensor, "batch time"],
    hidden: Float[Tensor, "layers batch hidden"] | None = None,
) -> tuple[Float[Tensor, "batch time vocab"], Float[Tensor, "layers batch hidden"]]:
    """Compute `forward` as Elman (1990) describes it: slow, and meant to be read.

    Every fast path is tested against this function.

    Args:
        model: The network; its `batch_first` is ignored.
        inputs: Symbol indices.
        hidden: The state to resume from. If None, zeros.

    Examples:
        >>> model = ElmanCharModel(Vocab("hielo"), hidden_size=8)
        >>> inputs = model.vocab.encode_batch(["hihell"])
        >>> torch.allclose(reference_forward(model, inputs)[0], model(inputs)[0], atol=1e-6)
        True
    """
    activation = torch.tanh if model.settings.nonlinearity == "tanh" else torch.relu
    if model.embedding is None:
        vectors = F.one_hot(inputs, len(model.vocab)).to(model._weight.dtype)
    else:
        vectors = model.embedding(inputs)  # (batch, time, features)
    states = list(model.initial_hidden(len(inputs)) if hidden is None else hidden)
    logits = []
    for x in vectors.unbind(1):  # (batch, features)
        for layer, weights in enumerate(model.rnn.all_weights):
            w_ih, w_hh, b_ih, b_hh = weights
            x = states[layer] = activation(x @ w_ih.T + b_ih + states[layer] @ w_hh.T + b_hh)
        logits.append(x if model.readout is None else model.readout(x))  # (batch, vocab)
    return torch.stack(logits, 1), torch.stack(states)
