"""Learned input vectors and a linear readout remove the lower bound on the loss."""

from functools import partial

from torch.optim.lr_scheduler import ReduceLROnPlateau

from seqtoys import ElmanCharModel, Vocab, fit


def main() -> None:
    """Train the larger network, then again with a learning rate that drops on a plateau."""
    vocab = Vocab("hielo")
    model = ElmanCharModel(vocab, hidden_size=5, embedding_size=10, seed=777)
    print(fit(model, ("hihell", "ihello"), epochs=100, lr=0.1))

    print("\nA learning rate of 0.5 is too high; halve it after 5 epochs without improvement:")
    plateau = partial(ReduceLROnPlateau, factor=0.5, patience=5)
    for name, scheduler in [("constant", None), ("on plateau", plateau)]:
        model = ElmanCharModel(vocab, hidden_size=5, embedding_size=10, seed=777)
        history = fit(model, ("hihell", "ihello"), lr=0.5, scheduler=scheduler)
        print(f"{name:10}  lr {history.lr[0]} -> {history.lr[-1]}  loss {history.loss[-1]:.4f}")


if __name__ == "__main__":
    main()
