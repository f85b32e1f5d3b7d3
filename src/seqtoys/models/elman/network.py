"""The common base class of single Elman networks and ensembles."""

from __future__ import annotations

import math
import sys
from inspect import signature, unwrap
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from seqtoys.data.batch import Batch, check_range
from seqtoys.data.vocab import Vocab
from seqtoys.errors import OptionError
from seqtoys.models.elman.backprop import Backprop, is_covered, parameters_of
from seqtoys.models.elman.layouts import Layout
from seqtoys.models.elman.settings import ElmanSettings
from seqtoys.models.elman.unmodified import (
    PartTypes,
    calls_only_forward,
    fits_plans,
    is_hooked,
    make_plans,
)
from seqtoys.support.arguments import checked
from seqtoys.support.memory import EnoughMemory, check_room
from seqtoys.support.values import check_count


class ElmanNetwork(nn.Module):
    """The abstract base class of `ElmanCharModel` and `ElmanEnsemble`.

    Args:
        vocab: The symbols it reads and predicts.
        settings: Its sizes and options.
        layout: The memory layout of its weights.

    Attributes:
        PART_TYPES: The types of its parts. Only the library's own classes define this attribute;
            a subclass that inherits it may compute something else.
    """

    PART_TYPES: ClassVar[PartTypes]

    def __init__(self, vocab: Vocab, settings: ElmanSettings, layout: Layout) -> None:
        """Store the settings; subclasses add the parts."""
        super().__init__()
        self.vocab: Vocab = vocab
        self.settings: ElmanSettings = settings
        self._layout: Layout = layout

    @property
    def loss_floor(self) -> float:
        """The lowest loss that the readout can reach, in nats per scored symbol.

        If tanh states are the logits, each logit lies in (-1, 1), so the loss per symbol is at
        least `ln(1 + (V - 1) e⁻²)` for V symbols. With other settings, or if a part has been
        replaced or hooked, there is no such bound, and this is 0.

        Examples:
            >>> from seqtoys import ElmanCharModel
            >>> ElmanCharModel(Vocab("hielo")).loss_floor
            0.4326...
            >>> ElmanCharModel(Vocab("hielo"), hidden_size=5).loss_floor
            0.0
        """
        reads_out = self.settings.hidden_size is not None
        if reads_out or self.settings.nonlinearity != "tanh" or not self.is_unmodified:
            return 0.0
        return math.log1p((len(self.vocab) - 1) * math.exp(-2))

    def initial_hidden(self, batch_size: int) -> Float[Tensor, "*replicas layers batch hidden"]:
        """Return the initial hidden state: zeros; an ensemble's has replicas first.

        Args:
            batch_size: The number of sequences.

        Raises:
            OptionError: If `batch_size` is not a non-negative integer.

        Examples:
            >>> from seqtoys import ElmanCharModel, ElmanEnsemble
            >>> ElmanCharModel(Vocab("hielo")).initial_hidden(3).shape
            torch.Size([1, 3, 5])
            >>> ElmanEnsemble(Vocab("hielo"), seeds=range(9)).initial_hidden(3).shape
            torch.Size([9, 1, 3, 5])
        """
        count = check_count("batch_size", batch_size, 0)
        *replicas, _, units = self._weight.shape
        numbers = math.prod(replicas) * self.settings.num_layers * units
        check_room("states", count, numbers * self._weight.element_size())
        with EnoughMemory():
            return self._zeros(count)

    @property
    def is_unmodified(self) -> bool:
        """Whether the network computes what its settings describe: nothing is replaced or hooked.

        If so, the library uses its own faster implementations. Otherwise `fit`, `step`, `predict`,
        `trace` and `generate` call the modules of the network, as `forward` does.

        Examples:
            >>> from seqtoys import ElmanCharModel
            >>> model = ElmanCharModel(Vocab("hielo"), hidden_size=8)
            >>> model.is_unmodified
            True
            >>> model.readout = nn.Linear(8, 5, bias=False)
            >>> model.is_unmodified
            False
        """
        return self.has_own_parts and not is_hooked(self)

    @property
    def has_own_parts(self) -> bool:
        """Whether the network has its original parts; unlike `is_unmodified`, hooks are ignored.

        Examples:
            >>> from seqtoys import ElmanCharModel
            >>> model = ElmanCharModel(Vocab("hielo"))
            >>> hook = model.register_forward_hook(print)
            >>> model.has_own_parts, model.is_unmodified
            (True, False)
        """
        types = vars(type(self)).get("PART_TYPES")
        if types is None:
            return False
        plans = make_plans(types, len(self.vocab.symbols), self.settings, self._replicas)
        return fits_plans(self, plans)

    @property
    def writes_gradients(self) -> bool:
        """Whether `backprop` can replace autograd.

        It can for an unmodified network with one layer and one-hot symbols, on a CPU, with no
        frozen weights. All other networks are trained with autograd.
        """
        return self.is_unmodified and is_covered(self)

    @checked
    def backprop(self, batch: Batch) -> Backprop:
        """Prepare to compute the loss of sequences and its gradients without autograd.

        Raises:
            OptionError: If this network requires autograd.
            IndexRangeError: If an index is out of range.
        """
        if not self.writes_gradients:
            raise OptionError(
                "expected a network that supports backprop: unmodified, one layer, one-hot "
                f"symbols, on a CPU, no frozen weights; got\n{self}\nuse autograd for any other "
                "network"
            )
        check_range(batch, len(self.vocab))
        return Backprop(parameters_of(self), self._layout, self.settings.nonlinearity, batch)

    @property
    def _replicas(self) -> tuple[int, ...]:
        """The leading axis of the weights of an ensemble; empty for a single network."""
        return ()

    @property
    def _weight(self) -> Tensor:
        """A weight, for its device and dtype.

        The stored parameter is read, since computing a parametrized weight may have side effects.
        """
        rnn = self._modules["rnn"]
        stored: Tensor | None = None if rnn is None else rnn._parameters.get("weight_hh_l0")
        return next(self.parameters()) if stored is None else stored

    def _zeros(self, batch: int) -> Tensor:
        """Return zeros without checks: while exporting a graph, `batch` is symbolic."""
        units = self.settings.units(len(self.vocab.symbols))
        return self._weight.new_zeros(*self._replicas, self.settings.num_layers, batch, units)

    def _is_wrapped(self) -> bool:
        """Whether calling the network does more than the `forward` of the library's class."""
        if not calls_only_forward(self):
            return True
        return "PART_TYPES" not in vars(type(self)) and self._overrides("forward")

    def _steps_by_forward(self) -> bool:
        """Whether `forward` is replaced or hooked but `step` is not, so that `step` must call it.

        False while that `forward` is running, since it may itself call `step`.
        """
        if not self._is_wrapped() or "step" in vars(self) or self._overrides("step"):
            return False
        code, frame = getattr(unwrap(self.forward), "__code__", None), sys._getframe()
        while frame.f_back is not None and frame.f_code is not code:
            frame = frame.f_back
        return frame.f_code is not code

    def _overrides(self, name: str) -> bool:
        """Whether a subclass overrides a method of the library's class."""
        own = next(kind for kind in type(self).__mro__ if "PART_TYPES" in vars(kind))
        return getattr(type(self), name) is not getattr(own, name)

    def _step_by_forward(self, inputs: Tensor, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
        """Call the network on one symbol of each sequence."""
        given = [inputs.unsqueeze(1 if self.settings.batch_first else 0)]
        given += [] if hidden is None else [hidden]
        cannot = f"cannot implement step with the replaced forward of {type(self).__name__}: "
        try:
            signature(self.forward).bind(*given)
        except TypeError as error:
            raise OptionError(f"{cannot}it takes no state; replace step as well") from error
        result = self(*given)
        if not isinstance(result, tuple) or len(result) != 2:
            raise OptionError(f"{cannot}it does not return (logits, state); replace step as well")
        logits, after = result
        return logits.squeeze(-2 if self.settings.batch_first else -3), after
