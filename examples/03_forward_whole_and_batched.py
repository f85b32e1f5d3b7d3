"""Process whole sequences at once: one, then a batch of three."""

import torch

from seqtoys import ElmanCharModel, Vocab


def main() -> None:
    """Check that the last output is the final hidden state, for every sequence."""
    vocab = Vocab("helo")
    model = ElmanCharModel(vocab, seed=0)

    logits, hidden = model(vocab.encode_batch(["hello"]))
    print("one sequence:   logits", tuple(logits.shape), " hidden", tuple(hidden.shape))

    batch = vocab.encode_batch(["hello", "eolll", "lleel"])  # (batch, time)
    logits, hidden = model(batch)
    print("three at once:  logits", tuple(logits.shape), " hidden", tuple(hidden.shape))
    print("last output = final hidden:", torch.equal(logits[:, -1], hidden[-1]))

    time_first = ElmanCharModel(vocab, batch_first=False, seed=0)
    swapped, hidden = time_first(batch.T)  # (time, batch)
    print("time first:     logits", tuple(swapped.shape), " hidden", tuple(hidden.shape))
    print("the same numbers:", torch.allclose(swapped.transpose(0, 1), logits))


if __name__ == "__main__":
    main()
