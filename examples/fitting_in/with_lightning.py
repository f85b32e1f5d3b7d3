"""Lightning: a network trained by its Trainer."""

import logging

import lightning
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

from seqtoys import ElmanCharModel, TaskStream, evaluate, get_task

logging.getLogger("lightning.pytorch").setLevel("ERROR")


class NextSymbol(lightning.LightningModule):
    """A network, its loss and its optimizer."""

    def __init__(self, model: ElmanCharModel) -> None:
        super().__init__()
        self.model = model

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        inputs, targets = batch
        logits, _ = self.model(inputs)
        return cross_entropy(logits.flatten(0, 1), targets.flatten())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Create the optimizer."""
        return torch.optim.Adam(self.parameters(), lr=0.01)


def main() -> None:
    """Train on 100 batches; compare with the optimum before and after."""
    task = get_task("reber")
    learner = NextSymbol(ElmanCharModel(task.vocab, hidden_size=16))
    print("nats above the optimum, before:", evaluate(learner.model, task).seen.excess)

    trainer = lightning.Trainer(
        max_steps=100,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    stream = TaskStream(task, batch_size=32, seed=1)
    trainer.fit(learner, DataLoader(stream, batch_size=None))
    print("nats above the optimum, after:", evaluate(learner.model, task).seen.excess)


if __name__ == "__main__":
    main()
