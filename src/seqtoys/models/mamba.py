"""The selective state space model Mamba (Gu & Dao, 2024)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from seqtoys.data.vocab import Vocab
from seqtoys.models.blocks import run_blocks
from seqtoys.models.causal_conv import CausalConv1d
from seqtoys.models.char_model import CharModel
from seqtoys.models.checks import Pair
from seqtoys.models.settings import Settings
from seqtoys.models.undrawn import draw_uniform, undrawn
from seqtoys.support.arguments import checked

# The values of the reference implementation.
DT_RANGE = 0.001, 0.1  # of the initial step sizes
EMBEDDING_STD = 0.02
EPSILON = 1e-5


def selective_step(
    x: Float[Tensor, "batch inner"],
    h: Float[Tensor, "batch inner state"],
    dt: Float[Tensor, "batch inner"],
    A: Float[Tensor, "inner state"],
    B: Float[Tensor, "batch state"],
    C: Float[Tensor, "batch state"],
    D: Float[Tensor, " inner"],
) -> tuple[Float[Tensor, "batch inner"], Float[Tensor, "batch inner state"]]:
    """Compute one position of a selective state space model: the paper's recurrence.

    Each channel of `x` has a linear state of its own. The step size `dt` depends on the input and
    so decides what is remembered: a large step replaces the state by the input, and a step of 0
    skips the input. `B` and `C` also depend on the input; they select the entries of the state
    that are written and read.

    The decay is the exact solution of the continuous equation (zero-order hold). The input weights
    are its first-order approximation `dt * B`, as in the authors' code.

    Args:
        x: The inputs.
        h: The state.
        dt: The step sizes, which are positive.
        A: The rates at which states decay, which are negative.
        B: How much of the input is written to each entry of the state.
        C: How much of each entry of the state is read.
        D: How much of the input is passed on directly.

    Returns:
        The outputs, and the next state.

    Examples:
        >>> one = torch.ones(1, 1)
        >>> y, h = selective_step(one, torch.zeros(1, 1, 1), 2 * one, -one, one, one, one[0])
        >>> y.item(), h.item()
        (3.0, 2.0)
        >>> round(selective_step(0 * one, h, 2 * one, -one, one, one, one[0])[1].item(), 4)
        0.2707
    """
    decay = torch.exp(dt.unsqueeze(-1) * A)  # (batch, inner, state)
    written = (dt * x).unsqueeze(-1) * B.unsqueeze(-2)  # (batch, inner, state)
    h = decay * h + written
    return (h @ C.unsqueeze(-1)).squeeze(-1) + D * x, h


def selective_scan(
    x: Float[Tensor, "batch time inner"],
    h: Float[Tensor, "batch inner state"],
    dt: Float[Tensor, "batch time inner"],
    A: Float[Tensor, "inner state"],
    B: Float[Tensor, "batch time state"],
    C: Float[Tensor, "batch time state"],
    D: Float[Tensor, " inner"],
) -> tuple[Float[Tensor, "batch time inner"], Float[Tensor, "batch inner state"]]:
    """Compute the outputs for whole sequences, and the final state.

    Positions are computed one after another, so that the decays and states of a position,
    `(batch, state, inner)`, are still in the cache when they are used again. For the same reason,
    the paper's GPU kernel never writes those of all positions to slow memory.

    Args:
        x: The inputs.
        h: The state before the first position.
        dt: The step sizes.
        A: The rates at which states decay.
        B: How much of the input is written to each entry of the state.
        C: How much of each entry of the state is read.
        D: How much of the input is passed on directly.

    Returns:
        The outputs, and the final state.

    Examples:
        >>> x, dt, B, C = torch.randn(2, 7, 3), torch.rand(2, 7, 3), *torch.randn(2, 2, 7, 4)
        >>> h, A, D = torch.zeros(2, 3, 4), -torch.rand(3, 4), torch.ones(3)
        >>> y, end = selective_scan(x, h, dt, A, B, C, D)
        >>> for t in range(7):
        ...     y_t, h = selective_step(x[:, t], h, dt[:, t], A, B[:, t], C[:, t], D)
        ...     assert torch.allclose(y[:, t], y_t, atol=1e-5)
        >>> torch.allclose(end, h, atol=1e-5)
        True
    """
    # Channels last: the innermost loops then run over `inner`, which is longer than `state`.
    h, A = h.mT, A.mT.contiguous()  # (batch, state, inner), (state, inner)
    read = []
    for x_t, dt_t, B_t, C_t in zip(*(v.unbind(1) for v in (dt * x, dt, B, C)), strict=True):
        decay = torch.exp(dt_t.unsqueeze(-2) * A)  # (batch, state, inner)
        written = B_t.unsqueeze(-1) * x_t.unsqueeze(-2)  # (batch, state, inner)
        h = torch.addcmul(written, decay, h)
        read.append((C_t.unsqueeze(-2) @ h).squeeze(-2))  # (batch, inner)
    y = torch.stack(read, 1) if read else x  # (batch, time, inner)
    return y + D * x, h.mT


@dataclass(frozen=True, kw_only=True)
class MambaSettings(Settings):
    """The sizes and options of a `MambaCharModel`.

    Attributes:
        state_size: Size of the state of each channel.
        expand: Number of channels, as a multiple of `hidden_size`.
        conv_size: Number of positions that the convolution reads.
        dt_rank: Rank of the map from a channel vector to the step sizes. If None,
            `hidden_size / 16`, rounded up.

    Examples:
        >>> MambaSettings(hidden_size=40).state_size
        16
    """

    state_size: int = 16
    expand: int = 2
    conv_size: int = 4
    dt_rank: int | None = None


class MambaMixer(nn.Module):
    """The layer that mixes positions: a short convolution, a selective scan and a gate.

    The weights are undefined until they are drawn. They have the names and shapes of the reference
    implementation.

    Args:
        settings: The sizes and options of the model.

    Examples:
        >>> MambaMixer(MambaSettings(hidden_size=8)).x_proj  # to a rank of 1, and twice 16
        Linear(in_features=16, out_features=33, bias=False)
    """

    def __init__(self, settings: MambaSettings) -> None:
        """Create the layers."""
        super().__init__()
        width, state = settings.hidden_size, settings.state_size
        inner = settings.expand * width
        rank = settings.dt_rank or math.ceil(width / 16)
        self.in_proj: nn.Linear = undrawn(nn.Linear, width, 2 * inner, bias=False)
        self.conv1d: CausalConv1d = CausalConv1d(inner, settings.conv_size)
        self.x_proj: nn.Linear = undrawn(nn.Linear, inner, rank + 2 * state, bias=False)
        self.dt_proj: nn.Linear = undrawn(nn.Linear, rank, inner)
        self.A_log: nn.Parameter = nn.Parameter(torch.empty(inner, state))
        self.D: nn.Parameter = nn.Parameter(torch.empty(inner))
        self.out_proj: nn.Linear = undrawn(nn.Linear, inner, width, bias=False)

    def forward(
        self, vectors: Float[Tensor, "batch time hidden"], hidden: Pair
    ) -> tuple[Float[Tensor, "batch time hidden"], Pair]:
        """Read whole sequences.

        Args:
            vectors: The inputs.
            hidden: The states of the convolution, `(batch, inner, conv_size - 1)`, and of the
                state space models, `(batch, inner, state)`.

        Returns:
            The outputs, and the next states.
        """
        return self._mix(vectors, hidden, self.conv1d, selective_scan)

    def step(
        self, vectors: Float[Tensor, "batch hidden"], hidden: Pair
    ) -> tuple[Float[Tensor, "batch hidden"], Pair]:
        """Read one position of each sequence.

        Args:
            vectors: The inputs.
            hidden: The states, as in `forward`.

        Returns:
            The outputs, and the next states.
        """
        return self._mix(vectors, hidden, self.conv1d.step, selective_step)

    def draw(self, generator: torch.Generator, num_layers: int) -> None:
        """Draw the initial weights, as `MambaCharModel` describes.

        Args:
            generator: The source of random numbers.
            num_layers: The number of layers of the model.
        """
        for part in (self.in_proj, self.x_proj, self.out_proj):
            draw_uniform(part, part.in_features, generator)
        self.out_proj.weight /= math.sqrt(num_layers)
        draw_uniform(self.conv1d, self.conv1d.weight.shape[-1], generator)
        draw_uniform(self.dt_proj, self.dt_proj.in_features, generator)
        low, high = map(math.log, DT_RANGE)
        nn.init.uniform_(self.dt_proj.bias, low, high, generator=generator)
        dt = self.dt_proj.bias.exp()
        self.dt_proj.bias.copy_(dt + torch.log(-torch.expm1(-dt)))  # the inverse of softplus
        self.A_log.copy_(torch.arange(1.0, self.A_log.shape[1] + 1).log())
        nn.init.ones_(self.D)

    def _mix(self, vectors: Tensor, hidden: Pair, convolve: Any, scan: Any) -> tuple[Tensor, Pair]:
        """Read vectors `(…, hidden)` with either form of the convolution and of the recurrence."""
        conv, h = hidden
        x, z = self.in_proj(vectors).chunk(2, -1)  # (…, inner)
        x, conv = convolve(x, conv)
        x = F.silu(x)
        y, h = scan(x, h, *self._selected(x), self.D)  # (…, inner)
        return self.out_proj(y * F.silu(z)), (conv, h)

    def _selected(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return `dt`, `A`, `B` and `C`; all but `A` depend on the input `(…, inner)`."""
        rank, state = self.dt_proj.in_features, self.A_log.shape[1]
        low, B, C = self.x_proj(x).split([rank, state, state], -1)
        return F.softplus(self.dt_proj(low)), -torch.exp(self.A_log), B, C


