"""Learn the Reber grammar down to its optimum, then write strings and ask the grammar."""

from seqtoys import ElmanCharModel, evaluate, fit, generate
from seqtoys.tasks.reber import reber


def main() -> None:
    """Train for seconds, measure the distance to the optimum, and count what is grammatical."""
    task = reber()
    model = ElmanCharModel(task.vocab, hidden_size=15, seed=0)
    before = written(model)
    history = fit(model, task, epochs=1500, batch_size=64, lr=0.01)
    print(history)
    print(evaluate(model, task))

    print(f"\nof 200 strings it wrote, the grammar accepts {accepted(before)} before training,")
    after = written(model)
    print(f"{accepted(after)} after; the first of them: {' '.join(after[:6])}")


def written(model: ElmanCharModel) -> list[str]:
    """Let it write 200 strings, each from the first symbol B to the first end E."""
    return [f"B{text}" for text in generate(model, "B", 50, num=200, stop="E")]


def accepted(texts: list[str]) -> int:
    """Count the strings of the grammar."""
    task = reber()
    return sum(task.accepts(text) for text in texts)


if __name__ == "__main__":
    main()
