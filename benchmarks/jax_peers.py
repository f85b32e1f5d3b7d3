"""The JAX peers: fully compiled, without one-hot vectors, with Adam from optax."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import jax  # type: ignore[import-not-found, unused-ignore]
import jax.numpy as jnp  # type: ignore[import-not-found, unused-ignore]
import numpy as np
import numpy.typing as npt
import optax  # type: ignore[import-not-found, import-untyped, unused-ignore]
from torch import nn

from benchmarks.peers import INPUTS, LABELS, Network, Part

Weights: TypeAlias = dict[str, Any]
"""The weights of a network as arrays, by PyTorch's names."""

Start: TypeAlias = tuple[Weights, Any, Any]
"""The weights, Adam's state and the hidden state."""


def weights_of(module: nn.Module) -> Weights:
    """Copy the weights of a PyTorch module."""
    return {name: jnp.array(weight) for name, weight in _arrays(module).items()}


def stacked(modules: Iterable[nn.Module]) -> Weights:
    """Copy the weights of many modules, stacked along a leading axis."""
    each = [_arrays(module) for module in modules]
    return {name: jnp.array(np.stack([arrays[name] for arrays in each])) for name in each[0]}


def _arrays(module: nn.Module) -> dict[str, npt.NDArray[np.float32]]:
    return {
        name.removeprefix("rnn."): weight.detach().numpy()
        for name, weight in module.named_parameters()
    }


def run_rnn(weights: Weights, inputs: Any, hidden: Any, unroll: int) -> tuple[Any, Any]:
    """Compute the final state and all states for indices whose first axis is time."""
    bias = weights["bias_ih_l0"] + weights["bias_hh_l0"]
    projected = weights["weight_ih_l0"].T[inputs] + bias

    def step(hidden: Any, vector: Any) -> tuple[Any, Any]:
        hidden = jnp.tanh(vector + hidden @ weights["weight_hh_l0"].T)
        return hidden, hidden

    final, states = jax.lax.scan(step, hidden, projected, unroll=unroll)
    return final, states


def read_out(weights: Weights, states: Any) -> Any:
    """Compute the logits; without a readout, they are the states."""
    if "readout.weight" not in weights:
        return states
    return states @ weights["readout.weight"].T + weights["readout.bias"]


def seeds_trainer(
    unroll: int, epochs: int = 100, part: Part = (INPUTS, LABELS), lr: float = 0.05
) -> Callable[[Weights], Any]:
    """Build a function that trains many networks on the same sequences, compiled on first call.

    Args:
        unroll: How many steps of the recurrence to unroll: more compiles slower, and usually runs
            faster.
        epochs: The number of updates.
        part: The inputs and labels, `(time,)` or `(time, batch)`; by default "hihell" → "ihello".
        lr: The learning rate.

    Returns:
        A function from the stacked weights to new weights, losses and predicted indices.
    """
    inputs, labels = (indices.numpy() for indices in part)
    adam = optax.adam(lr)

    def measure(weights: Weights) -> tuple[Any, Any]:
        zeros = jnp.zeros((*inputs.shape[1:], len(weights["weight_hh_l0"])))
        logits = read_out(weights, run_rnn(weights, inputs, zeros, unroll)[1])
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        return losses.mean(), logits.argmax(-1)

    def update(carried: Any, _: None) -> tuple[Any, Any]:
        weights, moments = carried
        measured, gradients = jax.value_and_grad(measure, has_aux=True)(weights)
        changes, moments = adam.update(gradients, moments)
        return (optax.apply_updates(weights, changes), moments), measured

    def train(weights: Weights) -> Any:
        carried = (weights, adam.init(weights))
        (weights, _), measured = jax.lax.scan(update, carried, length=epochs)
        return weights, measured

    trained = jax.jit(jax.vmap(train))
    return lambda weights: jax.device_get(trained(weights))


class TextTrainer:
    """A compiled update on one chunk of a text, with the state carried over and buffers donated.

    Args:
        lr: The learning rate.
        unroll: How many steps of the recurrence to unroll.
    """

    def __init__(self, lr: float = 0.01, unroll: int = 4) -> None:
        self.adam = optax.adam(lr)
        self.unroll = unroll
        self.update = jax.jit(self._update, donate_argnums=(0, 1, 2))

    def start(self, network: Network, streams: int) -> Start:
        """Copy the weights of a network, and initialize its state and Adam's."""
        weights = weights_of(network)
        hidden = jnp.zeros((streams, network.rnn.hidden_size))
        return weights, self.adam.init(weights), hidden

    def learn(self, start: Start, parts: Sequence[Part]) -> list[float]:
        """Train as `peers.learn_text` does; this consumes the buffers in `start`."""
        (weights, moments, hidden), losses = start, []
        for inputs, targets in parts:
            chunk = inputs.numpy(), targets.numpy()
            weights, moments, hidden, loss = self.update(weights, moments, hidden, *chunk)
            losses.append(float(loss))
        return losses

    def _update(
        self,
        weights: Weights,
        moments: Any,
        hidden: Any,
        inputs: npt.NDArray[np.int64],
        targets: npt.NDArray[np.int64],
    ) -> tuple[Weights, Any, Any, Any]:
        def measure(weights: Weights) -> tuple[Any, Any]:
            final, states = run_rnn(weights, inputs, hidden, self.unroll)
            logits = read_out(weights, states)
            losses = optax.softmax_cross_entropy_with_integer_labels(logits, targets)
            return losses.mean(), final

        (loss, final), gradients = jax.value_and_grad(measure, has_aux=True)(weights)
        changes, moments = self.adam.update(gradients, moments)
        return optax.apply_updates(weights, changes), moments, final, loss
