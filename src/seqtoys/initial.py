"""The weights a network starts from: PyTorch's own, drawn from a generator of their own."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from seqtoys.errors import OptionError
from seqtoys.settings import ElmanSettings


def seeded_generator(seed: int) -> torch.Generator:
    """Make a generator that draws what PyTorch draws after `torch.manual_seed(seed)`.

    Raises:
        OptionError: If the seed is not an integer that fits 64 bits.

    Examples:
        >>> torch.rand(2, generator=seeded_generator(777)).shape
        torch.Size([2])
    """
    return torch.Generator().manual_seed(_checked(seed))


def build_parts(
    vocab_size: int, settings: ElmanSettings, seed: int
) -> tuple[nn.Embedding | None, nn.RNN, nn.Linear | None]:
    """Build the embedding, the recurrence and the readout, as their constructors would.

    The weights are, number for number, those of `torch.manual_seed(seed)` followed by
    `nn.Embedding`, `nn.RNN` and `nn.Linear` in this order; the global random state stays as it is.

    Args:
        vocab_size: The number of symbols.
        settings: The sizes; a part they leave out is None.
        seed: Decides the weights.
    """
    units, features = settings.units(vocab_size), settings.features(vocab_size)
    generator = seeded_generator(seed)
    embedding = readout = None
    if settings.embedding_size is not None:
        embedding = nn.utils.skip_init(nn.Embedding, vocab_size, features)
        nn.init.normal_(embedding.weight, generator=generator)
    rnn = nn.RNN(
        features,
        units,
        num_layers=settings.num_layers,
        nonlinearity=settings.nonlinearity,
        batch_first=settings.batch_first,
        device="meta",  # so that the constructor draws nothing
    ).to_empty(device="cpu")
    _draw_uniform(rnn, units, generator)
    if settings.hidden_size is not None:
        readout = nn.utils.skip_init(nn.Linear, units, vocab_size)
        _draw_uniform(readout, units, generator)
    return embedding, rnn, readout


def _draw_uniform(module: nn.Module, fan_in: int, generator: torch.Generator) -> None:
    bound = 1 / math.sqrt(fan_in)
    for parameter in module.parameters():
        nn.init.uniform_(parameter, -bound, bound, generator=generator)


def draw_weights(
    vocab_size: int, settings: ElmanSettings, seeds: Sequence[int]
) -> dict[str, Tensor]:
    """Draw the weights that `build_parts` draws for each seed, stacked: `(seeds, …)`.

    One constructor for each seed would take longer than training: here a seed costs one call for
    its embedding, if any, and one for all the rest, which PyTorch draws number by number.
    """
    parts = dict(
        zip(("embedding", "rnn", "readout"), build_parts(vocab_size, settings, 0), strict=True)
    )
    shapes = {
        f"{part}.{name}": parameter.shape
        for part, module in parts.items()
        if module is not None
        for name, parameter in module.named_parameters()
    }
    table = shapes.pop("embedding.weight", torch.Size((0,)))
    sizes = [shape.numel() for shape in shapes.values()]
    normal, uniform = torch.empty(len(seeds), *table), torch.empty(len(seeds), sum(sizes))
    bound = 1 / math.sqrt(settings.units(vocab_size))
    generator = torch.Generator()
    for seed, vectors, numbers in zip(seeds, normal, uniform, strict=True):
        generator.manual_seed(_checked(seed))
        if vectors.numel():
            vectors.normal_(generator=generator)
        numbers.uniform_(-bound, bound, generator=generator)
    pieces = zip(shapes.items(), uniform.split(sizes, dim=1), strict=True)
    weights = {name: piece.unflatten(1, shape) for (name, shape), piece in pieces}
    return {"embedding.weight": normal, **weights} if normal.numel() else weights


def _checked(seed: int) -> int:
    if not isinstance(seed, int) or isinstance(seed, bool) or not -(2**63) <= seed < 2**64:
        raise OptionError(f"expected seed to be an integer of at most 64 bits, got {seed!r}")
    return seed
