"""`fit` on "hihell" → "ihello", against the notebook's two hand-written loops."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import peers
from benchmarks.timing import Row, compare, share_of_time, take_turns
from seqtoys import ElmanCharModel, Vocab, fit

DATA = ("hihell", "ihello")
EPOCHS = 100
CLAIMS = {
    "whole": share_of_time("whole sequence, against the loop by hand", 0.30),
    "stepwise": share_of_time("stepwise, against the stepwise loop", 0.60),
}


def measure(threads: int, quick: bool) -> list[Row]:
    """Time 100 epochs of each."""
    contestants = {
        "whole": _whole,
        "whole by hand": lambda: _by_hand(peers.learn_whole),
        "stepwise": _stepwise,
        "stepwise by hand": lambda: _by_hand(peers.learn_stepwise),
    }
    seconds = take_turns(contestants, repeats=3 if quick else 21)
    return [
        compare(claim, seconds[name], seconds[f"{name} by hand"]) for name, claim in CLAIMS.items()
    ]


def _whole() -> Callable[[], object]:
    model = ElmanCharModel(Vocab(peers.SYMBOLS), seed=777)
    return lambda: fit(model, DATA, epochs=EPOCHS, lr=0.05, progress=False).predictions


def _stepwise() -> Callable[[], object]:
    model = ElmanCharModel(Vocab(peers.SYMBOLS), seed=777)
    return lambda: (
        fit(model, DATA, epochs=EPOCHS, lr=0.005, stepwise=True, progress=False).predictions
    )


def _by_hand(learn: Callable[..., object]) -> Callable[[], object]:
    rnn = peers.make_rnn()
    return lambda: learn(rnn, EPOCHS)
