"""pandas: the rows of a sweep as a table."""

from seqtoys import ElmanEnsemble, Vocab, sweep


def main() -> None:
    """Print the median loss for each number of hidden units."""
    result = sweep(
        ElmanEnsemble,
        "hihello",
        grid={"hidden_size": [2, 3, 5, 8]},
        seeds=range(20),
        vocab=Vocab("hielo"),
        epochs=60,
        lr=0.05,
    )
    table = result.to_dataframe()
    print(table.groupby("hidden_size").loss.median())


if __name__ == "__main__":
    main()
