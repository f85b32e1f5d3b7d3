"""The multilayer perceptron of a block, which maps each position by itself."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from seqtoys.models.undrawn import undrawn


class MLP(nn.Module):
    """Two linear layers with a GELU in between (Hendrycks & Gimpel, 2016).

    Its weights are undefined until they are drawn.

    Args:
        width: The size of the vectors it maps.
        expansion: The size of the hidden layer, as a multiple of the width.

    Examples:
        >>> sum(weight.numel() for weight in MLP(8).parameters())
        552
    """

    up: nn.Linear
    down: nn.Linear

    def __init__(self, width: int, expansion: int = 4) -> None:
        """Create the layers."""
        super().__init__()
        self.up = undrawn(nn.Linear, width, expansion * width)
        self.down = undrawn(nn.Linear, expansion * width, width)

    def forward(self, x: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        """Map each vector.

        Args:
            x: The vectors.
        """
        return self.down(F.gelu(self.up(x)))  # type: ignore[no-any-return]