class MambaBlock(nn.Module):
    """A residual block: its input plus the mixer, which reads the normalized input.

    The weights are undefined until they are drawn.

    Args:
        settings: The sizes and options of the model.

    Examples:
        >>> MambaBlock(MambaSettings(hidden_size=8)).norm
        RMSNorm((8,), eps=1e-05, elementwise_affine=True)
    """

    def __init__(self, settings: MambaSettings) -> None:
        """Create the layers."""
        super().__init__()
        self.norm: nn.RMSNorm = nn.RMSNorm(settings.hidden_size, eps=EPSILON)
        self.mixer: MambaMixer = MambaMixer(settings)

    def forward(
        self, vectors: Float[Tensor, "batch time hidden"], hidden: Pair
    ) -> tuple[Float[Tensor, "batch time hidden"], Pair]:
        """Read whole sequences.

        Args:
            vectors: The inputs.
            hidden: The states of the mixer.

        Returns:
            The outputs, and the next states.
        """
        mixed, hidden = self.mixer(self.norm(vectors), hidden)
        return vectors + mixed, hidden

    def step(
        self, vectors: Float[Tensor, "batch hidden"], hidden: Pair
    ) -> tuple[Float[Tensor, "batch hidden"], Pair]:
        """Read one position of each sequence.

        Args:
            vectors: The inputs.
            hidden: The states of the mixer.

        Returns:
            The outputs, and the next states.
        """
        mixed, hidden = self.mixer.step(self.norm(vectors), hidden)
        return vectors + mixed, hidden


