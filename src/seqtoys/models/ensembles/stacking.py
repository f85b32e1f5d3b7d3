"""Creating the models of an ensemble, checking that they are alike, and stacking their tensors."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import suppress
from inspect import Signature, signature
from typing import Any

import torch
from torch import Tensor, nn

from seqtoys.errors import InputTypeError, OptionError, ShapeError
from seqtoys.support.annotations import described
from seqtoys.support.devices import device_of
from seqtoys.support.rng_state import globally_seeded

ALIKE = "expected make_model to return models that differ only in their values, "


class Part(nn.Module):
    """A part of an ensemble: the stacked parameters and buffers of one part of its models.

    It is never called. It gives the tensors their names, and stores the mode of each part.

    Args:
        part: The part of one of the models.

    Examples:
        >>> Part(nn.Dropout(0.1))
        Dropout(p=0.1, inplace=False)
    """

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self._name: str = part._get_name()
        self._about: str = part.extra_repr()
        self.training: bool = part.training

    def _get_name(self) -> str:
        return self._name

    def extra_repr(self) -> str:
        """Return the description of the original part, for the `repr`."""
        return self._about


def make_models(make_model: Callable[[int], nn.Module], seeds: Sequence[int]) -> list[nn.Module]:
    """Create the model of each seed, with the global generators seeded with that seed.

    Args:
        make_model: Returns the model of a seed.
        seeds: The seeds.

    Raises:
        InputTypeError: If `make_model` returns no module, or the same one twice.
        SeqtoysError: If the models are not alike.

    Examples:
        >>> one, other = make_models(lambda seed: nn.Linear(2, 2), [1, 1])
        >>> torch.equal(one.weight, other.weight)
        True
    """
    with suppress(ValueError):  # built-in functions may have no signature
        _check_accepts_seed(signature(make_model), seeds[0])
    models: list[nn.Module] = []
    for seed in seeds:
        with globally_seeded(seed):
            model: Any = make_model(seed)
        if not isinstance(model, nn.Module):
            raise InputTypeError(
                "expected make_model to return a torch.nn.Module, got "
                f"{described(model)} for seed {seed}"
            )
        if any(model is other for other in models):
            raise InputTypeError(
                "expected make_model to return a new model for each seed, got the same one for "
                f"seed {seed}; create the model inside make_model"
            )
        _check_replaceable(model, seed)
        models.append(model)
        if len(models) > 1:
            _check_alike(models[0], model, (seeds[0], seed))
    return models


def _check_accepts_seed(parameters: Signature, seed: int) -> None:
    try:
        parameters.bind(seed)
    except TypeError as error:
        raise InputTypeError(
            f"expected make_model to accept a seed, got a function of {parameters}; use lambda "
            "seed: …"
        ) from error


def stack_into(ensemble: nn.Module, models: Sequence[nn.Module]) -> None:
    """Register the stacked parameters and buffers of models in an ensemble, by their names.

    The tensors of the models are emptied. Tensors shared by parts of a model are shared by the
    parts of the ensemble, too.

    Args:
        ensemble: The ensemble.
        models: Models that are alike.

    Raises:
        InputTypeError: If a name is taken by the ensemble itself.
    """
    stacked: dict[int, Any] = {}  # by the id of the tensor in the first model
    parts: dict[str, nn.Module] = {"": ensemble}
    known: dict[int, nn.Module] = {id(models[0]): ensemble}
    for path, part in models[0].named_modules(remove_duplicate=False):
        if path:
            parent, _, name = path.rpartition(".")
            parts[path] = known.setdefault(id(part), Part(part))
            _register(parts[parent], "add_module", name, parts[path])
    for path, part in models[0].named_modules():
        others = [model.get_submodule(path) for model in models]
        for name, weight in part._parameters.items():
            if weight is not None and id(weight) not in stacked:
                with torch.no_grad():
                    values = torch.stack([each.get_parameter(name) for each in others])
                stacked[id(weight)] = nn.Parameter(values, weight.requires_grad)
            made = None if weight is None else stacked[id(weight)]
            _register(parts[path], "register_parameter", name, made)
        for name, buffer in part._buffers.items():
            if buffer is not None and id(buffer) not in stacked:
                values = torch.stack([each.get_buffer(name).detach() for each in others])
                stacked[id(buffer)] = values
            made = None if buffer is None else stacked[id(buffer)]
            persistent = name not in part._non_persistent_buffers_set
            _register(parts[path], "register_buffer", name, made, persistent=persistent)
    for model in models:
        empty(model)


def empty(model: nn.Module) -> None:
    """Free the memory of the parameters and buffers of a model.

    Examples:
        >>> model = nn.Linear(2, 2)
        >>> empty(model)
        >>> model.weight.shape
        torch.Size([0])
    """
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.data = tensor.data.new_empty(0)


def fill(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Set the parameters and buffers of a model that has been emptied, by name.

    Examples:
        >>> model = nn.Linear(2, 2)
        >>> empty(model)
        >>> fill(model, {"weight": torch.ones(2, 2), "bias": torch.zeros(2)})
        >>> model(torch.ones(1, 2))
        tensor([[2., 2.]], grad_fn=<AddmmBackward0>)
    """
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        tensor.data = tensors[name].detach()


