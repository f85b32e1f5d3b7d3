"""TaskStream and TaskDataset under PyTorch's own DataLoader, with one process and with several."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, DistributedSampler

from seqtoys import Curriculum, TaskDataset, TaskStream, get_task
from seqtoys.errors import OptionError

pytestmark = pytest.mark.type_checked

PARITY = get_task("parity")
ErrorCheck = Callable[[Callable[[], object], type[Exception], str], None]


def hashed(batches: Iterable[Any]) -> list[tuple[bytes, bytes]]:
    return [(i.numpy().tobytes(), t.numpy().tobytes()) for i, t in batches]


@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
@pytest.mark.parametrize("workers", [0, 1, 2, 3])
def test_batches_do_not_depend_on_the_number_of_workers(workers: int) -> None:
    stream = TaskStream(PARITY, batch_size=8, seed=5)
    dataset = TaskDataset(PARITY, 7, batch_size=8, seed=5)
    options: Any = {"batch_size": None, "num_workers": workers, "generator": torch.Generator()}
    expected = hashed(islice(stream, 7))
    assert len(set(expected)) == 7
    assert hashed(islice(DataLoader(stream, **options), 7)) == expected
    assert hashed(DataLoader(dataset, **options)) == expected
    assert hashed(dataset[number] for number in range(7)) == expected


def test_seeds_give_different_batches() -> None:
    seeds = [0, 1, -1, 2**64 - 2]
    streams = {s: TaskStream(PARITY, batch_size=16, lengths=20, seed=s) for s in seeds}
    drawn = [batch for stream in streams.values() for batch in hashed(islice(stream, 20))]
    assert len(set(drawn)) == 80
    twin = pickle.loads(pickle.dumps(streams[-1]))
    assert hashed(islice(twin, 3)) == hashed(islice(streams[-1], 3))


def test_batches_follow_the_task() -> None:
    ones = torch.zeros(0)
    for inputs, targets in islice(TaskStream(PARITY, batch_size=64, lengths=(3, 5)), 40):
        assert inputs.shape == targets.shape
        assert inputs.shape[1] in (4, 5, 6)  # the input, and a blank
        bits, answers = inputs[:, :-1], targets[:, -1]
        assert torch.equal(bits.sum(1) % 2, answers)
        assert (targets[:, :-1] == -100).all()
        ones = torch.cat([ones, bits.flatten().float()])
    assert abs(ones.mean() - 0.5) < 5 * 0.5 / len(ones) ** 0.5
    assert TaskStream(PARITY)._draw(0)[0].shape[0] == 128


def test_distributed_processes_split_the_batches() -> None:
    dataset = TaskDataset(PARITY, 6, batch_size=8)
    parts = [
        DataLoader(
            dataset,
            batch_size=None,
            generator=torch.Generator(),
            sampler=DistributedSampler(dataset, num_replicas=2, rank=rank, shuffle=False),
        )
        for rank in (0, 1)
    ]
    received = [hashed(part) for part in parts]
    assert sorted(received[0] + received[1]) == sorted(hashed(map(dataset.__getitem__, range(6))))


def test_index_past_the_end_raises() -> None:
    dataset = TaskDataset(PARITY, 3)
    assert len(dataset) == 3
    assert hashed([dataset[-1]]) == hashed([dataset[2]])
    with pytest.raises(IndexError):
        dataset[3]


ERRORS: dict[str, tuple[Callable[[], object], str]] = {
    "batches": (
        lambda: TaskDataset(PARITY, 0),
        f"expected batches to be an integer from 1 to {10**15:,}, got 0",
    ),
    "size": (
        lambda: TaskStream(PARITY, batch_size=-1),
        "expected batch_size to be a positive integer, got -1",
    ),
    "length": (
        lambda: TaskStream(PARITY, lengths=0),
        "expected lengths to be a positive integer, got 0",
    ),
    "curriculum": (
        lambda: TaskStream(PARITY, lengths=Curriculum(9)),  # type: ignore[arg-type]
        "a DataLoader cannot be combined with a Curriculum: batches are generated ahead of "
        "training, before its accuracy is known; give one length, or (shortest, longest)",
    ),
    "seed": (
        lambda: TaskDataset(PARITY, 1, seed=2**70),
        f"expected seed to be an integer of at most 64 bits, got {2**70}",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_name_expected_and_actual_values(case: str, assert_error: ErrorCheck) -> None:
    call, message = ERRORS[case]
    assert_error(call, OptionError, message)
