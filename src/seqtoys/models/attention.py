"""Causal self-attention (Vaswani et al., 2017)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from seqtoys.models.checks import Pair
from seqtoys.models.rotary import rotated
from seqtoys.models.undrawn import undrawn

Attend: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]
"""`attention`, or a function that returns the same, such as `fast_attention`."""


def attention(
    queries: Float[Tensor, "*batch new size"],
    keys: Float[Tensor, "*batch time size"],
    values: Float[Tensor, "*batch time size"],
) -> Float[Tensor, "*batch new size"]:
    """Compute causal scaled dot-product attention, as Vaswani et al. (2017) write it.

    The output at a position is a weighted average of the values up to this position. The weight of
    a value depends on how well its key matches the query: `softmax(Q Kᵀ / √size) V`.

    Args:
        queries: The queries of the last positions, or of all.
        keys: The keys of all positions.
        values: The values of all positions.

    Examples:
        >>> queries = keys = values = torch.randn(2, 6, 8)
        >>> expected = F.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        >>> torch.allclose(attention(queries, keys, values), expected, atol=1e-6)
        True
    """
    return attention_weights(queries, keys) @ values


def attention_weights(
    queries: Float[Tensor, "*batch new size"], keys: Float[Tensor, "*batch time size"]
) -> Float[Tensor, "*batch new time"]:
    """Compute the weight of each value in `attention`; those of a query add up to 1.

    Args:
        queries: The queries of the last positions, or of all.
        keys: The keys of all positions.

    Examples:
        >>> queries = keys = torch.eye(3)
        >>> attention_weights(queries, keys)
        tensor([[1.0000, 0.0000, 0.0000],
                [0.3595, 0.6405, 0.0000],
                [0.2645, 0.2645, 0.4711]])
    """
    scores = queries @ keys.mT / math.sqrt(queries.shape[-1])  # (…, new, time)
    return (scores + causal_mask(queries, keys)).softmax(-1)


def causal_mask(
    queries: Float[Tensor, "*batch new size"], keys: Float[Tensor, "*batch time size"]
) -> Float[Tensor, "new time"]:
    """Return a mask to add to the scores: -inf at later positions, 0 elsewhere.

    Args:
        queries: The queries of the last positions.
        keys: The keys of all positions.

    Examples:
        >>> causal_mask(torch.ones(2, 8), torch.ones(3, 8))
        tensor([[0., 0., -inf],
                [0., 0., 0.]])
    """
    new, time = queries.shape[-2], keys.shape[-2]
    blocked = torch.full((new, time), -math.inf, dtype=queries.dtype, device=queries.device)
    return blocked.triu(time - new + 1)


def fast_attention(
    queries: Float[Tensor, "*batch new size"],
    keys: Float[Tensor, "*batch time size"],
    values: Float[Tensor, "*batch time size"],
) -> Float[Tensor, "*batch new size"]:
    """Compute `attention` with PyTorch's kernels, which need not store the weights of all pairs.

    Args:
        queries: The queries of the last positions, or of all.
        keys: The keys of all positions.
        values: The values of all positions.

    Examples:
        >>> queries, keys, values = torch.randn(3, 2, 6, 8)
        >>> fast = fast_attention(queries, keys, values)
        >>> torch.allclose(attention(queries, keys, values), fast, atol=1e-6)
        True
    """
    if torch._C._are_functorch_transforms_active():  # vmap has no rule for the CPU kernel
        return attention(queries, keys, values)
    if queries.shape[-2] == keys.shape[-2]:
        return F.scaled_dot_product_attention(queries, keys, values, is_causal=True)
    mask = causal_mask(queries, keys)  # is_causal would align the first query with the first key
    return F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)


class Attention(nn.Module):
    """Causal multi-head self-attention (Vaswani et al., 2017).

    The weights are undefined until they are drawn.

    Args:
        width: Size of the input and output vectors.
        num_heads: Number of heads, which divides the width.

    Examples:
        >>> sum(weight.numel() for weight in Attention(8, 2).parameters())
        288
    """

    qkv: nn.Linear
    out: nn.Linear

    def __init__(self, width: int, num_heads: int) -> None:
        """Create the layers."""
        super().__init__()
        self.num_heads: int = num_heads
        self.qkv = undrawn(nn.Linear, width, 3 * width)
        self.out = undrawn(nn.Linear, width, width)

    def forward(
        self,
        x: Float[Tensor, "batch new width"],
        past: tuple[
            Float[Tensor, "batch heads past size"], Float[Tensor, "batch heads past size"]
        ],
        angles: tuple[Float[Tensor, "new pairs"], Float[Tensor, "new pairs"]] | None,
        attend: Attend,
    ) -> tuple[Float[Tensor, "batch new width"], Pair]:
        """Compute the outputs at new positions, which attend to all positions up to themselves.

        Args:
            x: The vectors of the new positions.
            past: The keys and values of earlier positions.
            angles: The cosines and sines by which to rotate the new queries and keys. If None,
                they are not rotated.
            attend: `attention` or `fast_attention`.

        Returns:
            The outputs at the new positions, and the keys and values of all positions.
        """
        split = self.qkv(x).unflatten(-1, (3, self.num_heads, -1))  # (batch, new, 3, heads, size)
        queries_and_keys, values = split.permute(2, 0, 3, 1, 4).split((2, 1))
        if angles is not None:
            queries_and_keys = rotated(queries_and_keys, *angles)
        queries, keys = queries_and_keys.unbind()  # (batch, heads, new, size)
        keys = torch.cat((past[0], keys), -2)  # (batch, heads, past + new, size)
        values = torch.cat((past[1], values.squeeze(0)), -2)
        heads = attend(queries, keys, values)  # (batch, heads, new, size)
        return self.out(heads.transpose(1, 2).flatten(2)), (keys, values)

    def extra_repr(self) -> str:
        """Return the number of heads, for the module's `repr`."""
        return f"num_heads={self.num_heads}"
