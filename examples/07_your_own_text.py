"""Train on your own texts, some of them held out: memorizing is not learning."""

from seqtoys import ElmanCharModel, Vocab, fit

PROVERBS = [
    "a stitch in time saves nine",
    "practice makes perfect",
    "still waters run deep",
    "the early bird catches the worm",
    "actions speak louder than words",
    "every cloud has a silver lining",
    "better late than never",
    "fortune favours the bold",
    "honesty is the best policy",
    "two wrongs do not make a right",
]


def main() -> None:
    """Train on eight proverbs and test on the two that are held out."""
    vocab = Vocab.from_text(*PROVERBS)
    model = ElmanCharModel(vocab, hidden_size=64, seed=0)
    history = fit(model, PROVERBS, epochs=500, lr=0.01, validation=0.2, until="solved")
    print(history)

    seen = next(row for row in range(len(PROVERBS)) if row not in history.held_out)
    for kind, row in [("trained on", seen), *(("held out", row) for row in history.held_out)]:
        text = PROVERBS[row]
        print(f"\n{kind}:  {text[1:]}")
        print(f"predicted:   {model.predict(text[:-1])}")

    print(
        f"\nIt memorized: {history.accuracy[-1]:.0%} correct on the symbols it was trained on, "
        f"{history.validation_accuracy[-1]:.0%} on the held-out ones."
    )


if __name__ == "__main__":
    main()
