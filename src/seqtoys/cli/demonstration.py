"""The introductory example, which runs without a command."""

from __future__ import annotations

from argparse import Namespace

from seqtoys import ElmanCharModel, Vocab, fit
from seqtoys.cli.terminal import Changes
from seqtoys.cli.training import is_interrupted

NEXT = """\
Next: python -m seqtoys learn "a text of your own"
      python -m seqtoys tasks"""


def run(_: Namespace) -> int:
    """Let five units learn to answer "hihell" with "ihello"."""
    print('An Elman network of 5 units learns to answer "hihell" with "ihello" (seed 777).\n')
    model = ElmanCharModel(Vocab("hielo"), seed=777)
    history = fit(model, "hihello", epochs=100, lr=0.05, on_epoch=Changes(print))
    print(f"\n{model.trace('hihell')}\n\n{history.loss_context()}")
    if is_interrupted(history):
        return 130
    print(f"\nMemorized 'hihello': all 6 next symbols ({len(history)} epochs).\n\n{NEXT}")
    return 0
