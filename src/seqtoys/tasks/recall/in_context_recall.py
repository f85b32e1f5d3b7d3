"""In-context recall: each sequence has its own map from keys to values."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqtoys.data.batch import Batch
from seqtoys.data.vocab import Vocab
from seqtoys.errors import OptionError
from seqtoys.support.uncertainty import entropy
from seqtoys.support.values import check_count, check_probability
from seqtoys.tasks.answer_stream import AnswerStream
from seqtoys.tasks.recall.occurrences import after_last_occurrence
from seqtoys.tasks.scoring import Scoring, check_scoring

NOISE = 16  # the number of noise symbols, as in the authors' code
MOST = 10**6  # keys, and values
ROUNDS = 1000  # the rounds of sampling after which there is considered to be no answer


class InContextRecall(AnswerStream):
    r"""Read key-value pairs, from a new map for each sequence: what was the value of this key?

    For each sequence, each of $K$ keys is assigned one of $V$ values at random. A sequence is
    $n$ pairs of a random key and its value; keys repeat. The value of a key that has occurred
    before is an answer. With `query=True`, there is a single answer at the end: after the mark `?`
    comes a random one of the distinct keys that occurred, then its value. With noise, each pair is
    replaced by two random noise symbols with probability $p$.

    **Optimum.** The answers are determined: 0 if only they are scored. With `score="all"`, all
    symbols but the first are scored. A key costs $\ln K$ nats, the value of a new key $\ln V$,
    and the value of a known key nothing. The key of pair $i$ is new with probability
    $(1 - 1 / K)^{i - 1}$. With a query, the mark is certain, the key after it costs $\ln D$ with
    $D$ distinct keys so far, and its value nothing. For 20 pairs of 9 keys and values and a query,
    this is 1.4700 nats per symbol, so a loss of 1.47 is the best there is. Noise adds
    $h(p) + 2 p \ln 16$ per pair, and makes keys rarer. With a query, at least one pair is not
    noise.

    **Memoryless, chance.** An answer can be any value: $\ln V$, and $1 / V$. With `score="all"`,
    both follow from the expected number of pairs of consecutive symbols, such as a value and a
    key.

    Source: Poli et al. (2024), Mechanistic design and scaling of hybrid architectures, and Fu et
    al. (2023), Hungry Hungry Hippos, for `query=True`. `length` counts the symbols but the last.

    Args:
        keys: The number of keys, $K$.
        values: The number of values, $V$.
        pairs: The number of pairs, $n$.
        noise: The probability that a pair is noise, $p$.
        query: Whether to ask for one key at the end.
        score: `"answers"` scores the answers, `"all"` every next symbol.

    Raises:
        OptionError: If a number is not positive, noise is not a probability below 1, score is
            neither, or hardly any sequence has an answer.

    Examples:
        >>> task = InContextRecall(keys=3, values=3, pairs=6)
        >>> print(task.sample(1).show(task.vocab))
        inputs   k0 v1 k0 v1 k2 v0 k2 v0 k0 v1 k0
        targets  ·  ·  v1 ·  ·  ·  v0 ·  v1 ·  v1
        >>> InContextRecall(9, 9, 20, query=True, score="all").optimum
        Estimate(1.469996649507..., 0.0)
    """

    name = "in_context_recall"
    source = "Poli et al. 2024"
    level: str | None = "in context"
    answers = "value"

    def __init__(
        self,
        keys: int = 8,
        values: int = 8,
        pairs: int = 32,
        noise: float = 0.0,
        query: bool = False,
        score: Scoring = "answers",
    ) -> None:
        self.keys: int = check_count("keys", keys, 1, MOST)
        self.values: int = check_count("values", values, 2, MOST)
        self.pairs: int = check_count("pairs", pairs, 1 if query else 2)
        self.noise: float = 0.0 if noise == 0 else check_probability("noise", noise)
        self.query = query
        self.shows_end: bool = query
        self.score: Scoring = check_scoring(score)
        names = [f"k{i}" for i in range(self.keys)] + [f"v{i}" for i in range(self.values)]
        names += [f"n{i}" for i in range(NOISE)] if self.noise else []
        self.vocab: Vocab = Vocab([*names, "?"] if query else names)
        self._mark = len(names)
        self.sizes: dict[str, int] = {
            "key": self.keys,
            "value": self.values,
            "noise": NOISE,
            "mark": 1,
        }
        self.lengths: tuple[int, int] = (self._length(self.pairs), self._length(self.pairs))
        self.longer: tuple[int, ...] = tuple(self._length(k * self.pairs) for k in (2, 4))

    def why_no_length(self, length: int) -> str | None:
        """Return why this length is impossible, or None if it is possible."""
        pairs, rest = divmod(length - self._length(0), 2)
        least = 1 if self.query else 2
        if not rest and pairs >= least:
            return None
        rule = "2 n + 2: the pairs, the mark and a key" if self.query else "2 n - 1"
        return f"with n pairs, at least {least}, the length is {rule}"

    def draw_symbols(
        self, batch_size: int, length: int, generator: torch.Generator
    ) -> Int[Tensor, "batch symbols"]:
        """Draw streams until each has an answer, if it needs one."""
        symbols = self._draw_streams(batch_size, length, generator)
        if self._is_always_answered(symbols.shape[1] // 2):
            return symbols
        for _ in range(ROUNDS):
            rows = (~self.find_answers(symbols).any(1)).nonzero().flatten()
            if not len(rows):
                return symbols
            symbols[rows] = self._draw_streams(len(rows), length, generator)
        raise OptionError(
            f"hardly any sequence of {self._pairs_in(length)} pairs of {self.keys} keys repeats a "
            "key; choose more pairs, or query=True"
        )

    def find_answers(self, symbols: Int[Tensor, "batch symbols"]) -> Bool[Tensor, "batch symbols"]:
        """Return which symbols are values of keys that occurred before."""
        slots = self._pairs_in(symbols.shape[1] - 1)
        is_answer = torch.zeros(symbols.shape, dtype=torch.bool, device="cpu")
        keys = symbols[:, : 2 * slots : 2]  # (batch, slots)
        if self.query:
            is_answer[:, -1] = (keys < self.keys).any(1)
        else:
            is_answer[:, 1::2] = (after_last_occurrence(keys) > 0) & (keys < self.keys)
        return is_answer

    def symbol_surprise(
        self, symbols: Int[Tensor, "batch symbols"]
    ) -> Float[Tensor, "batch symbols"]:
        """Compute the surprise of keys, values, noise and the query."""
        end = 2 * self._pairs_in(symbols.shape[1] - 1)
        first, second = symbols[:, :end:2], symbols[:, 1:end:2]  # (batch, pairs)
        bound, known = self._follow(first, second)
        parts = [self._first_surprise_of(first), self._second_surprise(first, second, bound)]
        surprise = torch.stack(parts, 2).flatten(1)  # (batch, 2 pairs)
        if self.query:
            mark, key, value = symbols[:, end:].unbind(1)  # (batch,)
            count = (known >= 0).sum(1).clamp(min=1)  # of no key, none is possible
            expected = known.gather(1, key.clamp(max=self.keys - 1).unsqueeze(1)).squeeze(1)
            wrong = (mark != self._mark) | (key >= self.keys) | (expected < 0)
            asked = [_inf_if(wrong), count.double().log(), _inf_if(value != expected)]
            surprise = torch.cat([surprise, torch.stack(asked, 1)], 1)
        return surprise

    def expected_surprise(self, length: int) -> float:
        """Compute the expected surprise of keys, values, noise and the query."""
        n, p = self._pairs_in(length), self.noise
        key, value, noise = math.log(self.keys), math.log(self.values), math.log(NOISE)
        each = entropy(p) + (1 - p) * key + 2 * p * noise
        new = [(1 - p) * (1 - (1 - p) / self.keys) ** i for i in range(n)]
        total = n * each + math.fsum(new) * value
        if self.query:
            # At least one pair is not noise: leave out the sequences of noise, and normalize.
            silent = p**n
            total -= silent * n * (2 * noise - math.log(p)) if silent else 0.0
            total = total / (1 - silent) + math.log1p(-silent)
            counts = _count_distinct(n, self.keys, 1 - p)
            total += math.fsum(c * math.log(d) for d, c in enumerate(counts) if d) / (1 - silent)
        return total

    def first_classes(self, length: int) -> dict[str, float]:
        """Compute the probabilities that a stream begins with a key or with noise."""
        noise = self._noise_chance(self._pairs_in(length))
        return {"key": 1 - noise, "noise": noise}

    def expected_pairs(self, length: int) -> dict[tuple[str, str], float]:
        """Compute the expected pairs of keys, values, noise and the mark."""
        n, p = self._pairs_in(length), self.noise
        silent = p**n if self.query else 0.0  # the sequences of noise, which are left out
        between = n - 1
        pairs = {
            ("key", "value"): n * (1 - p),
            ("noise", "noise"): n * (p - silent) + between * (p * p - silent),
            ("value", "key"): between * (1 - p) ** 2,
            ("value", "noise"): between * (1 - p) * p,
            ("noise", "key"): between * (1 - p) * p,
        }
        if self.query:
            pairs |= {
                ("value", "mark"): 1 - p,
                ("noise", "mark"): p - silent,
                ("mark", "key"): 1 - silent,
            }
            pairs["key", "value"] += 1 - silent
        return {pair: count / (1 - silent) for pair, count in pairs.items()}

    def labels(self, batch: Batch) -> dict[str, Int[Tensor, "batch time"]]:
        """Return the distance from each key to its last occurrence before, `"gap"`; 0 if none."""
        after = after_last_occurrence(batch.inputs.cpu())  # counted from 1
        places = torch.arange(after.shape[1], device="cpu")
        return {"gap": torch.where(after == 0, 0, places + 2 - after)}

    def _is_always_answered(self, pairs: int) -> bool:
        """Return whether every stream will do: with an answer, or without needing one."""
        if self.query:
            return not self.noise
        return self.score == "all" or (not self.noise and pairs > self.keys)

    def _length(self, pairs: int) -> int:
        return 2 * pairs + (2 if self.query else -1)

    def _pairs_in(self, length: int) -> int:
        return (length - self._length(0)) // 2

    def _noise_chance(self, left: int) -> float:
        """Return the probability that a pair is noise if all before were; `left` are to come."""
        p = self.noise
        return p * (1 - p ** (left - 1)) / (1 - p**left) if self.query else p

    def _draw_streams(
        self, batch_size: int, length: int, generator: torch.Generator
    ) -> Int[Tensor, "batch symbols"]:
        size = (batch_size, self._pairs_in(length))
        values = _draw(self.values, (batch_size, self.keys), generator)  # the map
        keys = _draw(self.keys, size, generator)
        pairs = torch.stack([keys, self.keys + values.gather(1, keys)], 2)  # (batch, pairs, 2)
        if self.noise:
            drawn = torch.rand(size, dtype=torch.float64, generator=generator, device="cpu")
            noise = self.keys + self.values + _draw(NOISE, (*size, 2), generator)
            pairs = torch.where((drawn < self.noise).unsqueeze(2), noise, pairs)
        symbols = pairs.flatten(1)
        return self._ask(symbols, values, generator) if self.query else symbols

    def _ask(
        self,
        symbols: Int[Tensor, "batch symbols"],
        values: Int[Tensor, "batch keys"],
        generator: torch.Generator,
    ) -> Int[Tensor, "batch more"]:
        """Append the mark, one of the keys that occurred, and its value."""
        shown = symbols[:, ::2]  # (batch, pairs)
        is_new = (after_last_occurrence(shown) == 0) & (shown < self.keys)
        drawn = torch.rand(shown.shape, dtype=torch.float64, generator=generator, device="cpu")
        key = shown.gather(1, (drawn * is_new).argmax(1, keepdim=True))  # (batch, 1)
        value = self.keys + values.gather(1, key.clamp(max=self.keys - 1))
        return torch.cat([symbols, torch.full_like(key, self._mark), key, value], 1)

    def _follow(
        self, first: Int[Tensor, "batch pairs"], second: Int[Tensor, "batch pairs"]
    ) -> tuple[Int[Tensor, "batch pairs"], Int[Tensor, "batch keys"]]:
        """Return the value bound to the key of each pair before, and to all at the end, or -1."""
        known = torch.full((len(first), self.keys + 1), -1, device="cpu")  # one more for noise
        columns = first.clamp(max=self.keys)
        bound = torch.empty_like(first)
        for place, column in enumerate(columns.split(1, 1)):
            bound[:, place] = known.gather(1, column).squeeze(1)
            known.scatter_(1, column, second[:, place : place + 1])
        return bound, known[:, :-1]

    def _first_surprise_of(
        self, first: Int[Tensor, "batch pairs"]
    ) -> Float[Tensor, "batch pairs"]:
        """Compute the surprise of the first symbols of pairs: keys or noise."""
        is_noise = first >= self.keys + self.values
        silent = is_noise.cumprod(1).roll(1, 1).bool()  # whether all pairs before are noise
        silent[:, :1] = True
        chances = [self._noise_chance(left) for left in range(first.shape[1], 0, -1)]
        chance = torch.tensor(chances, dtype=torch.float64, device="cpu")
        chance = chance.where(silent, chance.new_tensor(self.noise))  # of noise, (batch, pairs)
        noise, key = math.log(NOISE) - chance.log(), math.log(self.keys) - torch.log1p(-chance)
        wrong = (first >= self.keys) & ~is_noise | (first >= self.keys + self.values + NOISE)
        return torch.where(is_noise, noise, key) + _inf_if(wrong)

    def _second_surprise(
        self,
        first: Int[Tensor, "batch pairs"],
        second: Int[Tensor, "batch pairs"],
        bound: Int[Tensor, "batch pairs"],
    ) -> Float[Tensor, "batch pairs"]:
        """Compute the surprise of the second symbols of pairs: values or noise."""
        is_key, is_new = first < self.keys, bound < 0
        low = torch.where(is_key, self.keys, self.keys + self.values)
        high = torch.where(is_key, self.keys + self.values, self.keys + self.values + NOISE)
        wrong = (second < low) | (second >= high) | (is_key & ~is_new & (second != bound))
        value = (is_key & is_new).double() * math.log(self.values)
        return value + (~is_key).double() * math.log(NOISE) + _inf_if(wrong)


def _draw(count: int, size: tuple[int, ...], generator: torch.Generator) -> Int[Tensor, ...]:
    return torch.randint(count, size, generator=generator, device="cpu")


def _inf_if(wrong: Bool[Tensor, ...]) -> Float[Tensor, ...]:
    """Return inf where something is impossible, and 0 elsewhere."""
    return torch.zeros(wrong.shape, dtype=torch.float64, device="cpu").masked_fill(wrong, math.inf)


def _count_distinct(pairs: int, keys: int, share: float) -> list[float]:
    """Return the probability of each number of distinct keys, if a pair has one with `share`."""
    counts = [1.0] + [0.0] * min(pairs, keys)
    for _ in range(pairs):
        for d in range(len(counts) - 1, 0, -1):
            counts[d] *= 1 - share + share * d / keys
            counts[d] += counts[d - 1] * share * (keys - d + 1) / keys
        counts[0] *= 1 - share
    return counts
