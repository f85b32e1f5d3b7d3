"""PyTorch's recurrent networks for the replicas of an ensemble, which `vmap` can't batch itself.

`torch.vmap` has no rule for `torch.nn.RNN`, `GRU` and `LSTM` and their cells. `BatchedRecurrence`
replaces the functions they call by the equations of their documentation. The states have shape
`(replicas, units, batch)`: each gate is then one block of memory per replica, which makes
elementwise operations faster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

_VF: Any = torch._C._VariableFunctions  # what torch.nn's recurrent networks call

Steps: TypeAlias = Sequence[Tensor]
"""A tensor for each step of time."""


class Weights(NamedTuple):
    """The weights of one layer of each replica, in one direction.

    Attributes:
        input: `(replicas, gates, features)`.
        recurrent: `(replicas, gates, units)`.
        input_bias: `(replicas, gates)`, or None.
        recurrent_bias: `(replicas, gates)`, or None.
    """

    input: Tensor
    recurrent: Tensor
    input_bias: Tensor | None
    recurrent_bias: Tensor | None


States: TypeAlias = tuple[Tensor, ...]
"""The state of each replica, `(replicas, units, batch)`; two tensors for an LSTM."""

Layer: TypeAlias = Callable[[Tensor, States, Weights], tuple[list[Tensor], States]]
"""Runs a layer; returns its output at each step, `(replicas, units, batch)`, and final state."""


def run_rnn(
    x: Tensor, state: States, weights: Weights, activation: Callable[[Tensor], Tensor]
) -> tuple[list[Tensor], States]:
    """Run `h = activation(W_ih x + b_ih + W_hh h + b_hh)` over time."""
    (h,), states = state, []
    for inner in _project(x, weights.input, _sum(weights.input_bias, weights.recurrent_bias)):
        h = activation(torch.baddbmm(inner, weights.recurrent, h))
        states.append(h)
    return states, (h,)


def run_gru(x: Tensor, state: States, weights: Weights) -> tuple[list[Tensor], States]:
    """Run a GRU over time (Cho et al., 2014), in the form of `torch.nn.GRU`."""
    (h,), states, sizes = state, [], (2 * state[0].shape[1], state[0].shape[1])
    gates_hh, new_hh = weights.recurrent.split(sizes, 1)
    gates_bias, new_bias = _split(weights.recurrent_bias, sizes)
    gates_ih, new_ih = weights.input.split(sizes, 1)
    bias, new_input_bias = _split(weights.input_bias, sizes)
    gates = _project(x, gates_ih, _sum(bias, gates_bias))
    for inner, new in zip(gates, _project(x, new_ih, new_input_bias), strict=True):
        reset, update = torch.sigmoid(torch.baddbmm(inner, gates_hh, h)).chunk(2, 1)
        candidate = torch.addcmul(new, reset, _affine(new_hh, new_bias, h)).tanh()
        h = torch.lerp(candidate, h, update)
        states.append(h)
    return states, (h,)


def run_lstm(x: Tensor, state: States, weights: Weights) -> tuple[list[Tensor], States]:
    """Run an LSTM over time (Hochreiter & Schmidhuber, 1997), in the form of `torch.nn.LSTM`."""
    (h, c), states = state, []
    for inner in _project(x, weights.input, _sum(weights.input_bias, weights.recurrent_bias)):
        gates = torch.baddbmm(inner, weights.recurrent, h)
        write, keep, new, read = gates.chunk(4, 1)
        c = torch.addcmul(torch.sigmoid(keep) * c, torch.sigmoid(write), new.tanh())
        h = torch.sigmoid(read) * c.tanh()
        states.append(h)
    return states, (h, c)


LAYERS: dict[Any, Layer] = {
    _VF.rnn_tanh: partial(run_rnn, activation=torch.tanh),
    _VF.rnn_relu: partial(run_rnn, activation=torch.relu),
    _VF.gru: run_gru,
    _VF.lstm: run_lstm,
}
"""The functions of whole sequences, and the equations of one layer."""

CELLS: dict[Any, Layer] = {
    _VF.rnn_tanh_cell: LAYERS[_VF.rnn_tanh],
    _VF.rnn_relu_cell: LAYERS[_VF.rnn_relu],
    _VF.gru_cell: run_gru,
    _VF.lstm_cell: run_lstm,
}
"""The functions of one step, and the equations of one layer."""


def has_recurrence(model: nn.Module) -> bool:
    """Whether a model contains one of PyTorch's recurrent networks or cells.

    Examples:
        >>> has_recurrence(nn.Sequential(nn.GRU(2, 2))), has_recurrence(nn.Linear(2, 2))
        (True, False)
    """
    return any(isinstance(part, nn.RNNBase | nn.RNNCellBase) for part in model.modules())


class BatchedRecurrence(TorchFunctionMode):
    """Replaces the functions of PyTorch's recurrent networks inside `torch.vmap`.

    Packed sequences and LSTMs with projections are left to PyTorch, which can't batch them.

    Examples:
        >>> gru, x = nn.GRU(2, 3), torch.ones(5, 2)
        >>> with BatchedRecurrence():
        ...     states = torch.vmap(lambda x: gru(x)[0])(torch.stack([x, 2 * x]))
        >>> torch.allclose(states[1], gru(2 * x)[0])
        True
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run a function, or its replacement."""
        if func in LAYERS and _is_plain(*args):
            return _run_layers(LAYERS[func], *args)
        if func in CELLS:
            return _run_cell(CELLS[func], *args)
        return func(*args, **(kwargs or {}))


def _is_plain(*args: Any) -> bool:
    """Whether the arguments are those of a network without projections on unpacked sequences."""
    has_biases, num_layers, is_bidirectional = args[3], args[4], args[7]
    if not isinstance(has_biases, bool):  # a packed sequence has its weights there
        return False
    each = 4 if has_biases else 2
    return bool(len(args[2]) == each * num_layers * (1 + is_bidirectional))


def _run_layers(
    layer: Layer,
    inputs: Tensor,
    initial: Tensor | States,
    weights: Sequence[Tensor],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    is_training: bool,
    is_bidirectional: bool,
    batch_first: bool,
) -> tuple[Any, ...]:
    """Run all layers and directions of one replica, with the arguments of `torch.nn`."""
    x = inputs.transpose(0, 1) if batch_first else inputs  # (time, batch, features)
    starts = initial if isinstance(initial, tuple) else (initial,)
    each, directions = (4 if has_biases else 2), 1 + is_bidirectional
    finals: list[States] = []
    for at in range(num_layers):
        outputs = []
        for direction in range(directions):
            index = at * directions + direction
            own = weights[each * index : each * (index + 1)]
            read = x.flip(0) if direction else x
            output, *final = _run_layer(layer, read, *own, *[None] * (4 - each),
                                          *(start[index] for start in starts))  # fmt: skip
            outputs.append(output.flip(0) if direction else output)
            finals.append(tuple(final))
        x = torch.cat(outputs, -1) if is_bidirectional else outputs[0]
        if dropout and is_training and at < num_layers - 1:
            x = F.dropout(x, dropout)
    ends = tuple(torch.stack(each) for each in zip(*finals, strict=True))  # (layers, batch, units)
    return (x.transpose(0, 1) if batch_first else x), *ends


def _run_cell(layer: Layer, inputs: Tensor, initial: Tensor | States, *weights: Any) -> Any:
    """Run one step of one replica, with the arguments of `torch.nn`."""
    starts = initial if isinstance(initial, tuple) else (initial,)
    own = [*weights, *[None] * (4 - len(weights))]
    _, *final = _run_layer(layer, inputs.unsqueeze(0), *own, *starts)
    return tuple(final) if isinstance(initial, tuple) else final[0]


class _Layer(torch.autograd.Function):
    """One layer in one direction: `(time, batch, features)` to `(time, batch, units)`.

    It has no backward pass of its own. As a `Function`, it gets the tensors of all replicas from
    `vmap`; autograd records its operations as usual.
    """

    @staticmethod
    def forward(layer: Layer, x: Tensor, *tensors: Any) -> tuple[Tensor, ...]:
        """Run the layer once, since none of its tensors differs between the replicas."""
        outputs, _ = _Layer.vmap(None, (None,) * (2 + len(tensors)), layer, x, *tensors)
        return tuple(output.squeeze(0) for output in outputs)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Save nothing, since `vmap` is recorded by autograd."""

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], layer: Layer, x: Tensor, *tensors: Any
    ) -> tuple[tuple[Tensor, ...], Any]:
        """Run the layer for all replicas."""
        replicas = 1 if info is None else info.batch_size
        _, x_axis, *axes = in_dims
        if x_axis is not None:
            x = x.movedim(x_axis, 0)  # (replicas, time, batch, features)
        stacked: list[Any] = [
            each if each is None else _with_replicas(each, axis, replicas)
            for each, axis in zip(tensors, axes, strict=True)
        ]
        weights, states = Weights(*stacked[:4]), tuple(s.transpose(1, 2) for s in stacked[4:])
        outputs, final = layer(x, states, weights)
        whole = torch.stack(outputs, 1).transpose(2, 3)  # (replicas, time, batch, units)
        found = (whole, *(state.transpose(1, 2) for state in final))
        return found, (0,) * len(found)


