"""Weight initialization: the same numbers as PyTorch's, but from a separate generator.

If recurrent weights have another initialization, they are drawn last, so the others don't change.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from seqtoys.models.elman.settings import ElmanSettings
from seqtoys.models.undrawn import draw_uniform, undrawn
from seqtoys.models.widths import choose_width
from seqtoys.support.devices import default_device, on_cpu
from seqtoys.support.memory import EnoughMemory, check_room
from seqtoys.support.randomness import check_seed, seeded_generator


@EnoughMemory()
def build_parts(
    vocab_size: int, settings: ElmanSettings, seed: int
) -> tuple[nn.Embedding | None, nn.RNN, nn.Linear | None]:
    """Build the embedding, the recurrence and the readout, as their constructors would.

    The weights are exactly those of `torch.manual_seed(seed)` followed by `nn.Embedding`, `nn.RNN`
    and `nn.Linear` in this order, except for recurrent weights with another initialization. The
    global random state is left unchanged.

    Args:
        vocab_size: The number of symbols.
        settings: The sizes; a part that is not used is None.
        seed: The random seed of the weights.

    Returns:
        The parts as PyTorch would create them: with its default dtype, the numbers it would draw
        in that dtype, and on its default device.
    """
    check_weights_room(vocab_size, settings, 1)
    device = default_device()
    with on_cpu():
        parts = _draw_parts(vocab_size, settings, seeded_generator(seed))
    if device.type != "cpu":
        for part in parts:
            if part is not None:
                part.to(device)
    return parts


def _draw_parts(
    vocab_size: int, settings: ElmanSettings, generator: torch.Generator
) -> tuple[nn.Embedding | None, nn.RNN, nn.Linear | None]:
    units, features = settings.units(vocab_size), settings.features(vocab_size)
    embedding = readout = None
    if settings.embedding_size is not None:
        embedding = undrawn(nn.Embedding, vocab_size, features)
        nn.init.normal_(embedding.weight, generator=generator)
    rnn = undrawn(
        nn.RNN,
        features,
        units,
        num_layers=settings.num_layers,
        nonlinearity=settings.nonlinearity,
        batch_first=settings.batch_first,
    )
    draw_uniform(rnn, units, generator)
    if settings.hidden_size is not None:
        readout = undrawn(nn.Linear, units, vocab_size)
        draw_uniform(readout, units, generator)
    _start_recurrence(dict(rnn.named_parameters(prefix="rnn")), settings, generator)
    return embedding, rnn, readout


@torch.no_grad()
def _start_recurrence(
    weights: Mapping[str, Tensor], settings: ElmanSettings, generator: torch.Generator
) -> None:
    """Initialize the recurrent weights of one network, unless they are uniform."""
    for layer in range(settings.num_layers):
        weight_hh = weights[f"rnn.weight_hh_l{layer}"]
        if settings.recurrent_init == "orthogonal":
            nn.init.orthogonal_(weight_hh, generator=generator)
        elif settings.recurrent_init == "identity":
            nn.init.eye_(weight_hh)
            for name in ("bias_ih", "bias_hh"):
                weights[f"rnn.{name}_l{layer}"].zero_()


def weight_shapes(vocab_size: int, settings: ElmanSettings) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the weights by name, in the order in which they are drawn.

    Args:
        vocab_size: The number of symbols.
        settings: The sizes.

    Examples:
        >>> list(weight_shapes(5, ElmanSettings(hidden_size=8)).items())[:2]
        [('rnn.weight_ih_l0', (8, 5)), ('rnn.weight_hh_l0', (8, 8))]
    """
    units, features = settings.units(vocab_size), settings.features(vocab_size)
    shapes: dict[str, tuple[int, ...]] = {}
    if settings.embedding_size is not None:
        shapes["embedding.weight"] = (vocab_size, features)
    for layer in range(settings.num_layers):
        shapes[f"rnn.weight_ih_l{layer}"] = (units, units if layer else features)
        shapes[f"rnn.weight_hh_l{layer}"] = (units, units)
        shapes[f"rnn.bias_ih_l{layer}"] = shapes[f"rnn.bias_hh_l{layer}"] = (units,)
    if settings.hidden_size is not None:
        shapes |= {"readout.weight": (vocab_size, units), "readout.bias": (vocab_size,)}
    return shapes


@EnoughMemory()
def draw_weights(
    vocab_size: int, settings: ElmanSettings, seeds: Sequence[int]
) -> dict[str, Tensor]:
    """Draw the weights that `build_parts` draws for each seed, stacked: `(seeds, …)`.

    Calling the constructors for each seed would take longer than training. Here each seed takes
    one call for the embedding, if any, and one for all other weights: the numbers are the same,
    because PyTorch draws them one after the other.
    """
    check_weights_room(vocab_size, settings, len(seeds))
    device = default_device()
    with on_cpu():
        weights = _draw_stacked(vocab_size, settings, seeds)
    return {name: weight.to(device) for name, weight in weights.items()}


def with_parameters(
    settings: ElmanSettings, parameters: int | None, vocab_size: int
) -> ElmanSettings:
    """Return settings with the largest number of units that needs at most some parameters.

    Args:
        settings: The settings.
        parameters: The number of parameters. If None, the settings are returned unchanged.
        vocab_size: The number of symbols.

    Raises:
        OptionError: If the settings have a number of units, or the parameters are too few.

    Examples:
        >>> with_parameters(ElmanSettings(), 10_000, vocab_size=5).hidden_size
        94
    """

    def count(units: int) -> int:
        return _count(vocab_size, replace(settings, hidden_size=units))

    if parameters is None:
        return settings
    return replace(settings, hidden_size=choose_width(settings.hidden_size, parameters, count))


def _count(vocab_size: int, settings: ElmanSettings) -> int:
    return sum(map(math.prod, weight_shapes(vocab_size, settings).values()))


def check_weights_room(vocab_size: int, settings: ElmanSettings, seeds: int) -> None:
    """Check that the weights of many seeds fit in memory.

    Raises:
        OptionError: If they do not.
    """
    one, two = (_count(vocab_size, replace(settings, num_layers=n)) for n in (1, 2))
    numbers = seeds * (one + (settings.num_layers - 1) * (two - one))
    check_room("weights", numbers, torch.get_default_dtype().itemsize)


def _draw_stacked(
    vocab_size: int, settings: ElmanSettings, seeds: Sequence[int]
) -> dict[str, Tensor]:
    shapes = weight_shapes(vocab_size, settings)
    table = shapes.pop("embedding.weight", (0,))
    sizes = [math.prod(shape) for shape in shapes.values()]
    normal, uniform = torch.empty(len(seeds), *table), torch.empty(len(seeds), sum(sizes))
    bound = 1 / math.sqrt(settings.units(vocab_size))
    generator = torch.Generator()
    pieces = zip(shapes.items(), uniform.split(sizes, dim=1), strict=True)
    weights = {name: piece.unflatten(1, shape) for (name, shape), piece in pieces}
    for replica, seed in enumerate(seeds):
        generator.manual_seed(check_seed(seed))
        if normal.numel():
            normal[replica].normal_(generator=generator)
        uniform[replica].uniform_(-bound, bound, generator=generator)
        if settings.recurrent_init != "uniform":
            one = {name: weight[replica] for name, weight in weights.items()}
            _start_recurrence(one, settings, generator)
    return {"embedding.weight": normal, **weights} if normal.numel() else weights
