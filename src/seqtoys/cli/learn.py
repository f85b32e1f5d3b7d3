"""learn: train a network on texts; also the introductory example."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Callable

from seqtoys import Batch, ElmanCharModel, Vocab, fit
from seqtoys.cli.terminal import fold, note, print_json
from seqtoys.cli.training import add_training_options, is_interrupted, train
from seqtoys.errors import DataError, quoted
from seqtoys.models.forward import loss_and_accuracy
from seqtoys.records.row import describe
from seqtoys.results import History, Row
from seqtoys.support.file_kinds import special_kind

NEAR = 0.05  # nats above the optimum, for several texts, where no model predicts every symbol
LONG, CHUNK, STREAM = 5000, 100, 1000  # symbols
MOST = 10**9  # symbols in a text; a pipe may never end


def add_learn(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "texts",
        nargs="+",
        metavar="TEXT",
        help='a quoted text, such as "to be or not to be", or the name of a text file',
    )
    add_training_options(parser)


def learn(options: Namespace) -> int:
    """Train a network on the texts, and report whether it has learned them."""
    texts = [_read(text) for text in options.texts]
    _check_save(options)
    vocab = Vocab.from_text(*texts)
    model = ElmanCharModel(vocab, hidden_size=options.hidden, seed=options.seed)
    streams = min(64, len(texts[0]) // STREAM)
    history = train(
        model,
        texts[0] if len(texts) == 1 else texts,
        options,
        until="solved" if len(texts) == 1 else NEAR,
        on_epoch=_Changes(note),
        **({"chunk": CHUNK, "batch_size": streams} if _is_long(texts) else {}),
    )
    return _tell(model, texts, history, as_json=options.json)


def demonstrate() -> int:
    """Run the introductory example: five units learn to answer "hihell" with "ihello"."""
    print('An Elman network of 5 units learns to answer "hihell" with "ihello" (seed 777).\n')
    model, text = ElmanCharModel(Vocab("hielo"), seed=777), "hihello"
    history = fit(model, text, epochs=100, lr=0.05, on_epoch=_Changes(print))
    print()
    return _tell(model, [text], history, as_json=False)


def _is_long(texts: list[str]) -> bool:
    """Whether there is one text, long enough to be read in chunks."""
    return len(texts) == 1 and len(texts[0]) > LONG


def _check_save(options: Namespace) -> None:
    """Check that saving the model would not overwrite a text to learn."""
    if options.save is None or options.force:
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


def _read(argument: str) -> str:
    """Return the text in the file of this name, or the name itself if there is no such file."""
    try:
        kind = special_kind(os.stat(argument).st_mode)
    except (OSError, ValueError):  # a text may be too long for a file name, or contain a null
        return _long_enough(argument)
    if kind not in (None, "a named pipe"):
        raise DataError(
            f"expected a text or the name of a text file, got {quoted(argument)}, which is {kind}"
        )
    try:
        with open(argument, encoding="utf-8") as file:
            text = file.read(MOST + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"expected a UTF-8 text file at {argument}, got: {error}") from None
    if len(text) > MOST:
        raise DataError(f"expected a text of at most {MOST:,} symbols, got more from {argument}")
    return _long_enough(text.rstrip("\n"))


def _long_enough(text: str) -> str:
    if len(text) < 2:
        raise DataError(
            "expected texts of at least two symbols (one to read, one to predict), got "
            f"{quoted(text)}"
        )
    return text


def _tell(model: ElmanCharModel, texts: list[str], history: History, *, as_json: bool) -> int:
    """Print the outcome of a training run, and return the exit code."""
    loss, share = _measure(model, texts, history)
    scored, optimum = sum(len(text) - 1 for text in texts), history.baselines.full_past
    right = round(share * scored)
    learnt = right == scored if len(texts) == 1 else loss - optimum <= NEAR
    if as_json:
        facts = {"learnt": learnt, "symbols": scored, "right": right, "loss": loss}
        rest = {"optimum": optimum, "epochs": len(history), "stopped": history.stopped}
        print_json(facts | rest)
    else:
        if len(texts) == 1 and not _is_long(texts):
            print(f"{model.trace(texts[0][:-1])}\n")
        print(f"{history.loss_context()}\n")
        print(fold(_verdict(texts, history, learnt, f"{right} of {scored}", loss)))
    if is_interrupted(history):
        return 130
    return 0 if learnt else 1


def _measure(model: ElmanCharModel, texts: list[str], history: History) -> tuple[float, float]:
    """Return the loss and accuracy after training; for a long text, those of the last epoch."""
    if _is_long(texts) and history.loss:
        return history.loss[-1], history.accuracy[-1]
    loss, share = loss_and_accuracy(model, Batch.from_texts(texts, model.vocab))
    return loss.item(), share.item()


def _verdict(texts: list[str], history: History, learnt: bool, right: str, loss: float) -> str:
    epochs = f"{len(history)} epoch{'s' * (len(history) != 1)}"
    if learnt and len(texts) == 1:
        count = right.partition(" ")[0]
        return f"Memorized {describe(texts[0])!r}: all {count} next symbols ({epochs})."
    far = f"{loss:.4f} nats per symbol, {loss - history.baselines.full_past:.4f} above the optimum"
    if learnt:
        return f"Learned {len(texts)} texts: {far} ({epochs})."
    short = f"Not memorized: {right} next symbols" if len(texts) == 1 else f"Not learned: {far}"
    return f"{short} after {epochs}; try more --epochs or more --hidden units."


class _Changes:
    """Writes a line whenever the visible part of the prediction changes."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self.write, self.last = write, ""

    def __call__(self, row: Row) -> None:
        shown = "" if row.prediction is None else describe(row.prediction)
        if shown != self.last:
            self.last = shown
            self.write(f"epoch {row.epoch:4}  loss {row.loss:.4f}  {shown}")
