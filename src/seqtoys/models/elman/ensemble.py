"""Many seeds of one Elman network, in one module."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqtoys.data.symbols import Symbols
from seqtoys.data.vocab import Vocab
from seqtoys.errors import OptionError
from seqtoys.models.checks import check_hidden, check_inputs
from seqtoys.models.elman.initialization import (
    check_weights_room,
    draw_weights,
    with_parameters,
)
from seqtoys.models.elman.layers import LayerWeights, project, run_layers, weight_of
from seqtoys.models.elman.layouts import choose_layout
from seqtoys.models.elman.model import ElmanCharModel
from seqtoys.models.elman.network import ElmanNetwork
from seqtoys.models.elman.recurrence import flattened, unflattened
from seqtoys.models.elman.settings import ElmanSettings, Nonlinearity, RecurrentInit
from seqtoys.models.elman.unmodified import PartTypes, make_plans
from seqtoys.models.forward import in_mode, logits_of
from seqtoys.models.trained import NAME, note_training
from seqtoys.support.annotations import described
from seqtoys.support.arguments import checked, listed
from seqtoys.support.devices import device_of, on_cpu
from seqtoys.support.indices import check_index
from seqtoys.support.memory import EnoughMemory
from seqtoys.support.randomness import check_seed


class ElmanEnsemble(ElmanNetwork):
    """The Elman networks of many seeds, trained together in about the time of one.

    Replica `i` is equivalent to `ElmanCharModel(vocab, seed=seeds[i], …)`: it starts from the same
    weights, sees the same sequences and gets the same updates, up to rounding. The parameters have
    the same names as that model's, with a leading axis of replicas. `ensemble[i]` is a copy of
    replica `i`. All methods but those of that model are those of `torch.nn.Module`.

    Args:
        vocab: The symbols the networks read and predict.
        seeds: The seed of each replica.
        hidden_size: As for `ElmanCharModel`, like all options below.
        parameters: The largest number of parameters of each network.
        embedding_size: Size of the learned input vectors. If None, inputs are one-hot vectors.
        num_layers: Number of stacked recurrent layers.
        nonlinearity: `"tanh"` or `"relu"`.
        recurrent_init: `"uniform"`, `"orthogonal"` or `"identity"`.
        batch_first: Whether tensors are `(replicas, batch, time, …)` rather than
            `(replicas, time, batch, …)`.

    Raises:
        OptionError: If there are no seeds, a seed is not an integer, or an option is out of range.

    Examples:
        >>> from seqtoys import fit
        >>> ensemble = ElmanEnsemble(Vocab("hielo"), seeds=range(100))
        >>> history = fit(ensemble, ("hihell", "ihello"), epochs=100, lr=0.05)
        >>> print(history.solve_rate)
        80.0% of 100 (95% interval 71.1 to 86.7%)
        >>> history[17].predictions[-1], ensemble.seeds[17]
        ('ihello', 17)
    """

    PART_TYPES: ClassVar[PartTypes] = (nn.Module, nn.Module, nn.Module)

    @checked
    def __init__(
        self,
        vocab: Vocab,
        seeds: Iterable[int],
        *,
        hidden_size: int | None = None,
        parameters: int | None = None,
        embedding_size: int | None = None,
        num_layers: int = 1,
        nonlinearity: Nonlinearity = "tanh",
        recurrent_init: RecurrentInit = "uniform",
        batch_first: bool = True,
    ) -> None:
        """Draw the initial weights; the arguments are described with the class."""
        settings = ElmanSettings(
            hidden_size, embedding_size, num_layers, nonlinearity, recurrent_init, batch_first
        )
        settings = with_parameters(settings, parameters, len(vocab))
        if isinstance(seeds, range):  # before a list is made of it, which may take minutes
            with EnoughMemory():
                check_weights_room(len(vocab), settings, 2 * len(seeds))  # drawn, then laid out
        chosen = tuple(map(check_seed, listed("seeds", seeds)))
        if not chosen:
            raise OptionError("expected at least one seed, got none")
        super().__init__(vocab, settings, choose_layout(len(chosen), settings.units(len(vocab))))
        self.seeds: tuple[int, ...] = chosen
        for name, tensor in draw_weights(len(vocab), self.settings, self.seeds).items():
            part, _, parameter = name.partition(".")
            if part not in self._modules:
                self.add_module(part, nn.Module())
            stored = nn.Parameter(self._layout.store(tensor))
            self.get_submodule(part).register_parameter(parameter, stored)

    def forward(
        self,
        inputs: Int[Tensor, "batch time"] | Float[Tensor, "batch time vocab"],
        hidden: Float[Tensor, "replicas layers _batch hidden"] | None = None,
    ) -> tuple[
        Float[Tensor, "replicas batch time vocab"], Float[Tensor, "replicas layers _batch hidden"]
    ]:
        """Read whole sequences, the same for every replica.

        Args:
            inputs: Symbol indices, or one-hot vectors (or any vectors of that size).
            hidden: The states to resume from. Defaults to zeros.

        Returns:
            The logits after each symbol, and the final hidden states, after any padding.

        Raises:
            SeqtoysError: See `ElmanCharModel.forward`.

        Examples:
            >>> ensemble = ElmanEnsemble(Vocab("hielo"), seeds=[1, 2, 3])
            >>> logits, hidden = ensemble(ensemble.vocab.encode_batch(["hihell"]))
            >>> logits.shape, hidden.shape
            (torch.Size([3, 1, 6, 5]), torch.Size([3, 1, 1, 5]))
        """
        axes = ("batch", "time") if self.settings.batch_first else ("time", "batch")
        check_inputs(inputs, axes, len(self.vocab), self._weight)
        by_step = inputs.transpose(0, 1) if self.settings.batch_first else inputs
        logits, hidden = self._run(by_step, hidden)
        return logits.transpose(1, 2) if self.settings.batch_first else logits, hidden

    if TYPE_CHECKING:
        __call__ = forward

    def step(
        self,
        inputs: Int[Tensor, " batch"] | Float[Tensor, "batch vocab"],
        hidden: Float[Tensor, "replicas layers batch hidden"] | None = None,
    ) -> tuple[
        Float[Tensor, "replicas batch vocab"], Float[Tensor, "replicas layers batch hidden"]
    ]:
        """Read one symbol of each sequence, the same for every replica.

        Args:
            inputs: Symbol indices, or one-hot vectors (or any vectors of that size).
            hidden: The states to resume from. Defaults to zeros.

        Returns:
            The logits, and the next hidden states.

        Raises:
            SeqtoysError: See `ElmanCharModel.forward`.

        Examples:
            >>> ensemble = ElmanEnsemble(Vocab("hielo"), seeds=[1, 2, 3])
            >>> logits, hidden = ensemble.step(ensemble.vocab.encode("h"))
            >>> logits.shape
            torch.Size([3, 1, 5])
        """
        check_inputs(inputs, ("batch",), len(self.vocab), self._weight)
        if not torch.compiler.is_compiling() and self._steps_by_forward():
            return self._step_by_forward(inputs, hidden)
        logits, hidden = self._run(inputs.unsqueeze(0), hidden)
        return logits.squeeze(1), hidden  # (replicas, 1, batch, vocab) -> (replicas, batch, vocab)

    @torch.no_grad()
    def predict(self, sequence: Symbols) -> list[str] | list[list[str]]:
        """Return the likeliest next symbol at each position, for each replica.

        Args:
            sequence: A string, or a list of symbols.

        Raises:
            UnknownSymbolError: If a symbol is not in the vocabulary.
            DeviceError: If the ensemble is on the meta device, where weights have no values.

        Examples:
            >>> [len(text) for text in ElmanEnsemble(Vocab("hielo"), [1, 2]).predict("hihell")]
            [6, 6]
        """
        indices = self.vocab.encode(sequence).to(device_of(self)).unsqueeze(0)  # (1, time)
        with in_mode(self, training=False):
            logits = logits_of(self, indices)
        predicted = logits.argmax(-1).squeeze(1)  # (replicas, 1, time) -> (replicas, time)
        return [self.vocab.decode(row) for row in predicted]  # type: ignore[return-value]

    def __len__(self) -> int:
        return len(self.seeds)

    def __getitem__(self, replica: int) -> ElmanCharModel:
        """Return a copy of one replica as a separate model.

        Frozen weights stay frozen; a parametrized weight is copied as its computed value.

        Raises:
            IndexRangeError: If there is no such replica.
            OptionError: If `forward` or `step` is replaced or hooked, which a copy would lack.
        """
        at = check_index(replica, len(self), "replica")
        if self._is_wrapped() or self._overrides("step"):
            raise OptionError(
                "cannot copy a replica of an ensemble whose forward or step is replaced or hooked;"
                " remove the hooks, or write a __getitem__ that copies them, too"
            )
        self._check_weights()
        with on_cpu():
            model = ElmanCharModel(self.vocab, seed=self.seeds[at], **asdict(self.settings))
        model.to(self._weight.device, self._weight.dtype)
        for path, copied in model.named_parameters():
            part, _, name = path.partition(".")
            weight = weight_of(self.get_submodule(part), name)
            copied.requires_grad_(weight.requires_grad).detach().copy_(weight[at].detach())
        note_training(model, vars(self).get(NAME, (0,))[0])
        return model

    def __iter__(self) -> Iterator[ElmanCharModel]:
        return (self[replica] for replica in range(len(self)))

    def extra_repr(self) -> str:
        """Return the vocabulary and the number of seeds, for the ensemble's `repr`."""
        return f"{self.vocab!r}, {len(self)} seeds"

    def _run(self, inputs: Tensor, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the logits `(replicas, time, batch, vocab)` and the final states."""
        layout, rnn = self._layout, self.get_submodule("rnn")
        if not torch.compiler.is_compiling():
            self._check_weights()
        if hidden is None:
            hidden = self._zeros(inputs.shape[1])
        units = self.settings.units(len(self.vocab.symbols))
        expected = (len(self), self.settings.num_layers, inputs.shape[1], units)
        check_hidden(hidden, expected, self._weight)
        layers = [LayerWeights.of(rnn, i, layout) for i in range(self.settings.num_layers)]
        states, last = run_layers(
            self._inputs(inputs),
            layers,
            layout.arrange(hidden),
            layout,
            self.settings.nonlinearity,
        )
        return layout.restore(self._read_out(states)), layout.restore(last)

    def _inputs(self, inputs: Tensor) -> Tensor:
        """Return symbols unchanged, or the input vectors of each replica in the layout."""
        layout = self._layout
        if inputs.is_floating_point():
            inputs = layout.arrange(inputs.expand(len(self), *inputs.shape))
        if self.settings.embedding_size is None:
            return inputs
        weight = weight_of(self.get_submodule("embedding"), "weight")
        table = layout.arrange(weight)  # (symbols, features)
        if not inputs.is_floating_point():
            vectors = table.index_select(layout.positions, inputs.flatten().long())
            return unflattened(vectors, inputs.shape, layout)
        columns, rows = layout.columns(flattened(inputs, layout)), layout.rows(table)
        vectors = layout.multiply_add(table.new_zeros(()), columns, rows)
        return unflattened(vectors, self._positions(inputs), layout)

    def _read_out(self, states: Tensor) -> Tensor:
        if self.settings.hidden_size is None:
            return states
        layout, readout = self._layout, self.get_submodule("readout")
        weight, bias = (layout.arrange(weight_of(readout, name)) for name in ("weight", "bias"))
        logits = project(flattened(states, layout), weight, bias, layout)
        return unflattened(logits, self._positions(states), layout)

    def _positions(self, states: Tensor) -> tuple[int, int]:
        return states.shape[self._layout.time], states.shape[self._layout.positions]

    @property
    def _replicas(self) -> tuple[int, ...]:
        return (len(self.seeds),)

    def _check_weights(self) -> None:
        """Check that the parts still have the weights of all replicas."""
        symbols = len(self.vocab.symbols)
        plans = make_plans(self.PART_TYPES, symbols, self.settings, self._replicas)
        for part, plan in plans.items():
            module = self._modules.get(part)
            stored = {} if module is None else module._parameters
            for name, shape in plan.shapes.items():
                weight = stored.get(name)
                weight = getattr(module, name, None) if weight is None else weight
                if not isinstance(weight, Tensor) or weight.shape != shape:
                    got = tuple(weight.shape) if isinstance(weight, Tensor) else described(weight)
                    raise OptionError(
                        f"expected {part}.{name} of shape {shape}, got {got}; the parts of an "
                        "ensemble hold the weights of all replicas and cannot be replaced"
                    )
