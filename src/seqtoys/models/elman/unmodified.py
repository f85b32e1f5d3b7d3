"""The guard of every fast path: whether the parts of a network still match its settings.

The library has its own implementations of the recurrence and its gradients, and runs networks in
NumPy. These match PyTorch only for the parts a network was created with. Subclasses, hooks,
dropout, or a `forward` set on an instance are left to PyTorch.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

from torch import nn
from torch.nn.modules import module as torch_module

from seqtoys.models.elman.initialization import weight_shapes
from seqtoys.models.elman.settings import ElmanSettings

PartTypes: TypeAlias = tuple[type[nn.Module], type[nn.Module], type[nn.Module]]
"""The types of the embedding, the recurrence and the readout of a network."""

_rnn_options = attrgetter(
    "mode", "input_size", "hidden_size", "num_layers", "batch_first", "bias", "dropout",
    "bidirectional", "proj_size",
)  # fmt: skip
_embedding_options = attrgetter("padding_idx", "max_norm", "scale_grad_by_freq", "sparse")
_PLAIN_EMBEDDING = (None, None, False, False)
# PyTorch's own check, `_has_any_global_hook`, is missing in 2.6.
_GLOBAL_HOOKS = (
    torch_module._global_forward_hooks,
    torch_module._global_forward_pre_hooks,
    torch_module._global_backward_hooks,
    torch_module._global_backward_pre_hooks,
)


class Plan(NamedTuple):
    """The original form of one part of a network.

    Attributes:
        kind: Its exact type.
        shapes: The shapes of its weights by name.
        options: The options that affect its computation.
    """

    kind: type[nn.Module]
    shapes: dict[str, tuple[int, ...]]
    options: tuple[Any, ...]


@lru_cache(maxsize=256)
def make_plans(
    types: PartTypes, vocab_size: int, settings: ElmanSettings, replicas: tuple[int, ...] = ()
) -> dict[str, Plan]:
    """Return the original form of each part of a network, by name.

    Args:
        types: Their types.
        vocab_size: The number of symbols.
        settings: The sizes and options of the network.
        replicas: The leading axis of the weights of an ensemble.

    Examples:
        >>> types = (nn.Embedding, nn.RNN, nn.Linear)
        >>> make_plans(types, 5, ElmanSettings(hidden_size=8))["readout"].shapes
        {'weight': (5, 8), 'bias': (5,)}
    """
    kinds = dict(zip(("embedding", "rnn", "readout"), types, strict=True))
    shapes: dict[str, dict[str, tuple[int, ...]]] = {}
    for path, shape in weight_shapes(vocab_size, settings).items():
        part, _, name = path.partition(".")
        shapes.setdefault(part, {})[name] = (*replicas, *shape)
    features, units = settings.features(vocab_size), settings.units(vocab_size)
    options = {
        nn.Embedding: _PLAIN_EMBEDDING,
        nn.RNN: _expected_rnn_options(features, units, settings),
    }
    return {name: Plan(kinds[name], shapes[name], options.get(kinds[name], ())) for name in shapes}


def is_hooked(network: nn.Module) -> bool:
    """Whether a network or one of its parts has hooks."""
    return any(map(_has_hooks, network.modules()))


def fits_plans(network: nn.Module, plans: Mapping[str, Plan]) -> bool:
    """Whether a network consists of the planned parts, with no overridden instance attributes."""
    if network._parameters or _hides_methods(network):
        return False
    parts = {name: part for name, part in network._modules.items() if part is not None}
    if parts.keys() != plans.keys():
        return False
    for name, part in parts.items():
        if not _fits(part, plans[name]):
            return False
    weights = [weight for part in parts.values() for weight in part._parameters.values()]
    first: Any = weights[0]
    for weight in weights:
        if weight.dtype is not first.dtype or weight.device != first.device:  # type: ignore[union-attr]
            return False
    return len(set(map(id, weights))) == len(weights)  # no weight is shared


def calls_only_forward(module: nn.Module) -> bool:
    """Whether calling a module runs the methods of its class, and no hooks."""
    return not _has_hooks(module) and not _hides_methods(module)


def is_plain_rnn(rnn: nn.Module, features: int, units: int, settings: ElmanSettings) -> bool:
    """Whether calling a module computes the recurrence described by the settings."""
    return (
        type(rnn) is nn.RNN
        and calls_only_forward(rnn)
        and _rnn_options(rnn) == _expected_rnn_options(features, units, settings)
    )


def is_plain_embedding(module: nn.Module) -> bool:
    """Whether calling a module only looks up rows of its weight."""
    return (
        type(module) is nn.Embedding
        and calls_only_forward(module)
        and _embedding_options(module) == _PLAIN_EMBEDDING
    )


def _has_hooks(module: nn.Module) -> bool:
    return bool(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
        or any(_GLOBAL_HOOKS)
    )


def _hides_methods(module: nn.Module) -> bool:
    """Whether an instance attribute overrides an attribute of its class."""
    kind: Any = type(module)
    return not _attributes(kind).isdisjoint(vars(module))


@cache
def _attributes(kind: type) -> frozenset[str]:
    """Return the attribute names of a class."""
    return frozenset(dir(kind))


@lru_cache(maxsize=256)
def _expected_rnn_options(features: int, units: int, settings: ElmanSettings) -> tuple[Any, ...]:
    mode = f"RNN_{settings.nonlinearity.upper()}"
    return mode, features, units, settings.num_layers, settings.batch_first, True, 0.0, False, 0


def _fits(part: nn.Module, plan: Plan) -> bool:
    weights = part._parameters
    if type(part) is not plan.kind or part._modules or weights.keys() != plan.shapes.keys():
        return False
    for name, shape in plan.shapes.items():
        weight = weights[name]
        if type(weight) is not nn.Parameter or weight.shape != shape:
            return False
    if plan.kind is nn.RNN and _rnn_options(part) != plan.options:
        return False
    if plan.kind is nn.Embedding and _embedding_options(part) != plan.options:
        return False
    return not _hides_methods(part)
