"""Stacked recurrent layers, and the drive of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqtoys.models.elman.layouts import Layout
from seqtoys.models.elman.recurrence import SQUASH, flattened, recur, swapped, unflattened
from seqtoys.models.elman.settings import Nonlinearity


@dataclass(frozen=True)
class LayerWeights:
    """The parameters of a layer in a layout, for one network or many replicas.

    Attributes:
        weight_ih: `(units, features)`.
        weight_hh: `(units, units)`.
        bias: `(units,)`: the sum of both biases.
    """

    weight_ih: Tensor
    weight_hh: Tensor
    bias: Tensor

    @classmethod
    def of(cls, rnn: nn.Module, layer: int, layout: Layout) -> LayerWeights:
        """Get them from a `torch.nn.RNN`, or a module with parameters of the same names."""
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        weight_ih, weight_hh, bias_ih, bias_hh = (
            layout.arrange(weight_of(rnn, f"{name}_l{layer}")) for name in names
        )
        return cls(weight_ih, weight_hh, bias_ih + bias_hh)

    def after_embedding(self, table: Tensor) -> LayerWeights:
        """Return the same layer on symbols instead of their vectors, the rows of a table."""
        # The product of (symbols, features) with (features, units), as (units, symbols).
        return replace(self, weight_ih=(table @ self.weight_ih.T).T)


def weight_of(module: nn.Module, name: str) -> Tensor:
    """Return a weight, stored as a parameter or computed by a parametrization."""
    stored = module._parameters.get(name)  # five times faster than getattr
    return cast(Tensor, getattr(module, name)) if stored is None else stored


def run_layers(
    inputs: Tensor,
    layers: Sequence[LayerWeights],
    h_0: Tensor,
    layout: Layout,
    nonlinearity: Nonlinearity,
) -> tuple[Tensor, Tensor]:
    """Run stacked layers: the states of each are the inputs of the next.

    Args:
        inputs: Symbol indices `(time, batch)`, or vectors `(time, batch, features)` in the layout.
        layers: The parameters, from the first layer to the last.
        h_0: The states before the first step, `(layers, batch, units)`, in the layout.
        layout: The order of the axes.
        nonlinearity: `"tanh"` or `"relu"`.

    Returns:
        The states of the last layer, and the states of all layers after the last step.
    """
    vectors = inputs.is_floating_point()
    steps = inputs.shape[layout.time if vectors else 0]
    batch = h_0.shape[layout.positions]
    # From here on, steps and sequences are flattened: (time * batch, units).
    states, last = flattened(inputs, layout) if vectors else inputs.flatten(), []
    for layer, before in zip(layers, h_0.unbind(layout.time), strict=True):
        if states.is_floating_point():
            drive = project(states, layer.weight_ih, layer.bias, layout)
        else:
            drive = drive_by_symbols(states, layer, layout)
        # Autocast computes products in another dtype, but the states keep that of the weights.
        drive = drive.to(layer.weight_hh.dtype)
        states = recur(drive, layer.weight_hh, before, steps, layout, nonlinearity)
        last.append(states.narrow(layout.positions, -batch, batch) if steps else before)
    return unflattened(states, (steps, batch), layout), torch.stack(last, layout.time)


def step_layers(
    symbols: Tensor, layers: Sequence[LayerWeights], hidden: Tensor, nonlinearity: Nonlinearity
) -> Tensor:
    """Run stacked layers of one network on one symbol of each sequence.

    Args:
        symbols: Symbol indices `(batch,)`.
        layers: The parameters, from the first layer to the last.
        hidden: The states before the step, `(layers, batch, units)`.
        nonlinearity: `"tanh"` or `"relu"`.

    Returns:
        The states after the step, `(layers, batch, units)`.
    """
    states: list[Tensor] = []
    for layer, before in zip(layers, hidden.unbind(), strict=True):
        if states:
            inputs = states[-1] @ layer.weight_ih.T
        else:
            # Look up rows, as in drive_by_symbols.
            inputs = F.embedding(symbols.long(), layer.weight_ih.T)
        total = torch.addmm(inputs + layer.bias, before, layer.weight_hh.T)
        states.append(SQUASH[nonlinearity](total))
    return torch.stack(states)


def drive_by_symbols(symbols: Tensor, layer: LayerWeights, layout: Layout) -> Tensor:
    """Compute the drive `(time * batch, units)` of symbols `(time * batch,)` without one-hots.

    A one-hot vector times a matrix is a row of that matrix, so the rows are looked up directly.

    Examples:
        >>> from seqtoys.models.elman.layouts import UNITS_LAST
        >>> layer = LayerWeights(torch.tensor([[1.0, 2.0, 3.0]]), torch.eye(1), torch.zeros(1))
        >>> drive_by_symbols(torch.tensor([2, 0]), layer, UNITS_LAST).flatten()
        tensor([3., 1.])
    """
    at = layout.positions
    rows, bias = swapped(layer.weight_ih, layout), layer.bias.unsqueeze(at)  # (symbols, units)
    if rows.shape[at] > len(symbols):
        return rows.index_select(at, symbols.long()) + bias
    # With fewer symbols than positions, it is cheaper to add the bias to each symbol's row.
    return (rows + bias).contiguous().index_select(at, symbols.long())


def project(
    vectors: Tensor, weight: Tensor, bias: Tensor, layout: Layout, *, out: Tensor | None = None
) -> Tensor:
    """Multiply vectors `(positions, features)` by a matrix `(units, features)`, and add a bias."""
    rows = layout.rows(swapped(weight, layout))
    total = bias.unsqueeze(layout.positions)
    return layout.multiply_add(total, layout.columns(vectors), rows, out=out)
