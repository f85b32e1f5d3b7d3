"""Many seeds of any module, in one module."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqtoys.data.symbols import Symbols
from seqtoys.data.vocab import Vocab
from seqtoys.errors import InputTypeError, OptionError, ShapeError
from seqtoys.models.checks import State
from seqtoys.models.ensembles.attributes import find_obstacle
from seqtoys.models.ensembles.runner import Runner
from seqtoys.models.ensembles.running import Call, Output, Tensors
from seqtoys.models.ensembles.stacking import copied, fill, make_models, stack_into
from seqtoys.models.forward import (
    STATEFUL,
    StepwiseModel,
    accepts,
    in_mode,
    logits_of,
    run_whole,
)
from seqtoys.models.trained import NAME, note_training
from seqtoys.models.vocabulary import vocab_of
from seqtoys.support.annotations import described
from seqtoys.support.arguments import checked, listed
from seqtoys.support.devices import device_of
from seqtoys.support.indices import check_index
from seqtoys.support.randomness import check_seed

COMPARED, STEPS = 3, 16  # sequences and steps on which batched replicas are checked, once


class Ensemble(nn.Module):
    """Models of many seeds, trained together: any module that `fit` accepts.

    Replica `i` is equivalent to `make_model(seeds[i])`: it starts from the same weights, sees the
    same sequences and gets the same updates, up to rounding. Dropout is drawn for each replica.
    The parameters and buffers have the same names as the model's, with a leading axis of replicas.
    `ensemble[i]` is a copy of replica `i` as a separate model. All other methods are those of
    `torch.nn.Module`.

    The models run in one pass of `torch.vmap`. Models that it can't run, such as those whose
    control flow depends on the values of tensors, run one after another instead: `batched` is then
    False, and a printed history says why. For `ElmanCharModel`, use `ElmanEnsemble`, which is
    faster.

    Args:
        make_model: Returns a new model for a seed. It is called with PyTorch's, Python's and
            NumPy's global generators seeded with that seed, so it may ignore its argument; the
            random states are restored afterwards. The models may differ only in their values.
        seeds: The seed of each replica.

    Attributes:
        seeds: The seed of each replica.
        vocab: The vocabulary of the models, or None if they have none.

    Raises:
        OptionError: If there are no seeds, a seed is not an integer, or a weight is missing for
            a seed.
        InputTypeError: If `make_model` does not return a new module for each seed, all of the
            same classes.
        ShapeError: If a weight has another shape, dtype or device for a seed.
        DeviceError: If a model is on the meta device, where weights have no values.

    Examples:
        >>> from seqtoys import fit
        >>> def make_gru(seed):
        ...     return nn.Sequential(nn.Embedding(5, 8), nn.GRU(8, 5, batch_first=True))
        >>> ensemble = Ensemble(make_gru, seeds=range(20))
        >>> history = fit(ensemble, "hihello", vocab=Vocab("hielo"), epochs=150, lr=0.05)
        >>> print(history.solve_rate)
        70.0% of 20 (95% interval 48.1 to 85.5%)
        >>> ensemble[7]
        Sequential(
          (0): Embedding(5, 8)
          (1): GRU(8, 5, batch_first=True)
        )
    """

    @checked
    def __init__(self, make_model: Callable[[int], nn.Module], seeds: Iterable[int]) -> None:
        """Make the models; the arguments are described with the class."""
        if isinstance(make_model, nn.Module):
            raise InputTypeError(
                "expected make_model to be a function that returns a new model for a seed, got a "
                f"{type(make_model).__name__}; use lambda seed: …"
            )
        chosen = tuple(map(check_seed, listed("seeds", seeds)))
        if not chosen:
            raise OptionError("expected at least one seed, got none")
        models = make_models(make_model, chosen)
        super().__init__()
        self.seeds: tuple[int, ...] = chosen
        vocab = getattr(models[0], "vocab", None)
        self.vocab: Vocab | None = vocab if isinstance(vocab, Vocab) else None
        self._runner: Runner = Runner(models, find_obstacle(models, chosen))
        stack_into(self, models)
        self.training: bool = models[0].training

    @property
    def batched(self) -> bool:
        """Whether all replicas run in one pass; the first inputs may show that they can't.

        Examples:
            >>> Ensemble(lambda seed: nn.Embedding(5, 5), seeds=[1, 2]).batched
            True
        """
        return self._runner.reason is None

    @property
    def note(self) -> str:
        """Why the replicas run one after another, for printed histories; "" if they do not.

        Examples:
            >>> Ensemble(lambda seed: nn.Dropout(1 / seed), seeds=[2, 3]).note
            'The replicas ran one after another: p differs between the replicas.'
        """
        reason = self._runner.reason
        return "" if reason is None else f"The replicas ran one after another: {reason}."

    @property
    def unregistered(self) -> list[nn.Module]:
        """The models without their weights; they are not submodules of the ensemble."""
        return self._runner.models

    @property
    def template(self) -> nn.Module:
        """One of the models, without its weights."""
        return self._runner.models[0]

    @property
    def loss_floor(self) -> float:
        """The lowest loss that the readout of the models can reach; 0 if there is no such bound.

        Examples:
            >>> from seqtoys import ElmanCharModel
            >>> vocab = Vocab("hielo")
            >>> Ensemble(lambda seed: ElmanCharModel(vocab, seed=seed), seeds=[1, 2]).loss_floor
            0.4326...
        """
        return float(getattr(self[0], "loss_floor", 0.0))

    def forward(
        self, inputs: Int[Tensor, "batch time"], state: State | None = None
    ) -> Tensor | tuple[Tensor, State]:
        """Read whole sequences, the same for every replica.

        Args:
            inputs: Symbol indices, `(batch, time)` even if the models expect `(time, batch)`.
            state: The states to resume from, with replicas first. If None, the models start from
                their own initial state.

        Returns:
            The logits after each symbol, `(replicas, batch, time, vocab)`. If the models return a
            state as well, a tensor or a tuple of tensors, a tuple of the logits and the states.

        Raises:
            InputTypeError: If the inputs are not a tensor.
            ShapeError: If they are not `(batch, time)`.
            OptionError: If a state is passed, but the models accept none.
            Exception: Whatever the models raise.

        Examples:
            >>> ensemble = Ensemble(lambda seed: nn.Embedding(5, 5), seeds=[1, 2, 3])
            >>> ensemble(torch.tensor([[0, 1, 2, 3]])).shape
            torch.Size([3, 1, 4, 5])
        """
        _check_sequences(inputs)
        model = self.template
        if state is not None and not accepts(model.forward, inputs, state):
            raise OptionError(
                f"{STATEFUL}, got {type(model).__name__}, whose forward accepts no state; omit it"
            )
        trial = partial(_read, inputs[:COMPARED, :STEPS]) if state is None else None
        output = self._run("forward", partial(_read, inputs), state, trial)
        return (output["logits"], output["state"]) if "state" in output else output["logits"]

    def step(
        self, inputs: Int[Tensor, " batch"], hidden: State
    ) -> tuple[Float[Tensor, "replicas batch vocab"], State]:
        """Read one symbol of each sequence, the same for every replica.

        Args:
            inputs: Symbol indices.
            hidden: The states, with replicas first; at first those of `initial_hidden`.

        Returns:
            The logits, and the next states.

        Raises:
            OptionError: If the models have no `step` and `initial_hidden`.

        Examples:
            >>> from seqtoys import ElmanCharModel
            >>> vocab = Vocab("hielo")
            >>> ensemble = Ensemble(lambda seed: ElmanCharModel(vocab, seed=seed), seeds=[1, 2])
            >>> logits, hidden = ensemble.step(vocab.encode("h"), ensemble.initial_hidden(1))
            >>> logits.shape, hidden.shape
            (torch.Size([2, 1, 5]), torch.Size([2, 1, 1, 5]))
        """
        self._check_stepwise()

        def call(model: Any, state: Any) -> Output:
            return _named(*model.step(inputs, state))

        output = self._run("step", call, hidden)
        return output["logits"], output["state"]

    def initial_hidden(self, batch_size: int) -> State:
        """Return the initial states, with replicas first.

        Args:
            batch_size: The number of sequences.

        Raises:
            OptionError: If the models have no `step` and `initial_hidden`.

        Examples:
            >>> from seqtoys import ElmanCharModel
            >>> vocab = Vocab("hielo")
            >>> ensemble = Ensemble(lambda seed: ElmanCharModel(vocab, seed=seed), seeds=[1, 2])
            >>> ensemble.initial_hidden(3).shape
            torch.Size([2, 1, 3, 5])
        """
        self._check_stepwise()

        def call(model: Any, _: Any) -> Output:
            return {"state": model.initial_hidden(batch_size)}

        state: State = self._run("initial_hidden", call, None)["state"]
        return state

    @torch.no_grad()
    def predict(self, sequence: Symbols) -> list[str] | list[list[str]]:
        """Return the likeliest next symbol at each position, for each replica.

        Args:
            sequence: A string, or a list of symbols.

        Raises:
            OptionError: If the models have no vocabulary.
            UnknownSymbolError: If a symbol is not in the vocabulary.
            DeviceError: If the ensemble is on the meta device, where weights have no values.

        Examples:
            >>> from seqtoys import ElmanCharModel
            >>> vocab = Vocab("hielo")
            >>> ensemble = Ensemble(lambda seed: ElmanCharModel(vocab, seed=seed), seeds=[1, 2])
            >>> [len(text) for text in ensemble.predict("hihell")]
            [6, 6]
        """
        vocab = vocab_of(self)
        indices = vocab.encode(sequence).to(device_of(self)).unsqueeze(0)  # (1, time)
        with in_mode(self, training=False):
            logits = logits_of(self, indices)
        predicted = logits.argmax(-1).squeeze(1)  # (replicas, 1, time) -> (replicas, time)
        return [vocab.decode(row) for row in predicted]  # type: ignore[return-value]

    def train(self, mode: bool = True) -> Ensemble:
        """Set the mode of all parts by the models' own `train`, which may leave some unchanged.

        Args:
            mode: Whether to set training mode rather than evaluation mode.

        Examples:
            >>> ensemble = Ensemble(lambda seed: nn.Dropout(0.1), seeds=[1, 2]).train(False)
            >>> ensemble.training, ensemble[0].training
            (False, False)
        """
        model = self.template.train(mode)
        for part, original in zip(self.modules(), model.modules(), strict=True):
            part.training = original.training
        return self

    def __len__(self) -> int:
        return len(self.seeds)

    def __getitem__(self, replica: int) -> Any:
        """Return a copy of one replica as a separate model, with its seed as `seed`.

        Raises:
            IndexRangeError: If there is no such replica.
        """
        at = check_index(replica, len(self), "replica")
        model = copied(self._runner.models[at])
        tensors = self._tensors()
        stacks = {**tensors.parameters, **tensors.buffers}
        fill(model, {name: stack[at].clone() for name, stack in stacks.items()})
        for name, weight in model.named_parameters():
            weight.requires_grad_(tensors.parameters[name].requires_grad)
        for part, own in zip(model.modules(), self.modules(), strict=True):
            part.training = own.training
        model._apply(lambda tensor: tensor)  # lets PyTorch's recurrent networks renew their views
        vars(model).setdefault("seed", self.seeds[at])
        note_training(model, vars(self).get(NAME, (0,))[0])
        return model

    def __iter__(self) -> Iterator[Any]:
        return (self[replica] for replica in range(len(self)))

    def extra_repr(self) -> str:
        """Return the number of seeds and the class of the models, for the ensemble's `repr`."""
        return f"{len(self)} seeds of {type(self.template).__name__}"

    def _run(self, name: str, call: Call, state: Any, trial: Call | None = None) -> Output:
        """Run all replicas, and store the buffers that have changed."""
        if state is not None:
            self._check_state(state)
        tensors = self._tensors()
        self._runner.modes = [part.training for part in self.modules()]
        output, changed = self._runner.run(name, call, tensors, state, trial=trial)
        if changed.buffers:
            self._store(tensors.buffers, changed.buffers)
        return output

    def _tensors(self) -> Tensors:
        """Return the stacked tensors, by the names of the model's.

        Raises:
            OptionError: If a part has been replaced.
        """
        tensors = Tensors({}, {})
        for path, part in self.named_modules():
            for stored, found_here in zip(tensors, (part._parameters, part._buffers), strict=True):
                named = ((f"{path}.{name}".lstrip("."), each) for name, each in found_here.items())
                stored.update({name: each for name, each in named if each is not None})
        model, replicas = self.template, len(self)
        names = [name for name, _ in (*model.named_parameters(), *model.named_buffers())]
        for name in names:
            found = tensors.parameters.get(name, tensors.buffers.get(name))
            if found is None or found.shape[:1] != (replicas,):
                got = "none" if found is None else tuple(found.shape)
                raise OptionError(
                    f"expected {name} of shape ({replicas}, …), got {got}; the parts of an "
                    "ensemble hold the weights of all replicas and cannot be replaced"
                )
        return tensors

    def _store(self, before: dict[str, Tensor], after: dict[str, Tensor]) -> None:
        """Store the buffers that have changed; shared ones with equal values stay shared."""
        known: dict[int, Tensor] = {}
        for name, buffer in after.items():
            path, _, leaf = name.rpartition(".")
            new = known.setdefault(id(before[name]), buffer)
            is_same = new.shape == buffer.shape and torch.equal(new, buffer)
            self.get_submodule(path)._buffers[leaf] = new if is_same else buffer

    def _check_stepwise(self) -> None:
        model = self.template
        if not isinstance(model, StepwiseModel):
            raise OptionError(
                "expected models with step and initial_hidden, got "
                f"{type(model).__name__}; call the ensemble on whole sequences"
            )

    def _check_state(self, state: Any) -> None:
        """Check that there is a state for each replica."""
        for part in state if isinstance(state, tuple) else (state,):
            if not isinstance(part, Tensor) or part.shape[:1] != (len(self),):
                got = tuple(part.shape) if isinstance(part, Tensor) else described(part)
                raise OptionError(
                    f"expected states of shape ({len(self)}, …), with replicas first, got {got}"
                )


def _check_sequences(inputs: object) -> None:
    if not isinstance(inputs, Tensor):
        raise InputTypeError(f"expected indices as a tensor, got {described(inputs)}")
    if inputs.ndim < 2:
        raise ShapeError(
            f"expected inputs of shape (batch, time), got {tuple(inputs.shape)}; "
            "inputs.unsqueeze(0) adds an axis of size 1"
        )


def _read(inputs: Tensor, model: nn.Module, state: Any) -> Output:
    """Run one model on sequences."""
    return _named(*run_whole(model, inputs, *([] if state is None else [state])))


def _named(logits: Tensor, state: Any) -> Output:
    """Return the logits, and the state if it consists of tensors."""
    parts = state if isinstance(state, tuple) else (state,)
    if parts and all(isinstance(part, Tensor) for part in parts):
        return {"logits": logits, "state": state}
    return {"logits": logits}
