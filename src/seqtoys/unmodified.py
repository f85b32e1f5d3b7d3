"""The guard of every fast path: whether the parts of a network are still what its settings say.

The library computes the recurrence and its gradients in its own ways, and reads networks in NumPy.
Each gives PyTorch's numbers for the parts that a network is made with, and for no others: a
subclass, a hook, dropout, or a `forward` that is set on an instance are left to PyTorch.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from operator import attrgetter
from typing import TypeAlias

from torch import nn
from torch.nn.modules.module import _has_any_global_hook

from seqtoys.initial import weight_shapes
from seqtoys.settings import ElmanSettings

Shapes: TypeAlias = dict[str, dict[str, tuple[int, ...]]]
"""The shapes of weights by the names of their parts, then by their own."""

_rnn_options = attrgetter(
    "mode", "input_size", "hidden_size", "num_layers", "batch_first", "bias", "dropout",
    "bidirectional", "proj_size",
)  # fmt: skip
_embedding_options = attrgetter("padding_idx", "max_norm", "scale_grad_by_freq", "sparse")


def has_expected_parts(
    network: nn.Module, kinds: Mapping[str, type], shapes: Shapes, settings: ElmanSettings
) -> bool:
    """Whether a network consists of the parts it was made with, and does nothing besides.

    Args:
        network: The network.
        kinds: The exact types of its parts, by their names.
        shapes: The shapes of all its weights.
        settings: Its sizes and options.
    """
    parts = {name: part for name, part in network._modules.items() if part is not None}
    return (
        calls_only_forward(network)
        and not network._parameters
        and parts.keys() == shapes.keys()
        and all(_is_as_made(part, kinds[name], shapes[name]) for name, part in parts.items())
        and _shares_nothing(parts)
        and all(_has_expected_options(part, shapes, settings) for part in parts.values())
    )


def calls_only_forward(module: nn.Module) -> bool:
    """Whether calling a module runs the methods of its class, and no hooks."""
    hooked = (
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
        or _has_any_global_hook()
    )
    return not hooked and _attributes(type(module)).isdisjoint(vars(module))


def is_plain_rnn(rnn: nn.Module, features: int, units: int, settings: ElmanSettings) -> bool:
    """Whether calling a module computes the recurrence that the settings describe."""
    return (
        type(rnn) is nn.RNN
        and calls_only_forward(rnn)
        and _rnn_options(rnn) == _expected_options(features, units, settings)
    )


def is_plain_embedding(module: nn.Module) -> bool:
    """Whether calling a module looks rows of its weight up, and no more."""
    return (
        type(module) is nn.Embedding
        and calls_only_forward(module)
        and _embedding_options(module) == (None, None, False, False)
    )


@lru_cache(maxsize=256)
def expected_shapes(
    vocab_size: int, settings: ElmanSettings, replicas: tuple[int, ...] = ()
) -> Shapes:
    """Return the shapes of the weights of each part; of an ensemble, replicas first.

    Examples:
        >>> expected_shapes(5, ElmanSettings(hidden_size=8))["readout"]
        {'weight': (5, 8), 'bias': (5,)}
    """
    shapes: Shapes = {}
    for path, shape in weight_shapes(vocab_size, settings).items():
        part, _, name = path.partition(".")
        shapes.setdefault(part, {})[name] = (*replicas, *shape)
    return shapes


@cache
def _attributes(kind: type) -> frozenset[str]:
    """The names of a class; an instance that has one as its own hides what the class has."""
    return frozenset(dir(kind))


@lru_cache(maxsize=256)
def _expected_options(features: int, units: int, settings: ElmanSettings) -> tuple[object, ...]:
    mode = f"RNN_{settings.nonlinearity.upper()}"
    layers, batch_first = settings.num_layers, settings.batch_first
    return mode, features, units, layers, batch_first, True, 0.0, False, 0


def _is_as_made(part: nn.Module, kind: type, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    weights = part._parameters
    return (
        type(part) is kind
        and calls_only_forward(part)
        and not part._modules
        and weights.keys() == shapes.keys()
        and all(
            type(weight) is nn.Parameter and weight.shape == shapes[name]
            for name, weight in weights.items()
        )
    )


def _shares_nothing(parts: Mapping[str, nn.Module]) -> bool:
    weights = [weight for part in parts.values() for weight in part._parameters.values()]
    return len(set(map(id, weights))) == len(weights)


def _has_expected_options(part: nn.Module, shapes: Shapes, settings: ElmanSettings) -> bool:
    if isinstance(part, nn.RNN):
        units, features = shapes["rnn"]["weight_ih_l0"]
        return _rnn_options(part) == _expected_options(features, units, settings)
    return not isinstance(part, nn.Embedding) or is_plain_embedding(part)
