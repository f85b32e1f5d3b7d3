"""Memorize "hihell" -> "ihello" one symbol at a time."""

from seqtoys import ElmanCharModel, Vocab, fit


def main() -> None:
    """Feed one symbol after another, sum the losses, and update once per epoch."""
    model = ElmanCharModel(Vocab("hielo"), seed=777)
    history = fit(model, ("hihell", "ihello"), stepwise=True, lr=0.005, report_every=20)
    print()
    print(f"summed over the 6 symbols: {6 * history.loss[0]:.3f} -> {6 * history.loss[-1]:.3f}")
    print("predicted:", model.predict("hihell"))


if __name__ == "__main__":
    main()
