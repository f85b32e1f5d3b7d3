"""Small sources of computational mechanics, whose hidden state must be inferred."""

from __future__ import annotations

import numpy as np

from seqtoys.support.values import check_probability
from seqtoys.tasks.processes.hidden_markov import HiddenMarkov


def mess3(x: float = 0.05, a: float = 0.85) -> HiddenMarkov:
    r"""Three states behind three symbols: the beliefs of an observer form a fractal.

    Each state moves to another with probability $x$ each, and then mostly emits its own symbol:
    state $j$ emits symbol $j$ with probability $a$, the two others with $b = (1 - a) / 2$ each.
    With $y = 1 - 2x$, the matrices of the three symbols are

    $$\begin{pmatrix} ay & bx & bx \\ ax & by & bx \\ ax & bx & by \end{pmatrix}, \quad
    \begin{pmatrix} by & ax & bx \\ bx & ay & bx \\ bx & ax & by \end{pmatrix}, \quad
    \begin{pmatrix} by & bx & ax \\ bx & by & ax \\ bx & bx & ay \end{pmatrix} .$$

    No symbol is ever certain, and each adds to what is known about the state. After $t$ symbols,
    there are $3^t$ different beliefs, which form a fractal in the triangle of all distributions
    over three states; `task.beliefs(batch)` returns them. Trained transformers contain a linear
    image of this fractal (Shai et al. 2024).

    **Optimum.** The first symbol costs $\ln 3$, since the states are equally likely. By position,
    the losses are 1.09861, 0.85772, 0.81336, 0.79812, 0.79474, 0.79378, 0.79354 …, with the
    limit 0.79346. The optimum is their mean over the length.

    **Memoryless, chance.** Knowing only one symbol is knowing the whole past of the second
    position. So the memoryless loss is 1.09861 at the first position and 0.85772 at each later
    one. Chance is 1/3.

    Source: Shai et al. (2024), Transformers represent belief state geometry in their residual
    stream, who train on sequences of 10 symbols (their code defaults to $x = 0.15$ and
    $a = 0.6$); the process is from Marzen & Crutchfield (2017), Nearly maximally predictive
    features and their dimensions.

    Args:
        x: The probability of moving to each of the two other states, below 1/2.
        a: The probability that a state emits its own symbol.

    Raises:
        OptionError: If an option is out of range.

    Examples:
        >>> task = mess3()
        >>> batch = task.sample(1)
        >>> print(batch.show(task.vocab))
        inputs   #100001110
        targets  1000011100
        >>> task.optimum
        Estimate(0.8330..., 0.0)
        >>> task.beliefs(batch).shape
        torch.Size([1, 10, 3])
    """
    x = check_probability("x", x, below=0.5)
    a = check_probability("a", a)
    moves = np.full((3, 3), x) + (1 - 3 * x) * np.eye(3)
    emits = np.full((3, 3), (1 - a) / 2) + (a - (1 - a) / 2) * np.eye(3)
    matrices = {str(symbol): moves * emits[symbol] for symbol in range(3)}
    return HiddenMarkov(
        matrices, lengths=(10, 10), longer=(20, 50), name="mess3", source="Shai et al. 2024"
    )


