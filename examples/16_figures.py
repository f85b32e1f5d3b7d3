"""Figures of trained networks, one call each: losses, states, accuracies, and a tree."""

import sys
from pathlib import Path
from tempfile import mkdtemp

from seqtoys import Curriculum, ElmanCharModel, ElmanEnsemble, Vocab, evaluate, fit, get_task
from seqtoys.inspection import mean_hidden_by_symbol
from seqtoys.plotting import (
    plot_accuracy_by_length,
    plot_dendrogram,
    plot_hidden,
    plot_loss,
    plot_loss_by_position,
    plot_probabilities,
    plot_solve_rate,
    plot_trajectory,
)
from seqtoys.results import Proportion

EPOCHS, SEEDS = [25, 50, 100], range(100)


def main(path: str | None = None) -> None:
    """Save the figures to the given folder or a new one, and print the file names."""
    folder = Path(path or mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)

    vocab = Vocab("hielo")
    model = ElmanCharModel(vocab, seed=777)
    history = fit(model, ("hihell", "ihello"), epochs=100, lr=0.05)
    trace = model.trace("hihell")
    seeds = fit(ElmanEnsemble(vocab, SEEDS), ("hihell", "ihello"), epochs=100, lr=0.05)
    solved = [(seeds.accuracy[epochs - 1] == 1).sum() for epochs in EPOCHS]
    rates = [[Proportion(int(count), len(SEEDS)) for count in solved]]

    task = get_task("sentences")
    speaker = ElmanCharModel(task.vocab, hidden_size=32)
    fit(speaker, task, epochs=150, batch_size=32, lr=0.01)
    parity = get_task("parity")
    counter, growing = ElmanCharModel(parity.vocab, hidden_size=32), Curriculum(longest=40)
    fit(counter, parity, epochs=600, lr=0.005, lengths=growing, clip_norm=1.0)

    figures = {
        "loss": plot_loss(history, answers=True),
        "loss_of_100_seeds": plot_loss(seeds),
        "loss_by_position": plot_loss_by_position(speaker, task.sample(1), task=task),
        "probabilities": plot_probabilities(trace, "ihello"),
        "hidden": plot_hidden(trace),
        "trajectory": plot_trajectory(trace),
        "accuracy_by_length": plot_accuracy_by_length(evaluate(counter, parity, count=100)),
        "solve_rate": plot_solve_rate(rates, ("learning rate", [0.05]), ("epochs", EPOCHS)),
        "dendrogram": plot_dendrogram(mean_hidden_by_symbol(speaker, task.sample(200))),
    }
    print(f"written to {folder}:", file=sys.stderr)
    for name, ax in figures.items():
        figure = ax.get_figure(root=True)
        assert figure is not None, "each Axes has a figure"
        figure.savefig(folder / f"{name}.png", dpi=150)
        print(f"{name}.png")


if __name__ == "__main__":
    main(*sys.argv[1:2])
