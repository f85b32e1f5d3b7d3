"""The model without memory that the scores of the score card begin from."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqtoys.support.randomness import generator_for
from seqtoys.tasks.task import Task

# The sample that proportions are counted in; batches are many, as each may have one length.
BATCHES, SEQUENCES = 400, 64


class Memoryless(nn.Module):
    """A model that knows how often each symbol is the target at each input symbol, and no more.

    It is what an embedding with a linear readout would learn from unlimited training data.

    Args:
        counts: How often each target occurred at each input symbol.

    Examples:
        >>> model = Memoryless(torch.tensor([[3, 1], [0, 0]]))
        >>> model(torch.tensor([[0]])).softmax(-1)
        tensor([[[0.7000, 0.3000]]], dtype=torch.float64)
    """

    def __init__(self, counts: Int[Tensor, "vocab vocab"]) -> None:
        super().__init__()
        # A pair that the sample lacks may still occur, and must not have an infinite loss.
        smoothed = counts.double() + 0.5
        self.logits: Float[Tensor, "vocab vocab"]
        self.register_buffer("logits", (smoothed / smoothed.sum(1, keepdim=True)).log())

    def forward(self, inputs: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time vocab"]:
        """Return the logarithm of the proportions at each input symbol."""
        return self.logits[inputs]


def make_memoryless(task: Task) -> Memoryless:
    """Return the best model without memory for the training lengths of a task.

    At greater lengths, the proportions may differ, so that another model without memory could be
    better there; but no model can learn them from shorter sequences.

    Args:
        task: The task.

    Examples:
        >>> from seqtoys import evaluate, get_task
        >>> task = get_task("anbn")
        >>> score = evaluate(make_memoryless(task), task, count=500)
        >>> abs(score.seen.loss - task.memoryless) < 3 * score.seen.loss.standard_error
        True
    """
    size = len(task.vocab)
    counts = torch.zeros(size * size, dtype=torch.int64, device="cpu")
    generator = generator_for("baselines")
    for _ in range(BATCHES):
        batch = task.sample(SEQUENCES, generator=generator)
        pairs = batch.inputs[batch.scored] * size + batch.targets[batch.scored]  # (scored,)
        counts += pairs.bincount(minlength=size * size)
    return Memoryless(counts.view(size, size))
