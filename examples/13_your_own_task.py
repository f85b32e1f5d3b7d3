"""Your own task: define an automaton and get its exact optimum for free."""

from seqtoys import Automaton, ElmanCharModel, evaluate, fit

# A vending machine: tea (t) for one coin (c), coffee (k) for two, with or without milk (m).
MACHINE = {
    "idle": [("c", "one coin", 1.0)],
    "one coin": [("t", "served", 0.5), ("c", "two coins", 0.5)],
    "two coins": [("k", "coffee", 1.0)],
    "coffee": [("m", "served", 0.25), (".", "end", 0.75)],
    "served": [(".", "end", 1.0)],
    "end": [],
}


def main() -> None:
    """Print what follows from the graph alone, then how close a network gets."""
    task = Automaton(MACHINE, start="idle", name="vending machine")
    print(task.sample(4).show(task.vocab))
    print(f"\noptimum {task.optimum:.4f} nats per scored symbol, without memory {task.memoryless}")
    print(f"mean length {task.expected_length:.2f} symbols; legal after 'cck':", end=" ")
    print(sorted(task.legal("cck")))

    model = ElmanCharModel(task.vocab, hidden_size=8, seed=0)
    fit(model, task, epochs=500, lr=0.02)
    print(evaluate(model, task))


if __name__ == "__main__":
    main()
