"""The addition task of Lan et al. (2022): two bits in, one bit of the sum out, low bit first."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.published.findings import Finding
from seqtoys import Batch, fit
from seqtoys.models.forward import loss_and_accuracy

UNITS, EPOCHS, LR = 4, 1000, 1e-3
TESTED = 250  # how many numbers to test on, starting two above the largest of training


class Adder(nn.Module):
    """The paper's network: it reads both bits as one vector, and outputs the logit of a 1.

    Args:
        seed: The seed of PyTorch's default initialization.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.rnn = nn.RNN(2, UNITS, batch_first=True)
            self.readout = nn.Linear(UNITS, 1)

    def forward(self, inputs: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time bits"]:
        """Compute logits for symbols 0 to 3, whose two bits are those of the two numbers."""
        bits = torch.stack([inputs % 2, inputs // 2], -1).float()  # (batch, time, 2)
        odds = self.readout(self.rnn(bits)[0])  # (batch, time, 1)
        return F.pad(odds, (1, 0))  # the logit of a 0 is 0


def write_sums(numbers: range) -> Batch:
    """Build a batch of all sums of two numbers.

    Args:
        numbers: The summands.
    """
    first, second = torch.cartesian_prod(*[torch.tensor(numbers)] * 2).unbind(1)
    width = math.ceil(math.log2(2 * numbers[-1])) + 1
    powers = 2 ** torch.arange(width)
    a, b, total = (x.unsqueeze(1) // powers % 2 for x in (first, second, first + second))
    return Batch(a + 2 * b, total)


def measure_addition(below: int, seed: int, published: float, accuracy: float) -> list[Finding]:
    """Train on all sums of numbers below a bound, and test on larger numbers.

    Args:
        below: The bound.
        seed: The seed of the weights.
        published: The paper's loss, in bits.
        accuracy: The paper's accuracy, in percent.
    """
    model = Adder(seed)
    history = fit(model, write_sums(range(below)), epochs=EPOCHS, lr=LR, progress=False)
    loss, right = loss_and_accuracy(model, write_sums(range(below + 1, below + 1 + TESTED)))
    settings = {"units": UNITS, "seed": seed, "numbers": below, "epochs": EPOCHS, "lr": LR}
    what = f"addition of numbers below {below}, {UNITS} units"
    bits, percent = loss.item() / math.log(2), 100 * right.item()
    return [
        Finding(what, bits, "bits", published, 0.0, seconds=history.seconds, settings=settings),
        Finding(f"{what}, bits right", percent, "%", accuracy, 100.0, settings=settings),
    ]
