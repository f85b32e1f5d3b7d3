"""A short causal depthwise convolution, which lets a layer see the last few positions."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class CausalConv1d(nn.Module):
    """A depthwise convolution over time that reads only the current and earlier positions.

    Each channel has a kernel of its own. The state is what the kernel still needs of the positions
    read so far: the last `kernel_size - 1` inputs of each channel, zeros at the start.

    Args:
        channels: The number of channels.
        kernel_size: The number of positions that an output depends on.
        bias: Whether to add a learned bias to the outputs.

    Attributes:
        weight: The kernels, `(channels, 1, kernel_size)`, as in a `torch.nn.Conv1d` with
            `groups=channels`; the last entry is multiplied by the current position. The values
            are undefined until they are drawn.
        bias: The biases, `(channels,)`, or None.

    Examples:
        >>> conv = CausalConv1d(1, kernel_size=3, bias=False)
        >>> _ = nn.init.ones_(conv.weight)
        >>> x = torch.tensor([1.0, 2, 3, 4]).reshape(1, 4, 1)
        >>> y, state = conv(x, torch.zeros(1, 1, 2))
        >>> y.flatten().tolist(), state.flatten().tolist()
        ([1.0, 3.0, 6.0, 9.0], [3.0, 4.0])
    """

    def __init__(self, channels: int, kernel_size: int, *, bias: bool = True) -> None:
        """Create undefined weights; the arguments are described with the class."""
        super().__init__()
        self.weight: nn.Parameter = nn.Parameter(torch.empty(channels, 1, kernel_size))
        self.bias: nn.Parameter | None = nn.Parameter(torch.empty(channels)) if bias else None

    def forward(
        self,
        x: Float[Tensor, "batch time channels"],
        state: Float[Tensor, "batch channels kernel_minus_1"],
    ) -> tuple[
        Float[Tensor, "batch time channels"], Float[Tensor, "batch channels kernel_minus_1"]
    ]:
        """Convolve whole sequences, which may be empty.

        Args:
            x: The inputs.
            state: The inputs before them.

        Returns:
            The outputs, and the next state.
        """
        time = x.shape[1]
        padded = torch.cat([state.mT, x], dim=1)  # (batch, kernel - 1 + time, channels)
        # A few shifted products are faster on a CPU than conv1d, which needs channels before time.
        y = self._offset
        for shift, kernel in enumerate(self.weight.squeeze(1).unbind(-1)):
            y = torch.addcmul(
                y, padded[:, shift : shift + time], kernel
            )  # (batch, time, channels)
        return y, padded[:, time:].mT

    def step(
        self,
        x: Float[Tensor, "batch channels"],
        state: Float[Tensor, "batch channels kernel_minus_1"],
    ) -> tuple[Float[Tensor, "batch channels"], Float[Tensor, "batch channels kernel_minus_1"]]:
        """Convolve one position of each sequence.

        Args:
            x: The inputs at this position.
            state: The inputs before it.

        Returns:
            The outputs, and the next state.

        Examples:
            >>> conv = CausalConv1d(1, kernel_size=2, bias=False)
            >>> _ = nn.init.ones_(conv.weight)
            >>> conv.step(torch.tensor([[3.0]]), torch.tensor([[[4.0]]]))[0].item()
            7.0
        """
        window = torch.cat([state, x.unsqueeze(-1)], dim=-1)  # (batch, channels, kernel)
        y = self._offset + (window * self.weight.squeeze(1)).sum(-1)  # (batch, channels)
        return y, window[..., 1:]

    def extra_repr(self) -> str:
        """Return the sizes, for the `repr`."""
        channels, _, kernel_size = self.weight.shape
        return f"{channels}, kernel_size={kernel_size}, bias={self.bias is not None}"

    @property
    def _offset(self) -> Tensor:
        return self.weight.new_zeros(()) if self.bias is None else self.bias
