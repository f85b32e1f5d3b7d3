"""Dask: a sweep on the workers of a cluster."""

from concurrent.futures import Executor

from dask.distributed import Client, LocalCluster

from seqtoys import ElmanEnsemble, Vocab, sweep
from seqtoys.results import SweepResult


def run(executor: Executor | None = None) -> SweepResult:
    """Run the sweep, by default in this process."""
    return sweep(
        ElmanEnsemble,
        "hihello",
        grid={"lr": [0.02, 0.05], "hidden_size": [3, 5]},
        seeds=range(20),
        vocab=Vocab("hielo"),
        epochs=60,
        executor=executor,
    )


def main() -> None:
    """Run the same sweep in this process and on two workers."""
    here = run()
    workers = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with (
        LocalCluster(**workers) as cluster,
        Client(cluster) as client,
        client.get_executor() as executor,
    ):
        there = run(executor)
    print(f"{len(there)} rows, solved: {there.solve_rate}")
    print("the same numbers:", there.rows == here.rows)


if __name__ == "__main__":
    main()