class MambaCharModel(CharModel):
    """A Mamba network that reads a sequence and predicts each next symbol.

    `selective_step` is the recurrence (Gu & Dao, 2024); `forward` runs `selective_scan`. The
    weights are in `embedding`, `layers` of the class `MambaBlock`, `norm_f` and `readout`. They
    have the names of the reference implementation, which uses the embedding as the readout, too.

    The state is a pair: the last inputs of the convolutions,
    `(layers, batch, expand * hidden_size, conv_size - 1)`, and the states of the state space
    models, `(layers, batch, expand * hidden_size, state_size)`.

    Args:
        vocab: The symbols it reads and predicts.
        hidden_size: Size of the vectors between blocks. Defaults to 32, unless `parameters` is
            given.
        parameters: The largest number of parameters, from which `hidden_size` is chosen; the two
            cannot be combined.
        state_size: Size of the state of each channel.
        expand: Number of channels, as a multiple of `hidden_size`.
        conv_size: Number of positions that the convolution reads.
        dt_rank: Rank of the map from a channel vector to the step sizes. If None,
            `hidden_size / 16`, rounded up.
        num_layers: Number of blocks. Even with only one, the recurrence reads several neighboring
            symbols at once, through the convolution.
        batch_first: Whether tensors are `(batch, time, …)` rather than `(time, batch, …)`. The
            state is `(layers, batch, …)` either way.
        seed: The seed of the initial weights, which follow the reference implementation: in each
            channel, `A` is -1, …, -`state_size` and `D` is 1; without input, `dt` is log-uniform
            between 0.001 and 0.1; `out_proj` is divided by the square root of `num_layers`;
            embeddings are normal with standard deviation 0.02; all others are PyTorch's defaults.
            The global random state is left unchanged.

    Raises:
        OptionError: If an option is out of range, or `parameters` are too few.

    Examples:
        >>> model = MambaCharModel(Vocab("hielo"), parameters=10_000, seed=0)
        >>> logits, (conv, h) = model(model.vocab.encode_batch(["hihell"]))
        >>> logits.shape, conv.shape, h.shape
        (torch.Size([1, 6, 5]), torch.Size([1, 1, 62, 3]), torch.Size([1, 1, 62, 16]))
    """

    SETTINGS: ClassVar[type[Settings]] = MambaSettings
    settings: MambaSettings
    embedding: nn.Embedding
    layers: nn.ModuleList
    norm_f: nn.RMSNorm

    @checked
    def __init__(
        self,
        vocab: Vocab,
        hidden_size: int | None = None,
        *,
        parameters: int | None = None,
        state_size: int = 16,
        expand: int = 2,
        conv_size: int = 4,
        dt_rank: int | None = None,
        num_layers: int = 1,
        batch_first: bool = True,
        seed: int = 0,
    ) -> None:
        """Draw the initial weights; the arguments are described with the class."""
        settings = self._choose(
            vocab,
            hidden_size,
            parameters,
            state_size=state_size,
            expand=expand,
            conv_size=conv_size,
            dt_rank=dt_rank,
            num_layers=num_layers,
            batch_first=batch_first,
        )
        super().__init__(vocab, settings, seed)

    @classmethod
    def make_parts(cls, symbols: int, settings: MambaSettings) -> dict[str, nn.Module | None]:
        """Create the parts, whose weights are drawn later, in this order.

        Args:
            symbols: The number of symbols.
            settings: The sizes and options.
        """
        width = settings.hidden_size
        return {
            "embedding": undrawn(nn.Embedding, symbols, width),
            "layers": nn.ModuleList(MambaBlock(settings) for _ in range(settings.num_layers)),
            "norm_f": nn.RMSNorm(width, eps=EPSILON),
            "readout": undrawn(nn.Linear, width, symbols, bias=False),
        }

    def _draw(self, generator: torch.Generator) -> None:
        nn.init.normal_(self.embedding.weight, std=EMBEDDING_STD, generator=generator)
        for block in self._blocks():
            block.mixer.draw(generator, len(self.layers))
        draw_uniform(self.readout, self.readout.in_features, generator)

    def _state_shapes(self, batch: int) -> tuple[tuple[int, ...], ...]:
        settings = self.settings
        channels = settings.num_layers, batch, settings.expand * settings.hidden_size
        return (*channels, settings.conv_size - 1), (*channels, settings.state_size)

    def _run(self, vectors: Tensor, hidden: Pair) -> tuple[Tensor, Pair]:
        vectors, hidden = run_blocks(self._blocks(), vectors, hidden)
        return self.norm_f(vectors), hidden

    def _step(self, vectors: Tensor, hidden: Pair) -> tuple[Tensor, Pair]:
        steps = [block.step for block in self._blocks()]
        vectors, hidden = run_blocks(steps, vectors, hidden)
        return self.norm_f(vectors), hidden

    def _blocks(self) -> list[MambaBlock]:
        return list(self.layers)  # type: ignore[arg-type]
