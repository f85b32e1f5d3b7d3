"""Was it luck? The notebook's recipe with a thousand seeds instead of one."""

from seqtoys import ElmanEnsemble, Vocab, fit

VOCAB = Vocab("hielo")
PAIR = ("hihell", "ihello")
SEEDS = range(1000)


def main() -> None:
    """Train 1,000 networks with each readout, then vary the learning rate and the epochs."""
    for name, hidden_size in [("the state as logits", None), ("a linear readout", 5)]:
        history = fit(ElmanEnsemble(VOCAB, SEEDS, hidden_size=hidden_size), PAIR, lr=0.05)
        print(f"--- {name}\n{history}")
        failed = (~history.solved).nonzero().flatten().tolist()
        for seed in failed[:3]:
            print(f"seed {seed} ends with {history[seed].predictions[-1]}")
        print()

    epochs = [25, 50, 100, 200]
    print("proportion of seeds that memorized it, with the state as logits")
    print("       lr " + "".join(f"{count:>6}" for count in epochs) + "  epochs")
    for lr in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2):
        history = fit(ElmanEnsemble(VOCAB, SEEDS), PAIR, epochs=max(epochs), lr=lr)
        rates = [(history.accuracy[count - 1] == 1).double().mean().item() for count in epochs]
        print(f"{lr:9} " + "".join(f"{rate:6.0%}" for rate in rates))


if __name__ == "__main__":
    main()
