"""Learn the Reber grammar down to its optimum, then check generated strings."""

from seqtoys import ElmanCharModel, evaluate, fit, generate
from seqtoys.tasks.reber import reber


def main() -> None:
    """Train for seconds, measure the excess, and count the grammatical strings."""
    task = reber()
    model = ElmanCharModel(task.vocab, hidden_size=15, seed=0)
    before = written(model)
    history = fit(model, task, epochs=800, batch_size=64, lr=0.01)
    print(history)
    print(evaluate(model, task))

    print(f"\nof 200 generated strings, the grammar accepts {accepted(before)} before training")
    after = written(model)
    print(f"and {accepted(after)} after it; the first of them: {' '.join(after[:6])}")


def written(model: ElmanCharModel) -> list[str]:
    """Generate 200 strings, each from the start symbol B to the first E."""
    return [f"B{text}" for text in generate(model, "B", 50, num=200, stop="E")]


def accepted(texts: list[str]) -> int:
    """Count the grammatical strings."""
    task = reber()
    return sum(task.accepts(text) for text in texts)


if __name__ == "__main__":
    main()
