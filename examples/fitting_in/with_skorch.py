"""skorch: a network with the interface of scikit-learn."""

import torch
from skorch import NeuralNet
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from seqtoys import ElmanCharModel, get_task


class SequenceLoss(nn.Module):
    """The loss of a model that returns logits and a state."""

    def forward(self, output: tuple[Tensor, Tensor], targets: Tensor) -> Tensor:
        """Return the mean over all scored symbols."""
        return cross_entropy(output[0].flatten(0, 1), targets.flatten())


def main() -> None:
    """Train on 256 strings; print the loss of the first and of the last epoch."""
    task = get_task("reber")
    net = NeuralNet(
        ElmanCharModel,
        module__vocab=task.vocab,
        module__hidden_size=16,
        criterion=SequenceLoss,
        optimizer=torch.optim.Adam,
        lr=0.01,
        max_epochs=20,
        train_split=None,
        verbose=0,
    )
    strings = task.sample(256)
    net.fit(strings.inputs.numpy(), strings.targets.numpy())
    print("loss:", net.history[0, "train_loss"], "then", net.history[-1, "train_loss"])


if __name__ == "__main__":
    main()
