"""The linear recurrent unit (Orvieto et al., 2023)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias, cast

import torch
from jaxtyping import Complex, Float
from torch import Tensor, nn
from torch.nn import functional as F

from seqtoys.data.vocab import Vocab
from seqtoys.errors import OptionError
from seqtoys.models.char_model import CharModel
from seqtoys.models.scan import linear_scan
from seqtoys.models.settings import Settings
from seqtoys.models.undrawn import draw_uniform, undrawn
from seqtoys.support.arguments import checked
from seqtoys.support.values import to_real


def eigenvalues(
    nu_log: Float[Tensor, " state"], theta_log: Float[Tensor, " state"]
) -> Complex[Tensor, " state"]:
    """Compute the eigenvalues of an LRU: `exp(-exp(nu_log) + i exp(theta_log))`.

    Their modulus is below 1 for every `nu_log`, so the recurrence is stable throughout training.

    Args:
        nu_log: The logarithms of the decay rates per step.
        theta_log: The logarithms of the phases, in radians per step.

    Examples:
        >>> eigenvalues(torch.tensor([0.6931]).log(), torch.tensor([math.pi / 2]).log()).imag
        tensor([0.5000])
    """
    return torch.exp(torch.complex(-torch.exp(nu_log), torch.exp(theta_log)))


def lru_step(
    u: Float[Tensor, "batch hidden"],
    x: Complex[Tensor, "batch state"],
    nu_log: Float[Tensor, " state"],
    theta_log: Float[Tensor, " state"],
    gamma_log: Float[Tensor, " state"],
    B: Complex[Tensor, "state hidden"],
    C: Complex[Tensor, "hidden state"],
    D: Float[Tensor, " hidden"],
) -> tuple[Float[Tensor, "batch hidden"], Complex[Tensor, "batch state"]]:
    """Compute the output and the next state of an LRU, as the paper writes them.

    Nothing in the recurrence mixes one unit of the state with another: each is a complex number
    that turns by a fixed angle per step, decays by a fixed factor, and adds its input. `B` and `C`
    change the basis to that of the eigenvectors and back.

    Args:
        u: The input vectors.
        x: The state.
        nu_log: The logarithms of the decay rates per step; see `eigenvalues`.
        theta_log: The logarithms of the phases, in radians per step.
        gamma_log: The logarithms of the factors that normalize the inputs.
        B: The weights of the inputs.
        C: The weights of the state. Only the real part of the result is used.
        D: The weights that pass each input on to the output; a diagonal matrix, as in the
            paper's code.

    Examples:
        A unit with the eigenvalue -1/2, which reads a single 1:

        >>> weights = torch.tensor([0.6931]).log(), torch.tensor([math.pi]).log(), torch.zeros(1)
        >>> one, x = torch.ones(1, 1, dtype=torch.complex64), torch.zeros(1, 1) + 0j
        >>> for u in (1.0, 0.0, 0.0):
        ...     y, x = lru_step(torch.tensor([[u]]), x, *weights, one, one, torch.zeros(1))
        ...     print(f"{y.item():.2f}")
        1.00
        -0.50
        0.25
    """
    x = eigenvalues(nu_log, theta_log) * x + torch.exp(gamma_log) * (u.to(B.dtype) @ B.T)
    return (x @ C.T).real + D * u, x


def lru_scan(
    u: Float[Tensor, "time batch hidden"],
    x: Complex[Tensor, "batch state"],
    nu_log: Float[Tensor, " state"],
    theta_log: Float[Tensor, " state"],
    gamma_log: Float[Tensor, " state"],
    B: Complex[Tensor, "state hidden"],
    C: Complex[Tensor, "hidden state"],
    D: Float[Tensor, " hidden"],
) -> tuple[Float[Tensor, "time batch hidden"], Complex[Tensor, "batch state"]]:
    """Compute the outputs of an LRU for whole sequences, and the final state.

    The products with `B` and `C` are computed for all positions at once. As `u` and the output are
    real, they are products of real matrices, with the real and imaginary parts interleaved: half
    the work of complex ones.

    Args:
        u: The input vectors, with time first.
        x: The state before the first position.
        nu_log: See `lru_step`, like all others.
        theta_log: See `lru_step`.
        gamma_log: See `lru_step`.
        B: See `lru_step`.
        C: See `lru_step`.
        D: See `lru_step`.

    Examples:
        >>> weights = torch.zeros(1), torch.zeros(1), torch.zeros(1)
        >>> one, x = torch.ones(1, 1, dtype=torch.complex64), torch.zeros(1, 1) + 0j
        >>> u = torch.ones(1, 1, 1)
        >>> lru_scan(u, x, *weights, one, one, torch.zeros(1))[0]
        tensor([[[1.]]])
    """
    parts = torch.view_as_real(torch.exp(gamma_log).unsqueeze(1) * B)  # (state, hidden, 2)
    into = parts.transpose(1, 2).flatten(0, 1)  # (2 * state, hidden)
    out_of = torch.stack([C.real, -C.imag], -1).flatten(1)  # (hidden, 2 * state)
    projected = (u @ into.T).to(
        into.dtype
    )  # (time, batch, 2 * state); autocast may have rounded it
    inputs = torch.view_as_complex(projected.unflatten(-1, (-1, 2)))  # (time, batch, state)
    states, x = linear_scan(eigenvalues(nu_log, theta_log), inputs, x)
    read = torch.view_as_real(states).flatten(-2)  # (time, batch, 2 * state)
    return read @ out_of.T + D * u, x


Recurrence: TypeAlias = Callable[..., tuple[Tensor, Tensor]]
"""`lru_step` or `lru_scan`."""


class LRU(nn.Module):
    """The weights of a linear recurrent unit, named as in the paper.

    Real and imaginary parts are separate parameters, since `.double()` leaves complex parameters
    unchanged. The weights are undefined until they are drawn.

    Args:
        hidden_size: Size of the input and output vectors.
        state_size: Number of complex numbers in the state.
    """

    def __init__(self, hidden_size: int, state_size: int) -> None:
        """Create the weights."""
        super().__init__()

        def undefined(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(shape))

        self.nu_log: nn.Parameter = undefined(state_size)
        self.theta_log: nn.Parameter = undefined(state_size)
        self.gamma_log: nn.Parameter = undefined(state_size)
        self.B_re: nn.Parameter = undefined(state_size, hidden_size)
        self.B_im: nn.Parameter = undefined(state_size, hidden_size)
        self.C_re: nn.Parameter = undefined(hidden_size, state_size)
        self.C_im: nn.Parameter = undefined(hidden_size, state_size)
        self.D: nn.Parameter = undefined(hidden_size)

    def weights(self) -> tuple[Tensor, ...]:
        """Return the weights, as arguments of `lru_step` and `lru_scan`.

        In single precision if they are in half precision, which has no complex numbers.
        """
        B, C = _complex(self.B_re, self.B_im), _complex(self.C_re, self.C_im)
        real = (self.nu_log, self.theta_log, self.gamma_log, self.D)
        nu_log, theta_log, gamma_log, D = map(_widened, real)
        return nu_log, theta_log, gamma_log, B, C, D

    def draw(
        self, r_min: float, r_max: float, max_phase: float, generator: torch.Generator
    ) -> None:
        """Draw the weights as the paper does.

        The eigenvalues are uniform on the ring between the radii `r_min` and `r_max`, with phases
        from 0 to `max_phase`. `gamma_log` scales the inputs so that each unit of the state has the
        variance of its input if that is white noise. The other weights are normal.

        Args:
            r_min: The smallest modulus of an eigenvalue.
            r_max: The largest modulus of an eigenvalue.
            max_phase: The largest phase, in radians per step.
            generator: The source of random numbers.
        """
        state, hidden = self.B_re.shape
        margin = 1e-6  # keeps all logarithms finite, also for r_min=0 and r_max=1
        uniform = self.nu_log.new_empty(2, state)
        u1, u2 = uniform.uniform_(margin, 1 - margin, generator=generator)
        squared = r_min**2 + u1 * (r_max**2 - r_min**2)  # equal areas have equal probabilities
        self.nu_log.copy_(torch.log(-0.5 * torch.log(squared)))
        self.theta_log.copy_(torch.log(max_phase * u2))
        self.gamma_log.copy_(0.5 * torch.log1p(-squared))
        for weight, scale in (
            (self.B_re, 2 * hidden),
            (self.B_im, 2 * hidden),
            (self.C_re, state),
            (self.C_im, state),
            (self.D, 1),
        ):
            weight.normal_(std=scale**-0.5, generator=generator)

    def extra_repr(self) -> str:
        """Return the sizes, for the module's `repr`."""
        return f"{len(self.D)}, {len(self.nu_log)}"


