"""DeltaNet: a linear transformer with the delta rule (Schlag et al., 2021; Yang et al., 2024)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from seqtoys.data.vocab import Vocab
from seqtoys.models.blocks import run_blocks
from seqtoys.models.causal_conv import CausalConv1d
from seqtoys.models.char_model import CharModel
from seqtoys.models.checks import Pair
from seqtoys.models.mlp import MLP
from seqtoys.models.settings import Settings, check_heads
from seqtoys.models.undrawn import draw_uniform, undrawn
from seqtoys.support.arguments import checked
from seqtoys.support.values import check_count

CHUNK = 32  # the fastest of 8, 16, 32 and 64, for 128 steps and heads of 10 to 24 units on a CPU
EPSILON = 1e-6


def delta_rule_step(
    state: Float[Tensor, "*batch value key"],
    q: Float[Tensor, "*batch key"],
    k: Float[Tensor, "*batch key"],
    v: Float[Tensor, "*batch value"],
    beta: Float[Tensor, "*batch"],
) -> tuple[Float[Tensor, "*batch value"], Float[Tensor, "*batch value key"]]:
    """Write a value under a key, then read with a query: `S ← S(I - β k kᵀ) + β v kᵀ; o = S q`.

    The state is a matrix that maps keys to values. As `S(I - β k kᵀ) + β v kᵀ` is
    `S + β (v - S k) kᵀ`, a step corrects the value `S k` of a key by a fraction β of its error:
    with β = 1, a key of length 1 gets exactly its new value. The matrix `I - β k kᵀ` has the
    eigenvalue 1 - β along the key, and 1 in all directions orthogonal to it.

    Args:
        state: The state S, the "fast weights".
        q: The queries.
        k: The keys, of length 1.
        v: The values.
        beta: The writing strengths β: in (0, 1), or in (0, 2) to allow negative eigenvalues.

    Returns:
        The outputs, and the next state.

    Examples:
        >>> k, v = torch.tensor([0.6, 0.8]), torch.tensor([1.0, 2.0, 3.0])
        >>> old = torch.ones(3, 2)
        >>> output, state = delta_rule_step(old, q=k, k=k, v=v, beta=torch.tensor(1.0))
        >>> torch.allclose(output, v)
        True
    """
    returned = (state @ k.unsqueeze(-1)).squeeze(-1)  # (*batch, value)
    correction = beta.unsqueeze(-1) * (v - returned)  # (*batch, value)
    state = state + correction.unsqueeze(-1) * k.unsqueeze(-2)  # (*batch, value, key)
    return (state @ q.unsqueeze(-1)).squeeze(-1), state


def delta_rule_chunk(
    state: Float[Tensor, "*batch value key"],
    q: Float[Tensor, "*batch time key"],
    k: Float[Tensor, "*batch time key"],
    v: Float[Tensor, "*batch time value"],
    beta: Float[Tensor, "*batch time"],
) -> tuple[Float[Tensor, "*batch time value"], Float[Tensor, "*batch value key"]]:
    """Compute several steps of the delta rule at once, by matrix products (Yang et al., 2024).

    Step t adds `u_t k_tᵀ` to the state. The correction `u_t` depends on those before it:
    `u_t = β_t (v_t - S k_t - Σ_{i<t} (k_iᵀ k_t) u_i)`, with S as the state before the chunk. These
    are the rows of a triangular system for all corrections U of the chunk:
    `(I + A) U = diag(β) (V - K Sᵀ)` with `A = tril(diag(β) K Kᵀ, -1)`. The paper calls
    `(I + A)⁻¹ diag(β)` the UT transform; here, the system is solved without an inverse.

    Args:
        state: The state before the chunk.
        q: The queries.
        k: The keys.
        v: The values.
        beta: The writing strengths.

    Returns:
        The outputs, and the state after the chunk. The cost grows with the square of the length.

    Examples:
        >>> k, v = F.normalize(torch.randn(5, 4), dim=-1), torch.randn(5, 3)
        >>> outputs, state = delta_rule_chunk(torch.zeros(3, 4), k, k, v, torch.ones(5))
        >>> torch.allclose(outputs, v, atol=1e-5)  # each key returns the value just written
        True
    """
    strengths = beta.unsqueeze(-1)  # (*batch, time, 1)
    coupling = (strengths * (k @ k.mT)).tril(-1)  # (*batch, time, time)
    errors = strengths * (v - k @ state.mT)  # (*batch, time, value)
    corrections = _solve_unit_lower(coupling, errors)  # (*batch, time, value)
    outputs = q @ state.mT + (q @ k.mT).tril() @ corrections
    return outputs, state + corrections.mT @ k


def delta_rule(
    state: Float[Tensor, "*batch value key"],
    q: Float[Tensor, "*batch time key"],
    k: Float[Tensor, "*batch time key"],
    v: Float[Tensor, "*batch time value"],
    beta: Float[Tensor, "*batch time"],
    *,
    chunk_size: int = CHUNK,
) -> tuple[Float[Tensor, "*batch time value"], Float[Tensor, "*batch value key"]]:
    """Compute the delta rule for whole sequences, chunk by chunk.

    Args:
        state: The state to resume from.
        q: The queries.
        k: The keys.
        v: The values.
        beta: The writing strengths.
        chunk_size: The number of steps that are computed at once. It affects the speed, and the
            results only by rounding.

    Returns:
        The outputs, and the final state.

    Examples:
        >>> k, v = F.normalize(torch.randn(5, 4), dim=-1), torch.randn(5, 3)
        >>> outputs, state = delta_rule(torch.zeros(3, 4), k, k, v, torch.ones(5))
        >>> stepwise = torch.zeros(3, 4)
        >>> for t in range(5):
        ...     output, stepwise = delta_rule_step(stepwise, k[t], k[t], v[t], torch.tensor(1.0))
        >>> torch.allclose(state, stepwise, atol=1e-5)
        True
    """
    outputs = []
    qkv = (x.split(chunk_size, -2) for x in (q, k, v))  # chunks of (*batch, chunk, size)
    for q_part, k_part, v_part, betas in zip(*qkv, beta.split(chunk_size, -1), strict=True):
        output, state = delta_rule_chunk(state, q_part, k_part, v_part, betas)
        outputs.append(output)
    return torch.cat(outputs, -2), state


def _solve_unit_lower(
    lower: Float[Tensor, "*batch time time"], right: Float[Tensor, "*batch time value"]
) -> Float[Tensor, "*batch time value"]:
    """Solve `(I + lower) x = right` by forward substitution, which is as stable as the recurrence.

    The inverse as a product of powers of `lower` would need only matrix products, but with β near
    2, its terms are huge and cancel.
    """
    wide = torch.promote_types(right.dtype, torch.float32)  # there is no solver for half precision
    solved: Tensor = torch.linalg.solve_triangular(
        lower.to(wide), right.to(wide), upper=False, unitriangular=True
    )
    return solved.to(right.dtype)


class DeltaNetMixer(nn.Module):
    """The layer that mixes positions: heads that each store values under keys by the delta rule.

    Queries, keys and values are linear maps of the inputs, followed by a short convolution and
    SiLU. Queries and keys are scaled to length 1; the outputs of each head are normalized. The
    weights are undefined until they are drawn.

    Args:
        settings: The sizes and options of the model.

    Examples:
        >>> mixer = DeltaNetMixer(DeltaNetSettings(hidden_size=8, num_heads=2))
        >>> mixer.qkv, mixer.beta
        (Linear(in_features=8, out_features=24, bias=False),
         Linear(in_features=8, out_features=2, bias=False))
    """

    def __init__(self, settings: DeltaNetSettings) -> None:
        """Create the layers."""
        super().__init__()
        width, heads = settings.hidden_size, settings.num_heads
        self.largest_beta: int = 2 if settings.negative_eigenvalues else 1
        self.qkv: nn.Linear = undrawn(nn.Linear, width, 3 * width, bias=False)
        self.conv: CausalConv1d = CausalConv1d(3 * width, settings.conv_size, bias=False)
        self.beta: nn.Linear = undrawn(nn.Linear, width, heads, bias=False)
        self.norm: nn.RMSNorm = nn.RMSNorm(width // heads, eps=EPSILON)
        self.output: nn.Linear = undrawn(nn.Linear, width, width, bias=False)

    def forward(
        self, x: Float[Tensor, "batch time width"], hidden: Pair
    ) -> tuple[Float[Tensor, "batch time width"], Pair]:
        """Read whole sequences, chunk by chunk.

        Args:
            x: The inputs.
            hidden: The state of the convolution, and the fast weights.

        Returns:
            The outputs, and the next state.
        """
        mixed, conv = self.conv(self.qkv(x), hidden[0])  # (batch, time, 3 * width)
        heads = [each.transpose(1, 2) for each in self._heads(mixed)]  # (batch, heads, time, size)
        q, k, v = (each.contiguous() for each in heads)  # otherwise, each product would copy them
        beta = self._strengths(x).transpose(1, 2)  # (batch, heads, time)
        found, fast = delta_rule(hidden[1], q, k, v, beta)  # (batch, heads, time, size)
        return self._combined(found.transpose(1, 2)), (conv, fast)

    def step(
        self, x: Float[Tensor, "batch width"], hidden: Pair
    ) -> tuple[Float[Tensor, "batch width"], Pair]:
        """Read one position of each sequence, by the recurrence.

        Args:
            x: The inputs at this position.
            hidden: The state of the convolution, and the fast weights.

        Returns:
            The outputs, and the next state.
        """
        mixed, conv = self.conv.step(self.qkv(x), hidden[0])  # (batch, 3 * width)
        q, k, v = self._heads(mixed)  # (batch, heads, size)
        found, fast = delta_rule_step(hidden[1], q, k, v, self._strengths(x))
        return self._combined(found), (conv, fast)

    def extra_repr(self) -> str:
        """Return the range of the writing strengths, for the `repr`."""
        return f"largest_beta={self.largest_beta}"

    def _heads(self, mixed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values: `(…, 3 * width)` to three of `(…, heads, size)`."""
        sizes = 3, self.beta.out_features, self.norm.normalized_shape[0]
        q, k, v = F.silu(mixed).unflatten(-1, sizes).unbind(-3)
        return _unit(q), _unit(k), v

    def _strengths(self, x: Tensor) -> Tensor:
        return self.largest_beta * torch.sigmoid(self.beta(x))  # (…, width) -> (…, heads)

    def _combined(self, found: Tensor) -> Tensor:
        found = found.to(self.norm.weight.dtype)  # autocast may have rounded it
        return self.output(self.norm(found).flatten(-2))  # type: ignore[no-any-return]


