"""Memorize "hihell" -> "ihello" with the whole sequence at once."""

from seqtoys import ElmanCharModel, Vocab, fit


def main() -> None:
    """Train, then compare the loss with its lower bound under tanh."""
    model = ElmanCharModel(Vocab("hielo"), seed=777)
    history = fit(model, ("hihell", "ihello"), epochs=100, lr=0.05)
    print(history)
    print()
    print(model.trace("hihell"))


if __name__ == "__main__":
    main()