class LRUBlock(nn.Module):
    """The residual block of the paper: its input plus normalization, an LRU, GELU and a GLU.

    The weights are undefined until they are drawn.

    Args:
        hidden_size: Size of the input and output vectors.
        state_size: Number of complex numbers in the state.
    """

    def __init__(self, hidden_size: int, state_size: int) -> None:
        """Create the layers."""
        super().__init__()
        self.norm: nn.LayerNorm = nn.LayerNorm(hidden_size)
        self.lru: LRU = LRU(hidden_size, state_size)
        self.gate: nn.Linear = undrawn(nn.Linear, hidden_size, 2 * hidden_size)

    def forward(
        self,
        vectors: Float[Tensor, "*time batch hidden"],
        state: Complex[Tensor, "batch state"],
        recurrence: Recurrence,
    ) -> tuple[Float[Tensor, "*time batch hidden"], Complex[Tensor, "batch state"]]:
        """Compute the output vectors and the next state.

        Args:
            vectors: The input vectors: one per sequence for `lru_step`, all with time first for
                `lru_scan`.
            state: The state to resume from.
            recurrence: `lru_step` or `lru_scan`.
        """
        inputs = _widened(self.norm(vectors))
        read, state = recurrence(inputs, state, *self.lru.weights())
        read = read.to(vectors.dtype)
        return vectors + F.glu(self.gate(F.gelu(read)), dim=-1), state