def _unit(x: Tensor) -> Tensor:
    """Scale vectors to length 1, with a finite gradient also for vectors of zeros."""
    return x * torch.rsqrt(x.square().sum(-1, keepdim=True) + EPSILON)


class DeltaNetBlock(nn.Module):
    """A residual block of the mixer and an MLP, which read normalized inputs.

    The weights are undefined until they are drawn.

    Args:
        settings: The sizes and options of the model.

    Examples:
        >>> block = DeltaNetBlock(DeltaNetSettings(hidden_size=8))
        >>> block.mixer_norm
        RMSNorm((8,), eps=1e-06, elementwise_affine=True)
    """

    def __init__(self, settings: DeltaNetSettings) -> None:
        """Create the layers."""
        super().__init__()
        self.mixer_norm: nn.RMSNorm = nn.RMSNorm(settings.hidden_size, eps=EPSILON)
        self.mixer: DeltaNetMixer = DeltaNetMixer(settings)
        self.mlp_norm: nn.RMSNorm = nn.RMSNorm(settings.hidden_size, eps=EPSILON)
        self.mlp: MLP = MLP(settings.hidden_size)

    def forward(
        self, x: Float[Tensor, "batch time width"], hidden: Pair
    ) -> tuple[Float[Tensor, "batch time width"], Pair]:
        """Read whole sequences.

        Args:
            x: The inputs.
            hidden: The state of the mixer.

        Returns:
            The outputs, and the next state.
        """
        mixed, hidden = self.mixer(self.mixer_norm(x), hidden)
        return self._add(x, mixed), hidden

    def step(
        self, x: Float[Tensor, "batch width"], hidden: Pair
    ) -> tuple[Float[Tensor, "batch width"], Pair]:
        """Read one position of each sequence.

        Args:
            x: The inputs at this position.
            hidden: The state of the mixer.

        Returns:
            The outputs, and the next state.
        """
        mixed, hidden = self.mixer.step(self.mixer_norm(x), hidden)
        return self._add(x, mixed), hidden

    def _add(self, x: Tensor, mixed: Tensor) -> Tensor:
        x = x + mixed
        return x + self.mlp(self.mlp_norm(x))  # type: ignore[no-any-return]


