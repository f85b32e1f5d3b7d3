"""learn: teach a network a text; and the founding demonstration."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Callable

from seqtoys import Batch, ElmanCharModel, Vocab, fit
from seqtoys.cli.terminal import fold, note, print_json
from seqtoys.cli.training import add_training_options, is_interrupted, train
from seqtoys.errors import DataError, quoted
from seqtoys.models.forward import measure
from seqtoys.records.row import describe
from seqtoys.results import History, Row
from seqtoys.support.file_kinds import special_kind

NEAR = 0.05  # nats above the optimum, for texts of which none can tell every symbol
LONG, CHUNK, STREAM = 5000, 100, 1000  # symbols
MOST = 10**9  # symbols of a text; a pipe may never end


def add_learn(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "texts",
        nargs="+",
        metavar="TEXT",
        help='a text in quotes, "to be or not to be", or the name of a file with one',
    )
    add_training_options(parser)


def learn(options: Namespace) -> int:
    """Teach a network the texts, and tell whether it knows them."""
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
    """Show the founding example: five units learn to answer "hihell" with "ihello"."""
    print('An Elman network of 5 units learns to answer "hihell" with "ihello" (seed 777).\n')
    model, text = ElmanCharModel(Vocab("hielo"), seed=777), "hihello"
    history = fit(model, text, epochs=100, lr=0.05, on_epoch=_Changes(print))
    print()
    return _tell(model, [text], history, as_json=False)


def _is_long(texts: list[str]) -> bool:
    """Whether it is one text, and so long that it is read in chunks."""
    return len(texts) == 1 and len(texts[0]) > LONG


def _check_save(options: Namespace) -> None:
    """Make sure that the model is not saved over a text that it learns."""
    if options.save is None or options.force:
        return
    if any(_is_same_file(text, options.save) for text in options.texts):
        raise DataError(
            f"{options.save} is the text to learn, which --save would replace; choose another "
            "file, or replace it with --force"
        )


def _is_same_file(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):  # one of them is no file
        return False


def _read(argument: str) -> str:
    """Return the text in the file of this name, or the name itself if there is no such file."""
    try:
        kind = special_kind(os.stat(argument).st_mode)
    except (OSError, ValueError):  # as a text may be too long for a name, or hold a null
        return _long_enough(argument)
    if kind not in (None, "a named pipe"):
        raise DataError(
            f"expected a text or the name of a text file, got {quoted(argument)}, which is {kind}"
        )
    try:
        with open(argument, encoding="utf-8") as file:
            text = file.read(MOST + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"expected a text file in UTF-8 at {argument}, got: {error}") from None
    if len(text) > MOST:
        raise DataError(f"expected a text of {MOST:,} symbols at most, got more from {argument}")
    return _long_enough(text.rstrip("\n"))


def _long_enough(text: str) -> str:
    if len(text) < 2:
        raise DataError(
            "expected texts of at least two symbols (one to read, one to predict), got "
            f"{quoted(text)}"
        )
    return text


def _tell(model: ElmanCharModel, texts: list[str], history: History, *, as_json: bool) -> int:
    """Print what became of a training, and give the exit code."""
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
        print(f"{history.standing()}\n")
        print(fold(_verdict(texts, history, learnt, f"{right} of {scored}", loss)))
    if is_interrupted(history):
        return 130
    return 0 if learnt else 1


def _measure(model: ElmanCharModel, texts: list[str], history: History) -> tuple[float, float]:
    """The loss and the accuracy after training; of a long text, those of the last epoch."""
    if _is_long(texts) and history.loss:
        return history.loss[-1], history.accuracy[-1]
    loss, share = measure(model, Batch.from_texts(texts, model.vocab))
    return loss.item(), share.item()


def _verdict(texts: list[str], history: History, learnt: bool, right: str, loss: float) -> str:
    epochs = f"{len(history)} epochs"
    if learnt and len(texts) == 1:
        count = right.partition(" ")[0]
        return f"Memorised {describe(texts[0])!r}: all {count} next symbols ({epochs})."
    far = f"{loss:.4f} nats per symbol, {loss - history.baselines.full_past:.4f} from the optimum"
    if learnt:
        return f"Learnt {len(texts)} texts: {far} ({epochs})."
    short = f"Not memorised: {right} next symbols" if len(texts) == 1 else f"Not learnt: {far}"
    return f"{short} after {epochs}; try more --epochs or more --hidden units."


class _Changes:
    """Writes a line whenever what can be seen of the prediction has changed."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self.write, self.last = write, ""

    def __call__(self, row: Row) -> None:
        shown = "" if row.prediction is None else describe(row.prediction)
        if shown != self.last:
            self.last = shown
            self.write(f"epoch {row.epoch:4}  loss {row.loss:.4f}  {shown}")
