"""Read "hello" one symbol at a time and print the shapes."""

import torch

from seqtoys import ElmanCharModel, Vocab


def main() -> None:
    """Step through "hello", then check that the output is the hidden state."""
    vocab = Vocab("helo")
    model = ElmanCharModel(vocab, seed=0)
    hidden = model.initial_hidden(batch_size=1)  # (layers, batch, hidden)
    for symbol, index in zip("hello", vocab.encode("hello"), strict=True):
        logits, hidden = model.step(index.reshape(1), hidden)
        print(symbol, " logits", tuple(logits.shape), " hidden", tuple(hidden.shape))

    # Without a readout, the hidden state serves as the logits.
    print("output = hidden state:", torch.equal(logits, hidden[-1]))


if __name__ == "__main__":
    main()
