"""Your own model: an `nn.GRU` on the same task, with the same report."""

import torch
from torch import Tensor, nn

from seqtoys import ElmanCharModel, Vocab, evaluate, fit, get_task


class GRU(nn.Module):
    """Any module works that maps indices `(batch, time)` to logits `(batch, time, vocab)`."""

    def __init__(self, vocab: Vocab, units: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(len(vocab), units)
        self.gru = nn.GRU(units, units, batch_first=True)
        self.readout = nn.Linear(units, len(vocab))

    def forward(self, inputs: Tensor) -> Tensor:
        """Compute the logits after each symbol."""
        states, _ = self.gru(self.embedding(inputs))  # (batch, time, units)
        logits: Tensor = self.readout(states)  # (batch, time, vocab)
        return logits


def main() -> None:
    """Train a GRU and an Elman network on the embedded Reber grammar, and evaluate both."""
    task = get_task("embedded_reber")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        gru = GRU(task.vocab, units=15)
    elman = ElmanCharModel(task.vocab, hidden_size=15, seed=0)
    for name, model in {"GRU": gru, "Elman network": elman}.items():
        fit(model, task, epochs=500, batch_size=64, lr=0.01)
        print(f"--- {name}\n{evaluate(model, task, longer=[])}\n")


if __name__ == "__main__":
    main()
