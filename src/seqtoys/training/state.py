"""One training run: its components, built from the arguments of fit, and its complete state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn

from seqtoys.data.batch import check_targets
from seqtoys.data.vocab import Vocab
from seqtoys.errors import DataError, InputTypeError, OptionError
from seqtoys.models.forward import Replicated, count_replicas, logits_of
from seqtoys.models.probing import undisturbed
from seqtoys.models.trained import epochs_trained
from seqtoys.models.vocabulary import find_vocab
from seqtoys.records.ensemble_history import EnsembleHistory
from seqtoys.records.history import History
from seqtoys.records.predictions import Predictions
from seqtoys.support.annotations import described
from seqtoys.support.devices import device_of
from seqtoys.support.digest import brief
from seqtoys.support.randomness import seeded_generator
from seqtoys.support.rng_state import GlobalRngState
from seqtoys.support.serialization import Plain
from seqtoys.support.values import MANY
from seqtoys.tasks.given_data import TrainingData
from seqtoys.training.best_weights import BestWeights
from seqtoys.training.gradients import writes_gradients
from seqtoys.training.optimizers import (
    Optimizer,
    check_rate,
    make_optimizer,
    make_scheduler,
    rates_of,
)
from seqtoys.training.options import FitOptions, record
from seqtoys.training.rehearsal import rehearse
from seqtoys.training.sources import Source, Sources, to_sources
from seqtoys.training.stopping import make_rule
from seqtoys.training.updates import Updates


@dataclass
class TrainingState:
    """The components of a training run.

    Attributes:
        updates: Trains the model.
        held_out: The data to measure after each epoch, or None.
        predictions: Stores the predictions.
        history: The `History` or `EnsembleHistory` to append epochs to.
        rule: The early-stopping rule.
        generator: Draws the held-out sequences, the mini-batch order and the batches of a task.
        global_rng: PyTorch's global generators.
        vocab: The vocabulary, if there is one.
        best: The weights of the best epoch, or None if the last ones are kept.
        written: Identifies the last checkpoint of this run, to detect one written to the same path
            by another process. None if there is none yet.
    """

    updates: Updates
    held_out: Source | None
    predictions: Predictions
    history: Any
    rule: Any
    generator: torch.Generator
    global_rng: GlobalRngState
    vocab: Vocab | None
    best: BestWeights | None = None
    written: tuple[int, int] | None = None

    @property
    def model(self) -> nn.Module:
        """The model being trained."""
        return self.updates.model

    @cached_property
    def identity(self) -> dict[str, Plain]:
        """A description of the model, data and options, to detect a mismatch on resuming.

        The number of epochs is omitted, since it may be increased on resuming.
        """
        from seqtoys.models.saving import describe  # loads every model, for few trainings

        about = describe(self.model)
        options = {k: value for k, value in self.history.settings.items() if k != "epochs"}
        symbols = None if self.vocab is None else brief(text=repr(self.vocab.symbols))
        held_out = None if self.held_out is None else self.held_out.identity()
        return {
            "model": about["kind"],
            **about.get("settings", {}),
            "seeds of the model": about.get("seeds"),
            "vocab": symbols,
            "data": self.updates.source.identity(),
            "held-out data": held_out,
            "gradients": "written out" if writes_gradients(self.model) else "by autograd",
            **options,
        }

    @property
    def epochs(self) -> int:
        """The number of epochs so far."""
        return len(self.history.lr)

    def state(self) -> dict[str, Plain]:
        """Return the `history` and `training` state, without weights; no update may be pending."""
        history = self.history.state() | {"predictions": self.predictions.state()}
        training = {
            "identity": self.identity,
            "updates": self.updates.state(),
            "held_out": None if self.held_out is None else self.held_out.state(),
            "rule": self.rule.state(),
            "generator": self.generator.get_state(),
            "draws": self.global_rng.state(),
        }
        return {"history": history, "training": training}

    def restore(self, history: Mapping[str, Plain], training: Mapping[str, Plain]) -> None:
        """Check the two parts of `state()`, and restore all but the model and global generators.

        Raises:
            Exception: One of `MALFORMED`, if the state is invalid or of another training.
        """
        updates, epochs = training["updates"], len(history["lr"])
        begun_epochs = epochs + bool(updates["begun"])
        if type(updates["epoch"]) is not int or updates["epoch"] != begun_epochs:
            raise DataError(f"expected updates of {epochs} epochs, got another number")
        self.predictions.restore(history["predictions"], epochs)
        fresh = self.history
        # Decoded when training ends; until then, self.predictions stores them.
        no_predictions: list[Any] | None = [] if isinstance(fresh, History) else None
        self.history = type(fresh).from_state({**history, "predictions": no_predictions})
        # These follow from the data and options, which have been compared with the saved ones.
        for name in ("predictions", "settings", "baselines", "loss_floor", "held_out", "data"):
            setattr(self.history, name, getattr(fresh, name))
        self.history.reopen()
        for name in ("validation_loss", "validation_accuracy"):
            if epochs and (len(getattr(self.history, name)) > 0) != (self.held_out is not None):
                raise DataError(f"expected {name} if and only if something is held out")
        self.rule.restore(training["rule"], self.history)
        self.updates.restore(updates, symbols=MANY if self.vocab is None else len(self.vocab))
        if self.held_out is not None:
            self.held_out.restore(training["held_out"])
        self.generator.set_state(training["generator"])
        self.global_rng.check(training["draws"])

    def finish_restoring(self, global_rng: Plain) -> None:
        """Restore what depends on the saved weights, once the model has them."""
        if self.rule.ended is not None:
            self.updates.freeze(self.rule.ended)
        self.global_rng.restore(global_rng)


def make_training_state(
    model: nn.Module, data: TrainingData, options: FitOptions
) -> TrainingState:
    """Build the components of a training run.

    Args:
        model: The model.
        data: The training data.
        options: The options, as returned by `check_options`.

    Raises:
        SeqtoysError: See `fit`.
    """
    _check_order(data)
    device = device_of(model)  # checks that it is a model
    _check_weights(model)
    vocab = _find_vocab(model, data, options["vocab"])
    generator = seeded_generator(options["seed"])
    sources = to_sources(
        data,
        vocab,
        batch_size=options["batch_size"],
        chunk=options["chunk"],
        lengths=options["lengths"],
        validation=options["validation"],
        seed=options["seed"],
        generator=generator,
        device=device,
    )
    replicas = count_replicas(model)
    optimizer, scheduler, initial_lr = _make_optimizer(model, options, replicas)
    symbols = _vocab_size(model, sources.training, vocab)
    updates = Updates(
        model,
        sources.training,
        optimizer,
        scheduler=scheduler,
        clip_norm=options["clip_norm"],
        stepwise=options["stepwise"],
        symbols=symbols,
        check=options["check"],
    )
    predictions = Predictions.of(
        sources.training.sequences, vocab, single=sources.single, replicas=replicas
    )
    history = _make_history(model, sources, symbols, predictions)
    history.settings = record({**options, "lr": initial_lr})
    history.data, history.epochs_before = sources.about, epochs_trained(model)
    rule = make_rule(options["until"], options["patience"], replicas)
    global_rng = GlobalRngState(device)
    best = BestWeights(model) if options["keep"] == "best" else None
    return TrainingState(
        updates, sources.held_out, predictions, history, rule, generator, global_rng, vocab, best
    )


def _make_optimizer(
    model: nn.Module, options: FitOptions, replicas: int
) -> tuple[Optimizer, Any, float]:
    """Create the optimizer and its scheduler, and return them with the initial learning rate."""
    optimizer = make_optimizer(
        options["optimizer"], model, options["lr"], is_scheduled=options["scheduler"] is not None
    )
    rates = rates_of(optimizer)  # before the scheduler is created, which may change them
    scheduler = make_scheduler(
        options["scheduler"], optimizer, replicas=replicas, epochs=options["epochs"]
    )
    initial_lr = check_rate(options["lr"], rates, optimizer, scheduler)
    rehearse(optimizer, scheduler)
    return optimizer, scheduler, initial_lr


def _find_vocab(model: nn.Module, data: TrainingData, given: Vocab | None) -> Vocab | None:
    known = find_vocab(model, given) or getattr(data, "vocab", None)
    return known if isinstance(known, Vocab) else None


def _check_order(data: object) -> None:
    """Check that the model and the data were not swapped."""
    if isinstance(data, nn.Module):
        raise InputTypeError(
            f"expected fit(model, data), got {described(data)} as the data; pass the model first"
        )


def _check_weights(model: nn.Module) -> None:
    """Check that a model has trainable weights."""
    if not any(weight.requires_grad for weight in model.parameters()):
        raise OptionError(
            f"expected a model with trainable weights, got {type(model).__name__}, in which no "
            "parameter requires gradients"
        )
    if any(tensor.is_inference() for tensor in [*model.parameters(), *model.buffers()]):
        raise OptionError(
            "expected weights created outside torch.inference_mode(), since those created inside "
            "can't be trained; create the model before entering it, or use torch.no_grad()"
        )


def _make_history(
    model: nn.Module, sources: Sources, symbols: int, predictions: Predictions
) -> Any:
    """Create the empty history of a model or an ensemble."""
    floor, baselines = getattr(model, "loss_floor", 0.0), sources.training.baselines(symbols)
    held_out = sources.held_rows
    if isinstance(model, Replicated):
        return EnsembleHistory(
            model.seeds, baselines, floor, held_out=held_out, predictions=predictions
        )
    return History(baselines, floor, held_out=held_out)


def _vocab_size(model: nn.Module, source: Source, vocab: Vocab | None) -> int:
    if vocab is not None:
        return len(vocab)
    assert source.sequences is not None, "a long text comes with a vocabulary"
    with undisturbed(model):
        size = logits_of(model, source.sequences.inputs[:1]).shape[-1]
    # A model may read other symbols than it predicts, so only the targets are checked.
    check_targets(source.sequences, size)
    return size