def copied(model: nn.Module) -> Any:
    """Return a deep copy of a model.

    Unlike `copy.deepcopy`, it accepts computed tensors, such as the weights that
    `torch.nn.utils.weight_norm` stores in an attribute.

    Examples:
        >>> model = nn.Identity()
        >>> model.last = 2 * torch.ones(2, requires_grad=True)
        >>> copied(model).last
        tensor([2., 2.])
    """
    computed = [
        value
        for part in model.modules()
        for value in vars(part).values()
        if isinstance(value, Tensor) and not value.is_leaf
    ]
    return copy.deepcopy(model, {id(value): value.detach().clone() for value in computed})


def _register(part: nn.Module, method: str, name: str, *given: Any, **options: Any) -> None:
    try:
        getattr(part, method)(name, *given, **options)
    except KeyError as error:
        raise InputTypeError(
            f"expected parts and weights with other names than those of an Ensemble, got {name}; "
            "rename it in the model"
        ) from error


def _check_replaceable(model: nn.Module, seed: int) -> None:
    """Check that all weights have values, and that others may take their place."""
    device_of(model)  # raises an error on the meta device
    if any(isinstance(part, torch.jit.ScriptModule) for part in model.modules()):
        raise InputTypeError(
            f"expected modules written in Python, got TorchScript for seed {seed}; return the "
            "module before it is compiled"
        )
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if isinstance(tensor, nn.UninitializedParameter | nn.UninitializedBuffer):
            raise InputTypeError(
                f"expected initialized weights, got {name} without a shape for seed {seed}; run "
                "the model once inside make_model"
            )
        if tensor._backward_hooks or getattr(tensor, "_post_accumulate_grad_hooks", None):
            raise InputTypeError(
                f"expected weights without hooks, got {name} with a hook for seed {seed}; "
                "register the hook with a tensor inside forward"
            )


def _check_alike(first: nn.Module, other: nn.Module, seeds: tuple[int, int]) -> None:
    """Check that models have the same classes, names, shapes, dtypes and frozen weights."""
    one, two = seeds
    mine, theirs = _classes_of(first), _classes_of(other)
    for path in {**mine, **theirs}:
        if mine.get(path) != theirs.get(path):
            raise InputTypeError(
                f"{ALIKE}got {path or 'a model'} of class {mine.get(path)} with seed {one} and "
                f"{theirs.get(path)} with seed {two}"
            )
    facts, others = _facts_of(first), _facts_of(other)
    for name in {**facts, **others}:
        mine_too, theirs_too = facts.get(name), others.get(name)
        if mine_too != theirs_too:
            error = OptionError if mine_too is None or theirs_too is None else ShapeError
            raise error(
                f"{ALIKE}got {name} {mine_too or 'missing'} with seed {one} and "
                f"{theirs_too or 'missing'} with seed {two}"
            )


def _classes_of(model: nn.Module) -> dict[str, str]:
    """Return the names of the classes of all parts; `make_model` may itself define a class."""
    return {path: type(part).__qualname__ for path, part in model.named_modules()}


def _facts_of(model: nn.Module) -> dict[str, str]:
    """Describe each tensor of a model: its shape, dtype, device, and what it is shared with."""
    named = [*model.named_parameters(remove_duplicate=False), *model.named_buffers()]
    names: dict[int, str] = {}
    facts = {}
    for name, tensor in named:
        owner = names.setdefault(id(tensor), name)
        kind = f"of shape {tuple(tensor.shape)} and {tensor.dtype} on {tensor.device}"
        is_frozen = isinstance(tensor, nn.Parameter) and not tensor.requires_grad
        shared = f", shared with {owner}" * (owner != name)
        facts[name] = f"{kind}{', frozen' * is_frozen}{shared}"
    return facts
