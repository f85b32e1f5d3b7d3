"""The loss of an Elman network and its gradients, with a hand-written backward pass.

`fit` uses this for networks with one layer and one-hot symbols. The results are those of autograd
up to rounding, at a lower cost: no graph is built, every large buffer is allocated once, and the
logits of a large vocabulary are never all in memory at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqtoys.data.batch import Batch
from seqtoys.models.elman.layouts import Layout
from seqtoys.models.elman.passes import Passes
from seqtoys.models.elman.settings import Nonlinearity
from seqtoys.models.elman.workspace import Workspace

NAMES = {"weight_ih", "weight_hh", "bias_ih", "bias_hh", "readout_weight", "readout_bias"}
# The most numbers in the states of a step in one part: few enough for the CPU cache, and enough
# for PyTorch to use two threads.
PART_SIZE = 2**16


def is_covered(network: nn.Module) -> bool:
    """Whether `Backprop` supports an unmodified network: its parts, its device, nothing frozen.

    Networks with an embedding are left to autograd: their training is so sensitive to the order of
    summation that only PyTorch's own order reproduces PyTorch's losses epoch by epoch.
    """
    weights = parameters_of(network)
    return (
        weights.keys() <= NAMES
        and all(map(_is_free, weights.values()))
        and not torch.is_autocast_enabled("cpu")
    )


def _is_free(weight: nn.Parameter) -> bool:
    """Whether a weight is trainable, on the CPU, dense, and without gradient hooks."""
    return (
        weight.requires_grad
        and weight.device.type == "cpu"
        and (weight.is_contiguous() or torch.empty_like(weight).stride() == weight.stride())
        and not weight._backward_hooks
        and not weight._post_accumulate_grad_hooks
    )


def parameters_of(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters of a network under the names that `Backprop` uses."""
    return {
        name.removeprefix("rnn.").removesuffix("_l0").replace(".", "_"): value
        for name, value in model.named_parameters()
    }


class Backprop:
    """Computes the loss, predictions and gradients of a network on sequences.

    Args:
        parameters: `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh`, each `([replicas,] …)`; with a
            linear readout also `readout_weight` and `readout_bias`.
        layout: The memory layout of states and replicas.
        nonlinearity: `"tanh"` or `"relu"`.
        batch: The sequences, the same for every replica.

    Examples:
        >>> from seqtoys import ElmanCharModel, Vocab
        >>> vocab = Vocab("hielo")
        >>> model = ElmanCharModel(vocab, seed=777)
        >>> backprop = model.backprop(Batch.from_texts(["hihello"], vocab))
        >>> loss, predicted = backprop.loss_and_predictions()
        >>> backprop.backward()
        >>> loss, model.rnn.weight_hh_l0.grad.shape
        (tensor(1.6925), torch.Size([5, 5]))
    """

    def __init__(
        self,
        parameters: Mapping[str, nn.Parameter],
        layout: Layout,
        nonlinearity: Nonlinearity,
        batch: Batch,
    ) -> None:
        grads = {name: torch.empty_like(value) for name, value in parameters.items()}
        self._owned = [(parameters[name], grad) for name, grad in grads.items()]
        self._parts: list[Passes] = []
        self._sizes: list[int] = []
        weights = {name: parameter.detach() for name, parameter in parameters.items()}
        by_size: dict[int, Workspace] = {}  # parts of the same size share buffers
        for part in _parts(weights["weight_hh"], len(batch), layout):
            mine, out = (
                {name: layout.arrange(tensor[part]) for name, tensor in tensors.items()}
                for tensors in (weights, grads)
            )
            size = len(weights["weight_hh"][part])
            workspace = Workspace(mine, layout, batch, shared=by_size.get(size))
            by_size.setdefault(size, workspace)
            self._sizes.append(size)
            self._parts.append(Passes(mine, out, layout, nonlinearity, workspace))

    def load(self, batch: Batch) -> None:
        """Load other sequences of the same shape."""
        for part in self._parts:
            part.workspace.load(batch)

    def start(self, state: Tensor | None) -> None:
        """Set the initial state of the next sequences, such as `final_state`; None means zeros."""
        alone = len(self._parts) == 1
        for i, part in enumerate(self._parts):
            part.workspace.start(state if alone or state is None else state.split(self._sizes)[i])

    @property
    def final_state(self) -> Tensor:
        """The state after the last step, in the layout; the next forward pass overwrites it."""
        states = [part.workspace.later[-1] for part in self._parts]
        return states[0] if len(states) == 1 else torch.cat(states)

    @torch.inference_mode()
    def loss_and_predictions(
        self,
    ) -> tuple[Float[Tensor, "*replicas"], Int[Tensor, "*replicas batch time"]]:
        """Run the forward pass; return the mean loss and the predicted symbols."""
        if len(self._parts) == 1:
            return self._parts[0].forward()
        losses, predicted = zip(*(part.forward() for part in self._parts), strict=True)
        return torch.cat(losses), torch.cat(predicted)

    @torch.inference_mode()
    def backward(self) -> None:
        """Run the backward pass, and set the gradients of the parameters."""
        for part in self._parts:
            part.backward()
        for parameter, grad in self._owned:
            parameter.grad = grad if parameter.requires_grad else None


def _parts(weight_hh: Tensor, sequences: int, layout: Layout) -> list[slice]:
    """Divide the replicas into parts of about equal size, which are trained one after another."""
    if not layout.has_parts:
        return [slice(None)]
    replicas, units = weight_hh.shape[:2]
    count = -(-replicas // max(1, PART_SIZE // max(1, sequences * units)))
    edges = [replicas * i // count for i in range(count + 1)]
    return [slice(*part) for part in pairwise(edges)]