def _widened(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _complex(real: Tensor, imaginary: Tensor) -> Tensor:
    return torch.complex(_widened(real), _widened(imaginary))


@dataclass(frozen=True, kw_only=True)
class LRUSettings(Settings):
    """The sizes and options of an `LRUCharModel`.

    Attributes:
        num_layers: Number of blocks.
        state_size: Number of complex numbers in the state of a layer. If None, `hidden_size`.
        r_min: The smallest initial modulus of an eigenvalue.
        r_max: The largest initial modulus of an eigenvalue.
        max_phase: The largest initial phase of an eigenvalue, in radians per step.

    Raises:
        OptionError: If a size is not positive, or `r_min`, `r_max` or `max_phase` is out of range.

    Examples:
        >>> LRUSettings(hidden_size=8, r_min=0.9).r_max
        1.0
    """

    num_layers: int = 2
    state_size: int | None = None
    r_min: float = 0.0
    r_max: float = 1.0
    max_phase: float = math.tau

    def __post_init__(self) -> None:
        # As floats, since integers are checked to be sizes.
        ring = {name: to_real(getattr(self, name)) for name in ("r_min", "r_max", "max_phase")}
        vars(self).update({name: float(x) for name, x in ring.items() if x is not None})
        super().__post_init__()
        if not 0 <= self.r_min < self.r_max <= 1:
            raise OptionError(
                f"expected 0 <= r_min < r_max <= 1, got r_min={self.r_min}, r_max={self.r_max}"
            )
        if not 0 < self.max_phase <= math.tau:
            raise OptionError(
                f"expected max_phase to be above 0 and at most 2π, got {self.max_phase}"
            )

    @property
    def states(self) -> int:
        """The number of complex numbers in the state of a layer."""
        return self.hidden_size if self.state_size is None else self.state_size


class LRUCharModel(CharModel):
    """A network of linear recurrent units that reads a sequence and predicts each next symbol.

    `lru_step` is the recurrence (Orvieto et al., 2023); `forward` runs `lru_scan`. The weights are
    in `embedding`, `blocks` of the class `LRUBlock`, `norm` and `readout`. The state is
    `(layers, batch, state, 2)`, with real and imaginary parts on the last axis.

    Args:
        vocab: The symbols it reads and predicts.
        hidden_size: Size of the vectors between blocks. Defaults to 32, unless `parameters` is
            given.
        parameters: The largest number of parameters, from which `hidden_size` is chosen; the two
            cannot be combined.
        state_size: Number of complex numbers in the state of a layer. Defaults to `hidden_size`.
        r_min: The smallest initial modulus of an eigenvalue. A state with modulus r decays by the
            factor r at each step, so the paper uses values close to 1 for long dependencies.
        r_max: The largest initial modulus of an eigenvalue.
        max_phase: The largest initial phase of an eigenvalue, in radians per step. The paper uses
            a small one for the longest dependencies.
        num_layers: Number of blocks. With only one, the recurrence reads only single symbols.
        batch_first: Whether tensors are `(batch, time, …)` rather than `(time, batch, …)`. The
            state is `(layers, batch, …)` either way.
        seed: The seed of the initial weights. Those of the recurrence are drawn as in the paper:
            eigenvalues uniform on a ring, the others normal. The embedding and the linear layers
            are drawn as PyTorch does. The global random state is left unchanged.

    Raises:
        OptionError: If an option is out of range, or `parameters` are too few.

    Examples:
        >>> model = LRUCharModel(Vocab("hielo"), parameters=10_000, seed=0)
        >>> logits, hidden = model(model.vocab.encode_batch(["hihell"]))
        >>> logits.shape, hidden.shape
        (torch.Size([1, 6, 5]), torch.Size([2, 1, 27, 2]))
    """

    SETTINGS: ClassVar[type[Settings]] = LRUSettings
    settings: LRUSettings
    blocks: nn.ModuleList
    norm: nn.LayerNorm

    @checked
    def __init__(
        self,
        vocab: Vocab,
        hidden_size: int | None = None,
        *,
        parameters: int | None = None,
        state_size: int | None = None,
        r_min: float = 0.0,
        r_max: float = 1.0,
        max_phase: float = math.tau,
        num_layers: int = 2,
        batch_first: bool = True,
        seed: int = 0,
    ) -> None:
        """Draw the initial weights; the arguments are described with the class."""
        settings = self._choose(
            vocab,
            hidden_size,
            parameters,
            state_size=state_size,
            r_min=r_min,
            r_max=r_max,
            max_phase=max_phase,
            num_layers=num_layers,
            batch_first=batch_first,
        )
        super().__init__(vocab, settings, seed)

    @classmethod
    def make_parts(cls, symbols: int, settings: LRUSettings) -> dict[str, nn.Module | None]:
        """Create the parts, whose weights are drawn later, in this order.

        Args:
            symbols: The number of symbols.
            settings: The sizes and options.
        """
        width = settings.hidden_size
        blocks = [LRUBlock(width, settings.states) for _ in range(settings.num_layers)]
        return {
            "embedding": undrawn(nn.Embedding, symbols, width),
            "blocks": nn.ModuleList(blocks),
            "norm": nn.LayerNorm(width),
            "readout": undrawn(nn.Linear, width, symbols),
        }

    def _draw(self, generator: torch.Generator) -> None:
        settings, parts = self.settings, cast(Any, self)
        nn.init.normal_(parts.embedding.weight, generator=generator)
        for block in parts.blocks:
            block.lru.draw(settings.r_min, settings.r_max, settings.max_phase, generator)
            draw_uniform(block.gate, settings.hidden_size, generator)
        draw_uniform(self.readout, settings.hidden_size, generator)

    def _state_shapes(self, batch: int) -> tuple[tuple[int, ...]]:
        return ((self.settings.num_layers, batch, self.settings.states, 2),)

    def _run(self, vectors: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        time_first = vectors.transpose(0, 1).contiguous()  # (time, batch, hidden)
        read, hidden = self._through_blocks(time_first, hidden, lru_scan)
        return read.transpose(0, 1), hidden

    def _step(self, vectors: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        return self._through_blocks(vectors, hidden, lru_step)

    def _through_blocks(
        self, vectors: Tensor, hidden: Tensor, recurrence: Recurrence
    ) -> tuple[Tensor, Tensor]:
        states = _complex(*hidden.unbind(-1))  # (layers, batch, state)
        final = []
        for block, state in zip(self.blocks, states, strict=True):
            vectors, state = block(vectors, state, recurrence)
            final.append(state)
        after = torch.view_as_real(torch.stack(final))  # (layers, batch, state, 2)
        return self.norm(vectors), after.to(hidden.dtype)
