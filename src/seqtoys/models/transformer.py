"""The decoder-only transformer (Vaswani et al., 2017; Radford et al., 2019)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal, TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqtoys.data.vocab import Vocab
from seqtoys.errors import OptionError, ShapeError
from seqtoys.models.attention import (
    Attend,
    Attention,
    attention,
    attention_weights,
    fast_attention,
)
from seqtoys.models.blocks import run_blocks
from seqtoys.models.char_model import CharModel
from seqtoys.models.checks import Pair, check_inputs
from seqtoys.models.mlp import MLP
from seqtoys.models.rotary import rotation
from seqtoys.models.settings import Settings, check_heads
from seqtoys.models.undrawn import undrawn
from seqtoys.support.arguments import checked
from seqtoys.support.values import check_choice, check_count

Positions: TypeAlias = Literal["learned", "rotary", "none"]
POSITIONS = ("learned", "rotary", "none")


class TransformerBlock(nn.Module):
    """A pre-norm residual block of attention and an MLP (Radford et al., 2019).

    The weights are undefined until they are drawn.

    Args:
        width: Size of the input and output vectors.
        num_heads: Number of attention heads.

    Examples:
        >>> sum(weight.numel() for weight in TransformerBlock(8, 2).parameters())
        872
    """

    attention_norm: nn.LayerNorm
    mlp_norm: nn.LayerNorm

    def __init__(self, width: int, num_heads: int) -> None:
        """Create the layers."""
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention: Attention = Attention(width, num_heads)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp: MLP = MLP(width)

    def forward(
        self, x: Float[Tensor, "batch new width"], past: Pair, angles: Pair | None, attend: Attend
    ) -> tuple[Float[Tensor, "batch new width"], Pair]:
        """Compute the outputs at new positions.

        Args:
            x: The vectors of the new positions.
            past: See `Attention.forward`, like all others.
            angles: See `Attention.forward`.
            attend: See `Attention.forward`.

        Returns:
            The outputs at the new positions, and the keys and values of all positions.
        """
        attended, present = self.attention(self.attention_norm(x), past, angles, attend)
        x = x + attended
        return x + self.mlp(self.mlp_norm(x)), present


@dataclass(frozen=True, kw_only=True)
class TransformerSettings(Settings):
    """The sizes and options of a `TransformerCharModel`.

    Attributes:
        num_layers: Number of blocks.
        num_heads: Number of attention heads in each block.
        positions: How positions are encoded: "learned", "rotary" or "none".
        context: The largest number of positions. If None, there is no limit.

    Raises:
        OptionError: If an option is out of range, `num_heads` does not divide `hidden_size`, or
            learned positions have no `context`.

    Examples:
        >>> TransformerSettings(hidden_size=16).num_heads
        2
        >>> TransformerSettings(hidden_size=15)
        Traceback (most recent call last):
        seqtoys.errors.OptionError: expected hidden_size to be a multiple of num_heads=2, got ...
    """

    num_layers: int = 2
    num_heads: int = 2
    positions: Positions = "rotary"
    context: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("positions", self.positions, POSITIONS)
        check_heads(self.hidden_size, self.num_heads)
        if self.positions == "learned" and self.context is None:
            raise OptionError(
                "expected context, the largest number of positions, with positions='learned', got "
                "None; pass context=…, or positions='rotary'"
            )


class TransformerCharModel(CharModel):
    """A decoder-only transformer that reads a sequence and predicts each next symbol.

    `attention` is its core (Vaswani et al., 2017); `forward` runs `fast_attention`. Each block
    normalizes first, as in GPT-2 (Radford et al., 2019). The weights are in `embedding`,
    `position_embedding` (None unless positions are learned), `blocks` of the class
    `TransformerBlock`, `norm` and `readout`.

    The state is a key-value cache: the pair `(keys, values)` of all positions so far, each
    `(layers, batch, heads, time, head size)`. It grows by one position with each symbol, so
    `step` takes time proportional to the number of positions.

    Args:
        vocab: The symbols it reads and predicts.
        hidden_size: Size of the vectors between blocks, a multiple of `num_heads`. Defaults to 32
            or the next multiple, unless `parameters` is given.
        parameters: The largest number of parameters, from which `hidden_size` is chosen; the two
            cannot be combined.
        num_heads: Number of attention heads in each block.
        positions: How positions are encoded. "rotary" rotates queries and keys by angles
            proportional to the position, which works at any length (Su et al., 2021). "learned"
            adds a learned vector to that of each symbol, as in GPT-2; the vectors of positions
            beyond the trained lengths stay random. "none" leaves only the causal mask
            (Kazemnejad et al., 2023).
        context: The largest number of positions, those in the state included; required for
            learned positions. If None, there is no limit.
        num_layers: Number of blocks. With only one, attention compares single symbols and their
            positions.
        batch_first: Whether tensors are `(batch, time, …)` rather than `(time, batch, …)`. The
            state is `(layers, batch, …)` either way.
        seed: The seed of the initial weights. Those of linear layers are uniform as in
            `torch.nn.Transformer` (Glorot & Bengio, 2010), with biases of 0. Embeddings are normal
            with standard deviation `1 / sqrt(hidden_size)`. The global random state is left
            unchanged.

    Raises:
        OptionError: If an option is out of range, or `parameters` are too few.

    Examples:
        >>> model = TransformerCharModel(Vocab("hielo"), parameters=10_000, seed=0)
        >>> logits, (keys, values) = model(model.vocab.encode_batch(["hihell"]))
        >>> logits.shape, keys.shape
        (torch.Size([1, 6, 5]), torch.Size([2, 1, 2, 6, 9]))
    """

    SETTINGS: ClassVar[type[Settings]] = TransformerSettings
    settings: TransformerSettings
    embedding: nn.Embedding
    position_embedding: nn.Embedding | None
    blocks: nn.ModuleList
    norm: nn.LayerNorm

    @checked
    def __init__(
        self,
        vocab: Vocab,
        hidden_size: int | None = None,
        *,
        parameters: int | None = None,
        num_heads: int = 2,
        positions: Positions = "rotary",
        context: int | None = None,
        num_layers: int = 2,
        batch_first: bool = True,
        seed: int = 0,
    ) -> None:
        """Draw the initial weights; the arguments are described with the class."""
        heads = check_count("num_heads", num_heads, 1)
        settings = self._choose(
            vocab,
            hidden_size,
            parameters,
            multiple_of=heads,
            num_heads=num_heads,
            positions=positions,
            context=context,
            num_layers=num_layers,
            batch_first=batch_first,
        )
        super().__init__(vocab, settings, seed)

    def attention_of(
        self, indices: Int[Tensor, "batch time"]
    ) -> Float[Tensor, "layers batch heads time time"]:
        """Return the attention weights of each layer and head.

        The second to last axis is the position that attends, and the last is the position that it
        attends to. The weights of a position add up to 1; those of later positions are 0.

        Args:
            indices: Symbol indices, batch first whatever `batch_first` is.

        Raises:
            SeqtoysError: See `forward`; also if there are more positions than the context of the
                model.

        Examples:
            >>> model = TransformerCharModel(Vocab("hielo"), num_layers=3, num_heads=2)
            >>> weights = model.attention_of(model.vocab.encode_batch(["hihell"]))
            >>> weights.shape
            torch.Size([3, 1, 2, 6, 6])
        """
        check_inputs(indices, ("batch", "time"), len(self.vocab), self._weight)
        found = list[Tensor]()

        def attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
            found.append(attention_weights(queries, keys))  # (batch, heads, time, time)
            return found[-1] @ values

        hidden: Any = self._initial(len(indices))
        self._through_blocks(self._vectors(indices), hidden, attend)
        return torch.stack(found)

    @classmethod
    def make_parts(
        cls, symbols: int, settings: TransformerSettings
    ) -> dict[str, nn.Module | None]:
        """Create the parts, whose weights are drawn later, in this order.

        Args:
            symbols: The number of symbols.
            settings: The sizes and options.
        """
        width, positions = settings.hidden_size, None
        if settings.positions == "learned":
            assert settings.context is not None, "the settings check it"
            positions = undrawn(nn.Embedding, settings.context, width)
        blocks = [TransformerBlock(width, settings.num_heads) for _ in range(settings.num_layers)]
        return {
            "embedding": undrawn(nn.Embedding, symbols, width),
            "position_embedding": positions,
            "blocks": nn.ModuleList(blocks),
            "norm": nn.LayerNorm(width),
            "readout": undrawn(nn.Linear, width, symbols),
        }

    def _draw(self, generator: torch.Generator) -> None:
        for part in self.modules():
            if isinstance(part, nn.Embedding):
                std = 1 / math.sqrt(part.embedding_dim)
                nn.init.normal_(part.weight, std=std, generator=generator)
            elif isinstance(part, nn.Linear):
                nn.init.xavier_uniform_(part.weight, generator=generator)
                part.bias.zero_()

    def _state_shapes(self, batch: int) -> tuple[tuple[int | None, ...], ...]:
        sizes = self.settings
        head_size = sizes.hidden_size // sizes.num_heads
        return ((sizes.num_layers, batch, sizes.num_heads, None, head_size),) * 2

    def _run(self, vectors: Tensor, hidden: Pair) -> tuple[Tensor, Pair]:
        return self._through_blocks(vectors, hidden, fast_attention)

    def _step(self, vectors: Tensor, hidden: Pair) -> tuple[Tensor, Pair]:
        x = vectors.unsqueeze(1)  # (batch, 1, width)
        x, hidden = self._through_blocks(x, hidden, attention)
        return x.squeeze(1), hidden

    def _through_blocks(
        self, x: Float[Tensor, "batch new width"], hidden: Pair, attend: Attend
    ) -> tuple[Float[Tensor, "batch new width"], Pair]:
        start, new = self._check_context(hidden, x.shape[1]), x.shape[1]
        if self.position_embedding is not None:
            x = x + self.position_embedding(torch.arange(start, start + new, device=x.device))
        is_rotary = self.settings.positions == "rotary"
        angles = rotation(start, new, hidden[0]) if is_rotary else None
        blocks = [partial(block, angles=angles, attend=attend) for block in self.blocks]
        x, hidden = run_blocks(blocks, x, hidden)
        return self.norm(x), hidden

    def _check_context(self, hidden: Pair, new: int) -> int:
        """Return the number of positions in a state, after checking that new ones fit."""
        past, others = (part.shape[3] for part in hidden)
        if past != others:
            raise ShapeError(
                f"expected keys and values of the same number of positions, got {past} keys and "
                f"{others} values; pass the state that the model returned"
            )
        context = self.settings.context
        if context is not None and past + new > context:
            before = f" ({past} in the state and {new} new)" if past else ""
            raise ShapeError(
                f"expected at most {context} positions, the context of the model, got "
                f"{past + new}{before}; create the model with context={past + new} or more"
            )
        return past
