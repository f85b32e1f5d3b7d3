"""How often is it learned? A sweep on two cores, with its results stored in a file."""

import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from seqtoys import ElmanEnsemble, get_task, sweep


def main() -> None:
    """Run the sweep in two processes, then load it from the file."""
    rates = [0.01, 0.03]
    folder, pool = tempfile.TemporaryDirectory(), ProcessPoolExecutor(2)
    with folder, pool:
        for _ in range(2):  # the second time, all rows are in the file
            result = sweep(
                ElmanEnsemble,
                get_task("reber"),
                grid={"lr": rates, "hidden_size": [4, 16]},
                seeds=range(10),
                epochs=120,
                batch_size=32,
                goal=0.05,  # nats above the optimum
                executor=pool,
                path=Path(folder.name) / "rows.jsonl",
            )
    print(result)
    for lr in rates:
        print(f"lr {lr}: solved {result.where(lr=lr).solve_rate}")


if __name__ == "__main__":
    main()
