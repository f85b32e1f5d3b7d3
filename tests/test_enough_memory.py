"""Too little memory raises a library error at once; other errors are not converted."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from seqtoys import (
    AnswerTask,
    Batch,
    ElmanCharModel,
    ElmanEnsemble,
    TaskDataset,
    Vocab,
    evaluate,
    fit,
    generate,
    get_task,
)
from seqtoys.errors import OptionError
from seqtoys.support.memory import EnoughMemory, check_room, physical_memory

VOCAB = Vocab("hielo")
MODEL = ElmanCharModel(VOCAB)
ENSEMBLE = ElmanEnsemble(VOCAB, [1, 2])
PARITY = get_task("parity")
LEARNER = ElmanCharModel(PARITY.vocab)

OUT_OF_MEMORY: dict[str, Callable[[], object]] = {
    "PyTorch": lambda: torch.zeros(2**50),
    "PyTorch, beyond the address space": lambda: torch.zeros(2**62, 2**62),
    "PyTorch, beyond 64 bits": lambda: torch.zeros(10**30),
    "PyTorch, random integers": lambda: torch.randint(5, (2**50,)),
    "NumPy": lambda: np.zeros(2**50),
    "NumPy, beyond the address space": lambda: np.zeros(2**62),
    "NumPy, beyond 64 bits": lambda: np.zeros(2**63),
    "Python": lambda: [0] * 10**13,
    "Python, beyond 64 bits": lambda: [0] * 2**63,
    "a GPU": partial(
        exec, "raise torch.OutOfMemoryError('CUDA out of memory.')", {"torch": torch}
    ),
}


@pytest.mark.parametrize("case", OUT_OF_MEMORY)
def test_lack_of_memory_raises_option_error(case: str) -> None:
    with pytest.raises(OptionError, match=r"^not enough memory") as caught, EnoughMemory():
        OUT_OF_MEMORY[case]()
    assert caught.value.__cause__ is not None
    assert "\n" not in str(caught.value)


OTHERS = [
    RuntimeError("cannot fit the sofa"),
    ValueError("overflow"),
    RuntimeError("my allocation failed"),
    OverflowError("math range error"),
    TypeError("the array is too big; "),
    OptionError("expected a smaller sofa"),
    KeyboardInterrupt(),
]


class FailingTask(AnswerTask):
    """A task whose draw_inputs raises the given error."""

    name, level, vocab, lengths = "sofa", "regular", Vocab("01="), (1, 9)

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def draw_inputs(self, batch_size: int, length: int, generator: torch.Generator) -> Any:
        raise self.error

    def answer(self, inputs: Any) -> Any:
        return inputs


@pytest.mark.parametrize("error", OTHERS, ids=str)
def test_errors_of_a_user_defined_task_propagate(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        FailingTask(error).sample(3, length=4)
    assert caught.value is error
    assert error.__cause__ is None


def wide(rows: int, width: int) -> Batch:
    symbols = torch.zeros(rows, width, dtype=torch.int64)
    return Batch(symbols, symbols)


HUGE: dict[str, Callable[[], object]] = {
    "a batch": lambda: PARITY.sample(10**12),
    "a batch, just too large": lambda: PARITY.sample(int(physical_memory()) // 16 + 1),
    "a batch of a length": lambda: PARITY.sample(10**9, length=1000),
    "a split": lambda: PARITY.held_out(0.3)[0].sample(10**12),
    "an evaluation": lambda: evaluate(LEARNER, PARITY, count=10**12),
    "an evaluation of other sequences": lambda: evaluate(
        LEARNER, PARITY, count=10**12, seen=PARITY.sample(3)
    ),
    "a training": lambda: fit(LEARNER, PARITY, batch_size=10**12, epochs=1),
    "a dataset": lambda: TaskDataset(PARITY, 3, batch_size=10**12)[0],
    "a state": lambda: MODEL.initial_hidden(10**12),
    "states": lambda: ENSEMBLE.initial_hidden(10**12),
    "texts": lambda: generate(MODEL, "h", 9, num=10**12),
    "texts of an ensemble": lambda: generate(ENSEMBLE, "h", 9, num=10**12),
    "a network": lambda: ElmanCharModel(VOCAB, hidden_size=10**7),
    "layers": lambda: ElmanCharModel(VOCAB, num_layers=10**12),
    "networks": lambda: ElmanEnsemble(VOCAB, [1, 2], hidden_size=10**7),
    "seeds": lambda: ElmanEnsemble(VOCAB, range(10**12)),
    "seeds beyond 64 bits": lambda: ElmanEnsemble(VOCAB, range(10**30)),
    "one-hot vectors": lambda: Vocab(map(chr, range(10**5))).one_hot(
        torch.zeros(10**6, dtype=torch.int64)
    ),
    "texts of very unequal lengths": lambda: VOCAB.encode_batch(["h"] * 10**5 + ["h" * 10**7]),
    "batches of very unequal lengths": lambda: Batch.join([wide(1, 10**6), wide(2 * 10**6, 1)]),
    "a repeated batch": lambda: Batch(
        torch.ones(1, 1, dtype=torch.int64),
        torch.ones(1, 1, dtype=torch.int64),
        counts=torch.tensor([10**12]),
    ).repeated(),
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("case", HUGE)
def test_impossible_sizes_raise_at_once(case: str) -> None:
    start = time.process_time()  # other processes may be running, too
    with pytest.raises(OptionError, match=r"^not enough memory"):
        HUGE[case]()
    assert time.process_time() - start < 5


def test_memory_is_checked_where_the_system_reports_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("seqtoys.support.memory.physical_memory", lambda: 16e9)
    check_room("batches", 16, 10**9)
    message = r"^not enough memory for 17 batches: they need 17 GB, and this machine has 16 GB$"
    with pytest.raises(OptionError, match=message):
        check_room("batches", 17, 10**9)
    with pytest.raises(
        OptionError, match=r"for about 10\^5000 batches: they need about 10\^5000 GB"
    ):
        check_room("batches", 10**5000, 10**9)
    monkeypatch.undo()
    monkeypatch.delattr("os.sysconf")  # as on Windows
    physical_memory.cache_clear()
    try:
        assert physical_memory() == math.inf
        check_room("batches", 10**30, 10**30)
    finally:
        physical_memory.cache_clear()
