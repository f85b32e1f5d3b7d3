"""Adam in one fused operation, without what an optimizer's `step` looks up anew each time."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim.adam import adam


class FusedAdam(torch.optim.Adam):
    """`torch.optim.Adam(fused=True)`, for parameters that get a gradient at every update.

    A network of sixty weights spends longer in the bookkeeping of `step` than in its arithmetic:
    42 µs against 20 µs with `update`, which calls the same function of PyTorch on lists that it
    made once.

    Args:
        parameters: What to update.
        lr: The learning rate.

    Examples:
        >>> weight = nn.Parameter(torch.ones(1))
        >>> weight.grad = torch.ones(1)
        >>> FusedAdam([weight], lr=0.5).update()
        >>> weight
        Parameter containing:
        tensor([0.5000], requires_grad=True)
    """

    def __init__(self, parameters: Iterable[nn.Parameter], *, lr: float) -> None:
        super().__init__(parameters, lr=lr, fused=True)
        self._columns: tuple[list[Tensor], ...] | None = None

    @torch.no_grad()
    def update(self) -> None:
        """Do what `step` does."""
        if self._columns is None:
            self.step()  # makes the state
            names = ("exp_avg", "exp_avg_sq", "step")
            states = [self.state[parameter] for parameter in self._parameters]
            self._columns = tuple([state[name] for state in states] for name in names)
            return
        means, squares, steps = self._columns
        grads = [parameter.grad for parameter in self._parameters if parameter.grad is not None]
        group = self.param_groups[0]
        beta1, beta2 = group["betas"]
        adam(
            self._parameters,
            grads,
            means,
            squares,
            [],
            steps,
            fused=True,
            amsgrad=False,
            beta1=beta1,
            beta2=beta2,
            lr=group["lr"],
            weight_decay=0.0,
            eps=group["eps"],
            maximize=False,
        )

    @property
    def _parameters(self) -> list[Tensor]:
        return self.param_groups[0]["params"]  # type: ignore[no-any-return]
