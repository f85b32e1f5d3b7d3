"""Whether a task has what is asked of it."""

from __future__ import annotations

from collections.abc import Sequence

from seqtoys.data.vocab import Vocab
from seqtoys.errors import OptionError, quoted
from seqtoys.support.amounts import check_length
from seqtoys.tasks.task import Task


def check_tested(task: Task, lengths: tuple[int, int], longer: Sequence[int]) -> None:
    """Make sure that a task has the lengths it is to be trained and tested on.

    Args:
        task: The task.
        lengths: The shortest and the longest to train on.
        longer: Lengths beyond those, to test on.

    Raises:
        OptionError: If it has none to train on, or lacks one to test on, or that is not longer.
    """
    shortest, longest = lengths
    if all(task.refusal(n) is not None for n in range(shortest, longest + 1)):
        raise OptionError(f"{task.name} has no sequence of {shortest} to {longest} symbols")
    for length in longer:
        check_length(length, "longer")
        if length <= longest:
            raise OptionError(f"expected longer lengths than {longest} to test on, got {length}")
        refusal = task.refusal(length)
        if refusal is not None:
            raise OptionError(f"{task.name} has no sequence of length {length}: {refusal}")


def check_vocab(task: Task, vocab: Vocab | None) -> None:
    """Make sure that a model reads and predicts the symbols of a task.

    Raises:
        OptionError: If its vocabulary is another one.
    """
    if vocab is not None and vocab != task.vocab:
        raise OptionError(
            f"expected a model over the vocabulary of {task.name}, {quoted(task.vocab)}, "
            f"got {quoted(vocab)}; "
            "build it with task.vocab"
        )
