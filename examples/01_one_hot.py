"""Symbols as numbers: indices, one-hot vectors, and back."""

from seqtoys import Vocab


def main() -> None:
    """Encode "hihell" the way the original notebook does."""
    vocab = Vocab.from_text("hihello")  # the distinct characters, in order of first appearance
    print(vocab, "with", len(vocab), "symbols")
    print("hihell as indices:", vocab.encode("hihell").tolist())
    print("hihell as one-hot vectors, a row per symbol:")
    print(vocab.one_hot("hihell").int())
    print("and back:", vocab.decode(vocab.encode("hihell")))


if __name__ == "__main__":
    main()