def rrxor() -> HiddenMarkov:
    r"""Two random bits, then their exclusive or, repeated from an unknown phase.

    The same source as `temporal_xor`, but a sequence may begin at any of the three positions. An
    observer has to find out where the pairs begin: each third bit is random unless it is the
    exclusive or of the two before it. The five states are the position, and what is to be emitted
    next: the first bit, the second after 0 or after 1, then 0 or 1.

    **Optimum.** Once the phase is known, two bits of three are random: $2/3 \ln 2 = 0.4621$ nats
    per symbol. The losses by position fall from $\ln 2$ towards this limit; the optimum is their
    mean over the length.

    **Memoryless, chance.** Two successive bits are independent, and so each bit is uniform given
    the one before it: $\ln 2$, and chance is 1/2.

    Source: Crutchfield & Feldman (2003), Regularities unseen, randomness observed: levels of
    entropy convergence; used in Shai et al. (2024) to train transformers.

    Examples:
        >>> task = rrxor()
        >>> print(task.sample(1, length=9).show(task.vocab))
        inputs   #10110001
        targets  101100010
        >>> task.optimum, task.references["knows the state"]
        (Estimate(0.5390..., 0.0), Estimate(0.4620..., 0.0))
    """
    matrices = {bit: np.zeros((5, 5)) for bit in "01"}
    for bit, after in (("0", 1), ("1", 2)):
        matrices[bit][0, after] = 0.5  # the first bit
    for first, bit, after in ((1, "0", 3), (1, "1", 4), (2, "0", 4), (2, "1", 3)):
        matrices[bit][first, after] = 0.5  # the second bit
    matrices["0"][3, 0] = matrices["1"][4, 0] = 1.0  # their exclusive or
    return HiddenMarkov(matrices, name="rrxor", source="Crutchfield & Feldman 2003")


def golden_mean(p: float = 0.5) -> HiddenMarkov:
    r"""Random bits without two 0s in a row.

    After a 1, the next symbol is 1 with probability $p$ and 0 otherwise; a 0 is followed by a 1.
    At $p = 1/2$, the number of possible strings grows by a factor that approaches the golden mean.

    **Optimum.** One symbol is enough to know the state. After a 1, the loss is $h(p)$, after a 0
    it is 0, and a fraction $s = 1 / (2 - p)$ of the symbols are 1s. The first symbol costs $h(s)$,
    and each later one $s \, h(p)$ on average: $2/3 \ln 2 = 0.4621$ nats at $p = 1/2$.

    **Memoryless.** The current symbol determines the state, so the memoryless loss is the optimum.
    **Chance** is the larger of $s$ and $1 - s$.

    Source: Crutchfield & Feldman (2003), Regularities unseen, randomness observed: levels of
    entropy convergence.

    Args:
        p: The probability of 1 after 1.

    Raises:
        OptionError: If it is not between 0 and 1.

    Examples:
        >>> task = golden_mean()
        >>> print(task.sample(1, length=9).show(task.vocab))
        inputs   #11011010
        targets  110110101
        >>> task.optimum, task.references["knows the state"]
        (Estimate(0.4708..., 0.0), Estimate(0.4620..., 0.0))
    """
    p = check_probability("p", p)
    matrices = {"0": [[0.0, 1 - p], [0.0, 0.0]], "1": [[p, 0.0], [1.0, 0.0]]}
    return HiddenMarkov(matrices, name="golden_mean", source="Crutchfield & Feldman 2003")


def even_process(p: float = 0.5) -> HiddenMarkov:
    r"""Random bits in which each run of 1s between two 0s has even length.

    From state A, the source emits 0 with probability $p$ and stays, or 1 and moves to B, from
    which it returns with another 1. After a 0, the state is known to be A, and it is known from
    then on by the number of 1s, odd or even. Before the first 0, it is not, however many 1s there
    have been. So no finite number of past symbols is always enough.

    **Optimum.** With the state known, the loss is $h(p)$ in A and 0 in B. A fraction $1 / (2 - p)$
    of the time is spent in A, so the losses by position approach $h(p) / (2 - p)$, which is
    $2/3 \ln 2 = 0.4621$ at $p = 1/2$. The first symbols cost more; the optimum is the mean over
    the length.

    **Memoryless.** Let $s = 1 / (2 - p)$. A 0 is followed by 0 with probability $p$. A 1 leads
    to A or B with equal probability, as each pair has two, so it is followed by 0 with probability
    $p / 2$. The memoryless loss is $s p \, h(p) + (1 - s p) \, h(p / 2)$ after the first symbol,
    and $h(s p)$ there. **Chance** is the larger of $s p$ and $1 - s p$.

    Source: Crutchfield & Feldman (2003), Regularities unseen, randomness observed: levels of
    entropy convergence; the language is from Weiss (1973), Subshifts of finite type and sofic
    systems.

    Args:
        p: The probability of 0 in state A.

    Raises:
        OptionError: If it is not between 0 and 1.

    Examples:
        >>> task = even_process()
        >>> print(task.sample(1, length=12).show(task.vocab))
        inputs   #11101100110
        targets  111011001101
        >>> task.optimum, task.references["knows the state"]
        (Estimate(0.4938..., 0.0), Estimate(0.4620..., 0.0))
    """
    p = check_probability("p", p)
    matrices = {"0": [[p, 0.0], [0.0, 0.0]], "1": [[0.0, 1 - p], [1.0, 0.0]]}
    return HiddenMarkov(matrices, name="even_process", source="Crutchfield & Feldman 2003")


