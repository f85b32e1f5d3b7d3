"""Adam and AdamW as a single PyTorch operation, without the overhead of torch.optim."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import compress
from operator import is_
from typing import Any

import torch
from torch import Tensor, nn

from seqtoys.errors import DataError
from seqtoys.support.serialization import mismatch

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8  # the defaults of torch.optim.Adam


class FusedAdam:
    """`torch.optim.Adam` or `AdamW` with its default options, but faster for small networks.

    For a network of sixty weights, the bookkeeping of `torch.optim.Adam.step` takes longer than
    the arithmetic: with `fused=True`, 43 µs against 8 µs here (one thread). Also, creating the
    first `torch.optim` optimizer in a process makes PyTorch load its compiler, which takes 0.8 s.

    Args:
        parameters: The parameters. Each gradient has the same memory layout as its parameter.
        lr: The learning rate.
        weight_decay: The decoupled weight decay of AdamW.

    Attributes:
        param_groups: The parameters and the learning rate, as in `torch.optim`.

    Examples:
        >>> weight = nn.Parameter(torch.ones(1))
        >>> weight.grad = torch.ones(1)
        >>> FusedAdam([weight], lr=0.5).step()
        >>> weight
        Parameter containing:
        tensor([0.5000], requires_grad=True)

    Source: Kingma & Ba (2015); Loshchilov & Hutter (2019).
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], *, lr: float, weight_decay: float = 0.0
    ) -> None:
        params = list(parameters)
        self._weight_decay = weight_decay
        self.param_groups: list[dict[str, Any]] = [{"params": params, "lr": lr}]
        self._weights = [flat(parameter) for parameter in params]
        self._grads: list[Tensor | None] = []  # of the last update; most are used again
        self._flat_grads: list[Tensor] = []  # flat views of those that are not None
        self._means = [torch.zeros_like(weight) for weight in self._weights]
        self._squares = [torch.zeros_like(weight) for weight in self._weights]
        # The number of updates of each parameter.
        self._counts = torch.zeros(len(params), dtype=torch.float32, device="cpu")
        self._each_count = self._counts.unbind()

    def state_dict(self) -> dict[str, Any]:
        """Return the state kept between updates, in the shapes of the parameters."""
        return {
            "count": self._counts,
            "means": self._shaped(self._means),
            "squares": self._shaped(self._squares),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore a `state_dict`.

        Raises:
            DataError: If it is invalid or of other parameters.
        """
        wrong = mismatch(state_dict, self.state_dict(), "optimizer")
        if wrong is not None:
            raise DataError(wrong)
        self._counts.copy_(state_dict["count"])
        for name, kept in (("means", self._means), ("squares", self._squares)):
            for view, tensor in zip(self._shaped(kept), state_dict[name], strict=True):
                view.copy_(tensor)

    def renew(self) -> None:
        """Refresh the views of the parameters, which may have moved in memory."""
        self._weights = [flat(parameter) for parameter in self.param_groups[0]["params"]]
        self._grads = []

    def step(self) -> None:
        """Update the parameters that have a gradient."""
        group = self.param_groups[0]
        grads = [parameter.grad for parameter in group["params"]]
        has_grad = [grad is not None for grad in grads]
        if len(grads) != len(self._grads) or not all(map(is_, grads, self._grads)):
            self._grads, self._flat_grads = grads, [flat(x) for x in grads if x is not None]
        state: Any = (self._weights, self._means, self._squares, self._each_count)
        if all(has_grad):
            self._counts.add_(1)
        else:
            self._counts.add_(torch.tensor(has_grad, device="cpu"))
            state = (list(compress(part, has_grad)) for part in state)
        weights, means, squares, counts = state
        torch._fused_adamw_(  # without weight decay, this is Adam
            weights,
            self._flat_grads,
            means,
            squares,
            [],
            counts,
            lr=group["lr"],
            beta1=BETA_1,
            beta2=BETA_2,
            weight_decay=self._weight_decay,
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
        )

    def _shaped(self, numbers: list[Tensor]) -> list[Tensor]:
        """View flat tensors, laid out like the parameters, in the shapes of the parameters."""
        params = self.param_groups[0]["params"]
        return [x.as_strided(p.shape, p.stride()) for x, p in zip(numbers, params, strict=True)]


def flat(tensor: Tensor) -> Tensor:
    """View the elements of a dense tensor as a vector, in memory order.

    The fused operation copies tensors that are not contiguous: for 60,000 weights of a thousand
    replicas, stored with the replicas last, it took 105 µs, against 39 µs with such views.

    Examples:
        >>> flat(torch.tensor([[1, 2], [3, 4]]).T)
        tensor([1, 2, 3, 4])
    """
    return tensor.detach().as_strided((tensor.numel(),), (1,))