_run_layer: Callable[..., tuple[Tensor, ...]] = _Layer.apply


def _with_replicas(tensor: Tensor, axis: int | None, replicas: int) -> Tensor:
    """Return a tensor with the axis of replicas first."""
    if axis == 0:
        return tensor  # a view would make the gradients of two biases share memory
    return tensor.expand(replicas, *tensor.shape) if axis is None else tensor.movedim(axis, 0)


def _sum(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    """Add two biases; a network has both or neither."""
    return None if one is None or other is None else one + other


def _split(bias: Tensor | None, sizes: tuple[int, int]) -> Sequence[Tensor | None]:
    return (None, None) if bias is None else bias.split(sizes, 1)


def _affine(weight: Tensor, bias: Tensor | None, x: Tensor) -> Tensor:
    """Compute `W x + b` for each replica: `(replicas, gates, batch)`."""
    if bias is None:
        return torch.bmm(weight, x)
    return torch.baddbmm(bias.unsqueeze(2), weight, x)


def _project(x: Tensor, weight: Tensor, bias: Tensor | None) -> Steps:
    """Compute `W x + b` of each step: `(replicas, gates, batch)`.

    Args:
        x: `(replicas, time, batch, features)`, or `(time, batch, features)` if the same for all.
        weight: `(replicas, gates, features)`.
        bias: `(replicas, gates)`, or None.
    """
    if x.ndim == 4:
        return [_affine(weight, bias, step.transpose(1, 2)) for step in x.unbind(1)]
    joint, column = weight.flatten(0, 1), None if bias is None else bias.reshape(-1, 1)
    # Each (replicas * gates, features) @ (features, batch).
    steps = [
        joint @ step.T if column is None else torch.addmm(column, joint, step.T)
        for step in x.unbind(0)
    ]
    return [step.unflatten(0, weight.shape[:2]) for step in steps]
