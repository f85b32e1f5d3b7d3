"""A task of your own: draw its automaton, and the exact optimum comes for free."""

from seqtoys import Automaton, ElmanCharModel, evaluate, fit

# A vending machine: a coin (c), then tea (t) or coffee (k); after coffee perhaps milk (m), thanks.
MACHINE = {
    "idle": [("c", "paid", 1.0)],
    "paid": [("t", "served", 0.5), ("k", "coffee", 0.5)],
    "coffee": [("m", "served", 0.25), (".", "end", 0.75)],
    "served": [(".", "end", 1.0)],
    "end": [],
}


def main() -> None:
    """Print what the graph alone tells, then how near a network comes."""
    task = Automaton(MACHINE, start="idle", name="vending machine")
    print(task.sample(2).show(task.vocab))
    print(f"\noptimum {task.optimum:.4f} nats per scored symbol, without memory {task.memoryless}")
    print(f"a string has {task.expected_length:.2f} symbols; after 'ck' may come", end=" ")
    print(sorted(task.legal("ck")))

    model = ElmanCharModel(task.vocab, hidden_size=8, seed=0)
    fit(model, task, epochs=500, lr=0.02)
    print(evaluate(model, task))


if __name__ == "__main__":
    main()
