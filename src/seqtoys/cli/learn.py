"""learn: train a network on texts, and let it write."""

from __future__ import annotations

import os
import shlex
from argparse import Namespace
from typing import Any

from seqtoys import Batch, ElmanCharModel, Vocab, generate, novelty
from seqtoys.cli.arguments import FEW_LINES
from seqtoys.cli.lesson import NEAR, Lesson, make_lesson
from seqtoys.cli.reading import NEWLINE, join
from seqtoys.cli.terminal import Changes, clip, fold, note, print_json
from seqtoys.cli.training import ending, is_interrupted, train
from seqtoys.errors import DataError
from seqtoys.models.forward import loss_and_accuracy
from seqtoys.records.history import History
from seqtoys.records.row import describe
from seqtoys.support.randomness import seeded_generator
from seqtoys.support.words import counted

SPACING = 1.25  # between the epochs that are printed
TRACED, SHOWN = 20, 99  # the most steps shown one by one, and symbols in a verdict
MEMORIZED, TEMPERATURE = 0.3, 0.7  # the temperature of the sample, if a text was memorized or not
CHARACTERS, WORDS, NEW_LINES = 200, 40, 10  # the most that it shows


def run(options: Namespace) -> int:
    """Train a network on the texts, and report whether it has learned them."""
    lesson = make_lesson(options)
    _check_save(options)
    texts = lesson.texts
    if lesson.is_one and texts[0].count(NEWLINE) >= FEW_LINES:
        note("many lines, learned as one text; to learn each separately, pass --lines")
    vocab = Vocab.from_text(*texts)
    model = ElmanCharModel(vocab, hidden_size=options.hidden, seed=options.seed)
    history = train(
        model,
        texts[0] if lesson.is_one else texts,
        options,
        epochs=options.epochs,
        lr=options.lr,
        seed=options.seed,
        on_epoch=Changes(note, SPACING, words=lesson.is_one and vocab.has_words),
        **lesson.training(),
    )
    return _report(model, lesson, history, options)


def _check_save(options: Namespace) -> None:
    """Check that saving the model would not overwrite a text to learn."""
    if options.save is None or options.force or options.text:
        return
    if any(_is_same_file(text, options.save) for text in options.texts):
        raise DataError(
            f"--save would overwrite {options.save}, which is a text to learn; choose another "
            "file, or pass --force to replace it"
        )


def _is_same_file(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):  # one of them is not a file
        return False


def _report(model: ElmanCharModel, lesson: Lesson, history: History, options: Namespace) -> int:
    """Print the outcome of the training, and return the exit code."""
    loss, share = _measure(model, lesson, history)
    scored = sum(len(text) - 1 for text in lesson.texts)
    held_out = min(history.validation_loss, default=None)
    right = round(share * scored)
    if held_out is not None:
        learned = held_out < history.baselines.uniform
    else:
        learned = right == scored if lesson.is_one else loss - history.baselines.full_past <= NEAR
    if options.json:
        facts = {"learned": learned, "symbols": scored, "right": right, "loss": loss}
        facts |= {} if held_out is None else {"held_out_loss": held_out}
        rest = {"epochs": len(history), "stopped": history.stopped}
        print_json(facts | {"optimum": history.baselines.full_past} | rest)
    else:
        if lesson.is_one and scored <= TRACED:
            print("\n".join(map(clip, str(model.trace(lesson.texts[0][:-1])).split("\n"))) + "\n")
        print(f"{history.loss_context()}\n")
        print(fold(_verdict(lesson, history, learned, f"{right:,} of {scored:,}", loss)))
        print(f"\n{_sample(model, lesson, history, options.seed)}\n\n{_next(lesson, options)}")
    if is_interrupted(history):
        return 130
    return 0 if learned else 1


def _measure(model: ElmanCharModel, lesson: Lesson, history: History) -> tuple[float, float]:
    """Return the loss and accuracy after training; of a text in chunks, of the last epoch."""
    if (lesson.in_chunks or lesson.held_out is not None) and history.loss:
        return history.loss[-1], history.accuracy[-1]
    loss, share = loss_and_accuracy(model, Batch.from_texts(lesson.texts, model.vocab))
    return loss.item(), share.item()


def _verdict(lesson: Lesson, history: History, learned: bool, right: str, loss: float) -> str:
    """Describe what was learned, and why training stopped."""
    ended = ending(history)
    if history.validation_loss:
        best = min(history.validation_loss)
        return (
            f"{'Learned' if learned else 'Not learned'}: held-out loss {best:.4f} nats per symbol "
            f"at epoch {history.best_epoch} (uniform guess: {history.baselines.uniform:.4f}). "
            f"{ended}"
        )
    if learned and lesson.is_one:
        (text,) = lesson.texts
        shown = describe(join(text[:SHOWN], words=not isinstance(text, str)))
        count = len(text) - 1
        symbols = f"{'all ' * (count > 1)}{counted(count, 'next symbol')}"
        return f"Memorized '{shown}': {symbols}. {ended}"
    excess = loss - history.baselines.full_past
    far = f"{loss:.4f} nats per symbol, {excess:.4f} above the optimum"
    if learned:
        return f"Learned {len(lesson.texts)} texts: {far}. {ended}"
    short = f"Not memorized: {right} next symbols" if lesson.is_one else f"Not learned: {far}"
    return f"{short}. {ended} Try more --epochs or more --hidden units."


def _sample(model: ElmanCharModel, lesson: Lesson, history: History, seed: int) -> str:
    """Return generated lines, and how many are copies; or the continuation of a first symbol."""
    words, first = model.vocab.has_words, lesson.texts[0][:1]
    most = WORDS if words else CHARACTERS
    temperature = MEMORIZED if lesson.is_one and not lesson.held_out else TEMPERATURE
    drawing: Any = {"temperature": temperature, "generator": seeded_generator(seed)}
    if not lesson.are_lines:
        # The network was not trained to predict what follows the end of a text.
        length = min(most, max(map(len, lesson.texts)) - 1)
        text = generate(model, first, length, **drawing)
        shown = join([*first, *text], words=words)
        return f"A sample (temperature {temperature:g}):\n\n{fold(shown)}"
    written = generate(model, first, most, num=NEW_LINES, stop=NEWLINE, **drawing)
    lines = [[*first, *line] for line in written]
    held_out = set(history.held_out)
    known = [text for row, text in enumerate(lesson.texts) if row not in held_out]
    counted = novelty(lines, known, [lesson.texts[row] for row in held_out] or None)
    shown = "\n".join(join(line, words=words).strip() for line in lines)
    return (
        f"Generated lines (temperature {temperature:g}):\n\n{fold(shown)}\n\n{fold(str(counted))}"
    )


def _next(lesson: Lesson, options: Namespace) -> str:
    file = "FILE" if options.save is None else shlex.quote(options.save)
    keep = "keep the model with --save FILE, then " if options.save is None else ""
    more = " --lines --num 20" if lesson.are_lines else ""
    return f"Next: {keep}generate more with\n  python -m seqtoys sample {file}{more}"
