"""The word problem of a finite group: the product of the elements so far."""

from __future__ import annotations

from seqtoys.support.arguments import check_type
from seqtoys.tasks.scoring import Scoring
from seqtoys.tasks.state_tracking.groups import find_group
from seqtoys.tasks.state_tracking.semiautomaton import Semiautomaton


def word_problem(
    group: str = "S5", generators: bool = False, score: Scoring = "all"
) -> Semiautomaton:
    r"""Read elements of a finite group; at each, what is the product of all so far?

    The inputs are random elements of the group. Permutations are written in cycles, `()` is the
    identity, and products are read from left to right: in `(12)` `(23)`, the left permutation acts
    first, so the product is `(132)`. Elements of `Zn` are the numbers $0 \dots n - 1$, those of
    `A4xZ5` pairs such as `(123),2`, and those of the quaternion group `Q8` are `1`, `i`, `j`, `k`
    and their negatives.

    Of the groups with 60 elements, `Z60` and `A4xZ5` are solvable: circuits of constant depth
    compute their products (the complexity class $\mathsf{TC}^0$). `A5`, like `S5`, is not: its
    word problem is complete for $\mathsf{NC}^1$. A recurrent network can represent it; a
    transformer of fixed depth presumably cannot.

    **Optimum.** The inputs determine the products: the optimum is 0.

    **Memoryless.** The first product is the symbol itself. Every later one is uniform over all $n$
    elements, and independent of the symbol. With $f$ the proportion of first positions among the
    scored ones ($1 / T$ for length $T$), the target equals the symbol with probability
    $q = f + (1 - f) / n$, and is each of the others with probability $(1 - q) / (n - 1)$:

    $$\text{memoryless} = -q \ln q - (1 - q) \ln \frac{1 - q}{n - 1} ,$$

    which is 4.0518 for 60 elements and length 20. With `generators=True`, products become uniform
    only after many symbols, and the loss is computed as for any `Semiautomaton`.

    **Chance.** All products are equally likely: $1 / n$. With `generators=True`, those near the
    identity are more frequent.

    **Labels.** `position`: the number of elements in the product.

    Source: Merrill et al. (2024), The illusion of state in state-space models. The generators of
    `Zn`, `Sn` and `An` are those of Liu et al. (2023), Transformers learn shortcuts to automata.

    Args:
        group: `"Z2"` … `"Z60"`, `"S3"`, `"S4"`, `"S5"`, `"A4"`, `"A5"`, `"D4"`, `"A4xZ5"` or
            `"Q8"`.
        generators: Whether the inputs are only the identity and a few elements that generate the
            group: 1 in `Zn`; (12) and (12…n) in `Sn`; (123), …, (12n) in `An`; a reflection and a
            rotation in `D4`; i and j in `Q8`; those of both parts in `A4xZ5`.
        score: `"all"` scores each product, `"answers"` only the last one.

    Raises:
        OptionError: If there is no such group, or `score` is neither.

    Examples:
        >>> task = word_problem("S3")
        >>> print(task.sample(1, length=4).show(task.vocab))
        inputs   (13) (132) (123) ()
        targets  (13) (12)  (13)  (13)
        >>> word_problem("A5").memoryless_of(20)
        Estimate(4.051824..., 0.0)
    """
    found = find_group(check_type("group", group, str))
    first = found.elements[0]
    is_small = check_type("generators", generators, bool)
    read = (first, *found.generators) if is_small else found.elements
    return Semiautomaton(
        {one: {each: found.times(one, each) for each in read} for one in found.elements},
        start=first,
        score=score,
        lengths=(1, 20),
        longer=(30, 50, 100),
        name="word_problem",
        source="Merrill et al. 2024",
    )
