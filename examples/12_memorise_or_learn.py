"""Memorize or learn? Parity of 100 fixed strings, and parity of strings that never repeat."""

from seqtoys import Curriculum, ElmanCharModel, evaluate, fit, get_task


def main() -> None:
    """Train one network on a fixed batch, another on fresh batches, and compare them."""
    task = get_task("parity")

    shown = task.sample(100, length=12)
    memoriser = ElmanCharModel(task.vocab, hidden_size=32, seed=0)
    fit(memoriser, shown, epochs=3000, lr=0.01, until="solved")
    print(evaluate(memoriser, task, seen=shown, longer=[50, 100]))

    training, _ = task.held_out(0.1)
    learner = ElmanCharModel(task.vocab, hidden_size=32, seed=0)
    fit(learner, training, epochs=1000, lr=0.005, lengths=Curriculum(longest=40), clip_norm=1.0)
    print()
    print(evaluate(learner, training, longer=[50, 100, 500]))


if __name__ == "__main__":
    main()