@dataclass(frozen=True, kw_only=True)
class DeltaNetSettings(Settings):
    """The sizes and options of a `DeltaNetCharModel`.

    Attributes:
        num_heads: Number of heads in each block, which divides `hidden_size`.
        negative_eigenvalues: Whether the writing strengths are in (0, 2) rather than (0, 1).
        conv_size: Number of positions that the short convolution reads.

    Raises:
        OptionError: If a size is not positive, or `num_heads` does not divide `hidden_size`.

    Examples:
        >>> DeltaNetSettings(hidden_size=8, num_heads=3)
        Traceback (most recent call last):
        seqtoys.errors.OptionError: expected hidden_size to be a multiple of num_heads=3, got ...
    """

    num_heads: int = 2
    negative_eigenvalues: bool = False
    conv_size: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        check_heads(self.hidden_size, self.num_heads)


class DeltaNetCharModel(CharModel):
    """A DeltaNet that reads a sequence and predicts each next symbol.

    `delta_rule_step` is the recurrence (Schlag et al., 2021); `forward` runs `delta_rule`, which
    computes it chunk by chunk (Yang et al., 2024). The model is a linear transformer: where a
    transformer keeps the keys and values of all positions, each head has one matrix that maps keys
    to values. With `negative_eigenvalues=True`, a step can also reverse the sign of what is stored
    under a key, which tracking a parity requires (Grazzi et al., 2025).

    The weights are in `embedding`, `blocks` of the class `DeltaNetBlock`, `norm` and `readout`.

    The state is a pair: the last inputs of the convolutions,
    `(layers, batch, 3 * hidden_size, conv_size - 1)`, and the matrices,
    `(layers, batch, heads, value, key)` with values and keys of size `hidden_size / num_heads`.

    Args:
        vocab: The symbols it reads and predicts.
        hidden_size: Size of the vectors between blocks, a multiple of `num_heads`. Defaults to 32
            or the next multiple, unless `parameters` is given.
        parameters: The largest number of parameters, from which `hidden_size` is chosen; the two
            cannot be combined.
        num_heads: Number of heads in each block. At most n keys of size n can be orthogonal, so
            with fewer heads, each can store more pairs of key and value without interference.
        negative_eigenvalues: Whether the writing strengths β are in (0, 2) rather than (0, 1).
            The eigenvalues 1 - β of a step are then in (-1, 1) rather than (0, 1).
        conv_size: Number of positions that the short convolutions of queries, keys and values
            read.
        num_layers: Number of blocks. Even with only one, the recurrence reads several neighboring
            symbols at once, through the convolutions.
        batch_first: Whether tensors are `(batch, time, …)` rather than `(time, batch, …)`. The
            state is `(layers, batch, …)` either way.
        seed: The seed of the initial weights, which are PyTorch's defaults for embeddings, linear
            layers and convolutions. (The reference implementation draws from a normal distribution
            with standard deviation 0.02, which suits widths of about 1,000.) The global random
            state is left unchanged.

    Raises:
        OptionError: If an option is out of range, or `parameters` are too few.

    Examples:
        >>> model = DeltaNetCharModel(Vocab("hielo"), parameters=10_000, seed=0)
        >>> logits, hidden = model(model.vocab.encode_batch(["hihell"]))
        >>> conv, fast = hidden
        >>> logits.shape, conv.shape, fast.shape
        (torch.Size([1, 6, 5]), torch.Size([1, 1, 78, 3]), torch.Size([1, 1, 2, 13, 13]))
    """

    SETTINGS: ClassVar[type[Settings]] = DeltaNetSettings
    settings: DeltaNetSettings
    blocks: nn.ModuleList
    norm: nn.RMSNorm

    @checked
    def __init__(
        self,
        vocab: Vocab,
        hidden_size: int | None = None,
        *,
        parameters: int | None = None,
        num_heads: int = 2,
        negative_eigenvalues: bool = False,
        conv_size: int = 4,
        num_layers: int = 1,
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
            negative_eigenvalues=negative_eigenvalues,
            conv_size=conv_size,
            num_layers=num_layers,
            batch_first=batch_first,
        )
        super().__init__(vocab, settings, seed)

    @classmethod
    def make_parts(cls, symbols: int, settings: DeltaNetSettings) -> dict[str, nn.Module | None]:
        """Create the parts, whose weights are drawn later, in this order.

        Args:
            symbols: The number of symbols.
            settings: The sizes and options.
        """
        width = settings.hidden_size
        return {
            "embedding": undrawn(nn.Embedding, symbols, width),
            "blocks": nn.ModuleList(DeltaNetBlock(settings) for _ in range(settings.num_layers)),
            "norm": nn.RMSNorm(width, eps=EPSILON),
            "readout": undrawn(nn.Linear, width, symbols),
        }

    def _draw(self, generator: torch.Generator) -> None:
        for part in self.modules():
            if isinstance(part, nn.Embedding):
                nn.init.normal_(part.weight, generator=generator)
            elif isinstance(part, nn.Linear):
                draw_uniform(part, part.in_features, generator)
            elif isinstance(part, CausalConv1d):
                draw_uniform(part, part.weight.shape[-1], generator)

    def _state_shapes(self, batch: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        settings = self.settings
        heads, size = settings.num_heads, settings.hidden_size // settings.num_heads
        conv = 3 * settings.hidden_size, settings.conv_size - 1
        return (settings.num_layers, batch, *conv), (settings.num_layers, batch, heads, size, size)

    def _run(self, vectors: Tensor, hidden: Pair) -> tuple[Tensor, Pair]:
        x, hidden = run_blocks(self.blocks, vectors, hidden)
        return self.norm(x), hidden

    def _step(self, vectors: Tensor, hidden: Pair) -> tuple[Tensor, Pair]:
        blocks = cast(Any, self.blocks)
        x, hidden = run_blocks([block.step for block in blocks], vectors, hidden)
        return self.norm(x), hidden
