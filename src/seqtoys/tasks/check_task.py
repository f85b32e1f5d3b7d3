"""check_task: find the usual mistakes in your own task."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from seqtoys.data.batch import Batch, check_range
from seqtoys.data.vocab import Vocab
from seqtoys.errors import DataError, IndexRangeError, InputTypeError, OptionError, quoted
from seqtoys.support.annotations import described
from seqtoys.support.arguments import check_fields, checked, listed
from seqtoys.support.digest import brief
from seqtoys.support.randomness import generator_for, seeded_generator
from seqtoys.support.rng_state import globally_seeded
from seqtoys.support.tables import text_table
from seqtoys.support.uncertainty import Estimate, as_estimate
from seqtoys.support.values import check_count, check_lengths, to_real
from seqtoys.support.words import counted
from seqtoys.tasks.answers import AnswerTask
from seqtoys.tasks.counts import estimate_chance, estimate_mean, estimate_memoryless
from seqtoys.tasks.task import Task, TaskSplit
from seqtoys.tasks.task_checks import check_tested

DECLARED: dict[str, Any] = {"name": str, "level": str | None, "vocab": Vocab}
STATED = ("optimum", "memoryless", "chance")
FEWEST = 1000  # sequences to compare the numbers with
GROUPS = 320  # batches, whose spread gives the standard errors
ROWS = 64  # sequences to compare between seeds
VARYING = 8  # sequences that must differ in a symbol: two seeds hardly agree on them by chance
ERRORS = 5  # standard errors by which a stated number may differ
ROUNDING = 1e-5
RARE = 5  # sequences that may be missing from a sample by chance


@dataclass(frozen=True, repr=False)
class TaskCheck:
    """What `check_task` has measured; printing it shows a table.

    Attributes:
        task: The name of the task.
        sequences: The number of sequences that the numbers were compared with.
        stated: The optimum, the memoryless loss and the chance accuracy of the task.
        measured: The same numbers from the sequences, with their standard errors.
        positions: The number of positions of the shortest, longest and longer lengths.

    Examples:
        >>> from seqtoys import check_task, get_task
        >>> found = check_task(get_task("copy"))
        >>> found.measured["optimum"], found.stated["chance"]
        (Estimate(0.0, 0.0), Estimate(0.125, 0.0))
    """

    task: str
    sequences: int
    stated: dict[str, Estimate]
    measured: dict[str, Estimate]
    positions: dict[int, int]

    def __post_init__(self) -> None:
        check_fields(self)

    def __str__(self) -> str:
        rows = [[name, str(self.stated[name]), str(self.measured[name])] for name in self.stated]
        table = text_table(["", "stated", "measured"], rows)
        widths = ", ".join(f"{count} at length {n}" for n, count in self.positions.items())
        return f"{self._title()}\n\n{table}\n\npositions: {widths}"

    def __repr__(self) -> str:
        return f"TaskCheck({self._title()})"

    def _title(self) -> str:
        return f"{self.task}: no mistakes found in {self.sequences:,} sequences"


@checked
def check_task(task: Task, *, count: int = 10_000) -> TaskCheck:
    """Check your own task for the usual mistakes.

    It checks that

    - the required attributes are there, and `lengths` and `longer` are possible;
    - `draw` returns as many sequences as requested, of the requested length, with symbols of the
      vocabulary, and every sequence is scored;
    - the same seed gives the same sequences and another seed different ones, and the global random
      states are neither used nor changed;
    - the answer of an `AnswerTask` depends only on the input;
    - the optimum, the memoryless loss and the chance accuracy agree with many sequences, within
      five standard errors.

    Args:
        task: The task.
        count: The number of sequences to compare the numbers with, at least 1,000.

    Returns:
        The stated and measured numbers.

    Raises:
        DataError: If there are mistakes; the message lists them. Exceptions from the code of the
            task itself pass through.
        OptionError: If `count` is too low.

    Examples:
        >>> from seqtoys import get_task
        >>> print(check_task(get_task("reverse_string")))
        reverse_string: no mistakes found in 10,240 sequences
        <BLANKLINE>
                    stated  measured
        optimum     0.0000  0.0000
        memoryless  0.6931  0.6931 ± 0.0000
        chance      0.5000  0.5002 ± 0.0012
        <BLANKLINE>
        positions: 2 at length 1, 80 at length 40, 82 at length 41, ...
    """
    count = check_count("count", count, FEWEST)
    if isinstance(task, TaskSplit):
        raise OptionError(
            f"expected a whole task, got {quoted(task.name)}, one part of a split; pass "
            "task.whole instead"
        )
    with globally_seeded(0):  # restores the states that a wrong task changes
        # Each group of checks relies on the ones before it.
        _raise_if_any(task, _wrong_attributes(task))
        _raise_if_any(task, _wrong_lengths(task))
        lengths = _tried_lengths(task)
        _raise_if_any(task, _wrong_batches(task, lengths))
        _raise_if_any(task, _wrong_randomness(task, lengths[1]))
        _raise_if_any(task, _not_numbers(task))
        found = _measure(task, count)
        _raise_if_any(task, _wrong_numbers(found))
    return found


def _raise_if_any(task: Task, found: Iterator[str]) -> None:
    lines = list(dict.fromkeys(found))
    if lines:
        name = getattr(task, "name", type(task).__name__)
        mistakes = counted(len(lines), "mistake")
        raise DataError("\n- ".join([f"the task {name} has {mistakes}:", *lines]))


def _wrong_attributes(task: Task) -> Iterator[str]:
    """Yield attributes that are missing or have the wrong type."""
    for name, kind in DECLARED.items():
        if not isinstance(value := getattr(task, name, None), kind):
            yield f"{name}: expected a {getattr(kind, '__name__', kind)}, got {described(value)}"


def _not_numbers(task: Task) -> Iterator[str]:
    """Yield baselines that are not numbers."""
    for name in STATED:
        if to_real(value := getattr(task, name)) is None:
            hint = "; add @property above its definition" * callable(value)
            yield f"{name}: expected a number, got {described(value)}{hint}"


def _wrong_lengths(task: Task) -> Iterator[str]:
    """Yield training or test lengths that are impossible."""
    try:
        longer = listed("longer", task.longer)
        check_tested(task, check_lengths(getattr(task, "lengths", None)), longer)
    except (OptionError, InputTypeError) as error:
        yield f"lengths and longer: {error}"


def _tried_lengths(task: Task) -> list[int]:
    """Return the shortest and longest possible training length, and the longer ones."""
    possible = task.possible_lengths(task.lengths)
    return [possible[0], possible[-1], *task.longer]


def _wrong_batches(task: Task, lengths: list[int]) -> Iterator[str]:
    """Yield faults of single batches, and whether `draw` ignores the length."""
    generator = seeded_generator(0)
    positions = {}
    for length in (None, *lengths):
        for size in (1, 7):
            batch = task.sample(size, length=length, generator=generator)
            where = f"draw(batch_size={size}, length={length})"
            yield from (f"{where}: {fault}" for fault in _faults(task, batch, size, length))
        positions[length] = int(batch.count_symbols().max())
    if (
        len(lengths := list(dict.fromkeys(lengths))) > 1
        and len({positions[n] for n in lengths}) == 1
    ):
        yield (
            f"draw ignores its length: sequences of length {lengths[0]} and {lengths[-1]} both "
            f"have {positions[lengths[0]]} positions"
        )


def _faults(task: Task, batch: Batch, size: int, length: int | None) -> Iterator[str]:
    """Yield the faults of one batch."""
    if len(batch) != size:
        yield f"expected {size} sequences, got {len(batch)}"
    try:
        check_range(batch, len(task.vocab))
    except IndexRangeError as error:
        yield str(error)
        return
    if not batch.scored.any(1).all():
        yield "a sequence has no scored target; all of its targets are -100"
    widths = batch.count_symbols()
    if length is not None and len(widths.unique()) > 1:
        yield f"expected sequences of the same length, got {sorted(set(widths.tolist()))}"
    if batch.lengths is not None:
        time = torch.arange(batch.inputs.shape[1], device=batch.inputs.device)
        if (batch.scored & (time >= batch.lengths.unsqueeze(1))).any():
            yield "targets are scored behind the end of a sequence; set them to -100"
    loss = to_real(task.optimal_loss(batch))
    if loss is None or not 0 <= loss < math.inf:
        yield f"expected optimal_loss to be at least 0 and finite, got {quoted(loss)}"
    if isinstance(task, AnswerTask) and length is not None:
        yield from _answer_faults(task, batch.inputs[:, :length], batch.targets[:, length:])


def _answer_faults(task: AnswerTask, inputs: Any, answers: Any) -> Iterator[str]:
    if (inputs == task.vocab.symbols.index(task.blank)).any():
        yield f"draw_inputs returns the blank {quoted(task.blank)}, which means “answer now”"
    kept = inputs.clone()
    if not torch.equal(torch.as_tensor(task.answer(kept)).long(), answers):
        yield "answer does not depend on the inputs alone: called again, it returns others"
    if not torch.equal(kept, inputs):
        yield "answer changes its inputs; work on inputs.clone()"


def _wrong_randomness(task: Task, longest: int) -> Iterator[str]:
    """Yield whether batches depend on anything else than the seed, or not on the seed."""
    for length in (None, longest):
        batch, before, after = _draw(task, length, seed=1, global_seed=1)
        other_batch, _, other_after = _draw(task, length, seed=1, global_seed=2)
        first, elsewhere = _digest(batch), _digest(other_batch)
        again = _digest(_draw(task, length, seed=1, global_seed=1)[0])
        other_seed = _draw(task, length, seed=2, global_seed=1)[0]
        depends = first == again != elsewhere
        # Run-time type checkers use Python's generator, too, without an effect on sequences.
        used = [
            name
            for name in before
            if before[name] != after[name]
            and (name != "Python" or depends or after[name] == other_after[name])
        ]
        if used:
            yield (
                f"draw uses or changes the global random state of {' and '.join(used)}; draw "
                "everything from its argument generator"
            )
        elif first != again or depends:
            yield (
                "the same seed gives different sequences; draw everything from the argument "
                "generator, and keep no state between calls"
            )
        elif first == _digest(other_seed) and len(batch.distinct()) > 1:
            yield (
                f"draw ignores its generator: two seeds give the same {ROWS} sequences; pass "
                "generator=generator to torch.randint and the like"
            )
        elif length is not None and (fixed := _fixed_positions(batch, other_seed)):
            yield (
                "draw ignores its generator in part: two seeds give the same symbols at position "
                f"{fixed[0]} of {ROWS} sequences; pass generator=generator to all that is random"
            )


def _fixed_positions(batch: Batch, other: Batch) -> list[int]:
    """Return the positions of symbols that vary between sequences, but not between seeds."""
    if batch.inputs.shape != other.inputs.shape:  # answers of different lengths
        return []
    fixed = torch.zeros_like(batch.inputs[0], dtype=torch.bool)  # (time,)
    for one, same in ((batch.inputs, other.inputs), (batch.targets, other.targets)):
        varies = (one != one.mode(0).values).sum(0) >= VARYING
        fixed |= varies & (one == same).all(0)
    return fixed.nonzero().flatten().tolist()


def _draw(
    task: Task, length: int | None, *, seed: int, global_seed: int
) -> tuple[Batch, dict[str, str], dict[str, str]]:
    """Draw a batch; also return the global random states before and after it."""
    with globally_seeded(global_seed):
        before = _global_states()
        batch = task.sample(ROWS, length=length, generator=seeded_generator(seed))
        return batch, before, _global_states()


def _digest(batch: Batch) -> str:
    return brief(*batch.tensors.values())


def _global_states() -> dict[str, str]:
    on_numpy = np.random.get_state()[1:3]  # type: ignore[index]  # noqa: NPY002
    return {
        "PyTorch": brief(torch.get_rng_state()),
        "Python": str(random.getstate()),
        "NumPy": str([on_numpy[0].tolist(), on_numpy[1]]),
    }


def _measure(task: Task, count: int) -> TaskCheck:
    """Estimate the stated numbers from sequences drawn as in training."""
    generator, symbols = generator_for("check"), len(task.vocab)
    batches = [task.sample(-(-count // GROUPS), generator=generator) for _ in range(GROUPS)]
    measured = {
        "optimum": estimate_mean(task.optimal_loss, batches),
        "memoryless": estimate_memoryless(batches, symbols),
        "chance": estimate_chance(batches, symbols),
    }
    return TaskCheck(
        task=task.name,
        sequences=sum(map(len, batches)),
        stated={name: as_estimate(getattr(task, name)) for name in STATED},
        measured=measured,
        positions={length: task.positions(length) for length in _tried_lengths(task)},
    )


def _wrong_numbers(found: TaskCheck) -> Iterator[str]:
    """Yield stated numbers that differ from the measured ones by more than chance."""
    for name, stated in found.stated.items():
        measured = found.measured[name]
        allowed = ERRORS * math.hypot(stated.standard_error, measured.standard_error) + ROUNDING
        if name != "optimum":  # counts miss what is rare
            allowed += RARE / found.sequences
        if not abs(stated - measured) <= allowed:
            of = "optimal_loss has a mean of" if name == "optimum" else "counting gives"
            yield f"{name} is {stated}, but {of} {measured} in {found.sequences:,} sequences"
    best, guess = found.stated["optimum"], found.stated["memoryless"]
    if best > guess + ERRORS * math.hypot(best.standard_error, guess.standard_error) + ROUNDING:
        yield f"optimum is {best}, above the {guess} of a model without memory"
