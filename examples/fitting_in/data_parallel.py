"""Two processes train one model; start with torchrun --nproc-per-node 2 (otherwise, one does)."""

import os

import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from seqtoys import ElmanCharModel, fit, get_task


def main() -> None:
    """Train each process on part of a batch; compare with one process on the whole batch."""
    if "RANK" not in os.environ:  # not started by torchrun
        os.environ.update(RANK="0", WORLD_SIZE="1", MASTER_ADDR="localhost", MASTER_PORT="0")
    distributed.init_process_group("gloo")
    rank, processes = distributed.get_rank(), distributed.get_world_size()
    task = get_task("parity")
    batch = task.sample(64, length=6)
    share = batch.take(torch.arange(rank, len(batch), processes))

    model = ElmanCharModel(task.vocab, hidden_size=8)
    fit(DistributedDataParallel(model), share, vocab=task.vocab, epochs=50)

    alone = ElmanCharModel(task.vocab, hidden_size=8)
    fit(alone, batch, epochs=50)
    pairs = zip(model.parameters(), alone.parameters(), strict=True)
    differences = [(a - b).detach().abs().max() for a, b in pairs]
    difference = torch.stack(differences).max()
    distributed.all_reduce(difference, distributed.ReduceOp.MAX)
    if rank == 0:
        print(f"{processes} processes: within {difference:.0e} of a single process")
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
