"""Gridworld: a walk between two walls."""

from __future__ import annotations

from seqtoys.support.values import check_count
from seqtoys.tasks.state_tracking.semiautomaton import Semiautomaton


def gridworld(size: int = 4) -> Semiautomaton:
    r"""Walk left or right along a row of cells, with a wall at each end: in which cell are you?

    The inputs are steps to the left (`L`) or to the right (`R`), both equally likely, and the walk
    starts in the left cell, `0`. A step into a wall leaves it where it is. So the position is not
    the difference of the counts of `R` and `L`: each encounter with a wall changes it.

    **Optimum.** The inputs determine the position: the optimum is 0.

    **Memoryless, chance.** The distribution of the cell after each step follows from the one
    before: $p_{t + 1}(k) = \tfrac{1}{2} \big( p_t(k - 1) + p_t(k + 1) \big)$, where $p_t$ of a
    place behind a wall is that of the cell in front of it. Its joint distribution with the last
    step, on average over all $t$, gives both numbers, as for any `Semiautomaton`.

    Source: Liu et al. (2023), Transformers learn shortcuts to automata. As in the authors' code,
    there is no symbol for staying in a cell.

    Args:
        size: The number of cells.

    Raises:
        OptionError: If it is not 2 to 1,000.

    Examples:
        >>> task = gridworld()
        >>> print(task.sample(1, length=9).show(task.vocab))
        inputs   RLRLLLRRR
        targets  101000123
        >>> task.follow("LRRRRL")
        ['0', '1', '2', '3', '3', '2']
    """
    last = check_count("size", size, 2, 1000) - 1
    return Semiautomaton(
        {
            str(cell): {"L": str(max(cell - 1, 0)), "R": str(min(cell + 1, last))}
            for cell in range(last + 1)
        },
        start="0",
        name="gridworld",
        source="Liu et al. 2023",
    )