def z1r() -> HiddenMarkov:
    r"""0, 1 and a random bit, repeated from an unknown phase.

    The random bit makes the phase ambiguous: after 01, it may be 1 or 0 that comes next. The
    states are the three positions, equally likely at the beginning.

    **Optimum.** Once the phase is known, one bit of three is random: $1/3 \ln 2 = 0.2310$ nats per
    symbol. By position, the losses fall from $\ln 2$ towards this limit; the optimum is their mean
    over the length.

    **Memoryless, chance.** The first symbol costs $\ln 2$, as 0 and 1 are equally frequent. A 0 is
    followed by 0 with probability 1/3, and a 1 by 1 likewise: later symbols cost
    $h(1/3) = 0.6365$ nats. Chance is 1/2.

    Source: Shai et al. (2024), Transformers represent belief state geometry in their residual
    stream.

    Examples:
        >>> task = z1r()
        >>> print(task.sample(1, length=9).show(task.vocab))
        inputs   #10100110
        targets  101001101
        >>> task.optimum
        Estimate(0.2859..., 0.0)
    """
    matrices = {
        "0": [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.5, 0.0, 0.0]],
        "1": [[0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.5, 0.0, 0.0]],
    }
    return HiddenMarkov(matrices, name="z1r", source="Shai et al. 2024")


def sns(p: float = 0.5, q: float = 0.5) -> HiddenMarkov:
    r"""The simple nonunifilar source: two states that the symbols never reveal for long.

    Both states emit 0 most of the time: state A moves to B with probability $p$, and B returns to
    A with probability $q$, but only the return is visible, as a 1. After a 1, the state is A, and
    then each 0 makes B more likely. So the belief depends on the number of 0s since the last 1:
    infinitely many beliefs, for two states.

    **Optimum.** The belief depends on the number of 0s since the last 1, and if there was none, on
    the length so far: two beliefs more at each position. The optimum is their mean entropy, as
    derived in `HiddenMarkov`.

    **Memoryless, chance.** A fraction $s = p / (p + q)$ of the time is spent in B, so a symbol is
    1 with probability $f = s q$. The first symbol costs $h(f)$. A 1 is always followed by 0, so a
    0 is followed by 1 with probability $f / (1 - f)$, and later symbols cost
    $(1 - f) \, h(f / (1 - f))$. Chance is the larger of $f$ and $1 - f$.

    Source: Crutchfield (1994), The calculi of emergence: computation, dynamics and induction.

    Args:
        p: The probability of moving from A to B.
        q: The probability of returning from B to A.

    Raises:
        OptionError: If one is not between 0 and 1.

    Examples:
        >>> task = sns()
        >>> print(task.sample(1, length=9).show(task.vocab))
        inputs   #10000010
        targets  100000101
        >>> task.optimum
        Estimate(0.4749..., 0.0)
    """
    p, q = check_probability("p", p), check_probability("q", q)
    matrices = {"0": [[1 - p, p], [0.0, 1 - q]], "1": [[0.0, 0.0], [q, 0.0]]}
    return HiddenMarkov(matrices, name="sns", source="Crutchfield 1994")
