"""Times of several contestants, taken in turn, and what a measurement is held to."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from statistics import median
from typing import Any, TypeAlias

Contestant: TypeAlias = Callable[[], Callable[[], object]]
"""Prepares a run, untimed, and gives back what to time."""

SETTLE = 0.02  # seconds; the worker threads of the one before spin for some milliseconds


@dataclass(frozen=True)
class Claim:
    """What a measurement is held to.

    Attributes:
        name: What is compared with what.
        unit: What the ratio says: "of its time", "times as fast".
        bound: "at most" or "at least".
        target: What the ratio must reach; None: nothing is promised.
        aim: What it should reach.
    """

    name: str
    unit: str
    bound: str
    target: float | None = None
    aim: float | None = None

    def judge(self, ratios: Sequence[float], ours: float, peer: float, scale: str) -> Row:
        """Write the ratios of the repeats as a row of the results.

        Args:
            ratios: One for each repeat, ours and the peer's taken one after the other.
            ours: The median of our own measurements.
            peer: The median of the peer's.
            scale: What the two are measured in.
        """
        ratio = median(ratios)
        met = None if self.target is None else self.holds(ratio, self.target)
        facts = {**asdict(self), "low": min(ratios), "high": max(ratios), "met": met}
        return facts | {
            "ratio": ratio,
            "repeats": len(ratios),
            "ours": ours,
            "peer": peer,
            "scale": scale,
            "date": date.today().isoformat(),
        }

    def holds(self, ratio: float, limit: float) -> bool:
        """Whether a ratio is on the right side of a limit."""
        return ratio <= limit if self.bound == "at most" else ratio >= limit


Row: TypeAlias = dict[str, Any]
"""A measurement with its claim, as plain values."""


def share_of_time(name: str, target: float | None = None, aim: float | None = None) -> Claim:
    """Claim to need at most a share of the peer's time."""
    return Claim(name, "of its time", "at most", target, aim)


def times_as_fast(name: str, target: float | None = None, aim: float | None = None) -> Claim:
    """Claim to be at least so many times as fast as the peer."""
    return Claim(name, "times as fast", "at least", target, aim)


def take_turns(contestants: Mapping[str, Contestant], repeats: int) -> dict[str, list[float]]:
    """Time contestants A B C, A B C, …, so that a slow moment of the machine meets them all.

    Args:
        contestants: What to time, by name; each runs once before, to warm up.
        repeats: How often to time each.

    Returns:
        The seconds of each.
    """
    for prepare in contestants.values():
        prepare()()
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(repeats):
        for name, prepare in contestants.items():
            seconds[name].append(time_once(prepare))
    return seconds


def time_once(prepare: Contestant) -> float:
    """Prepare a run and time it alone."""
    run = prepare()
    gc.collect()
    time.sleep(SETTLE)
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def compare(
    claim: Claim,
    ours: Sequence[float],
    peer: Sequence[float],
    *,
    our_share: float = 1,
    peer_share: float = 1,
) -> Row:
    """Judge a claim about time, pair by pair.

    Args:
        claim: What is claimed.
        ours: Our seconds, one for each repeat.
        peer: The peer's.
        our_share: What to scale ours with, for the time of one model, say.
        peer_share: What to scale the peer's with.
    """
    ours = [seconds * our_share for seconds in ours]
    peer = [seconds * peer_share for seconds in peer]
    pairs = list(zip(ours, peer, strict=True))
    ratios = [a / b if claim.bound == "at most" else b / a for a, b in pairs]
    return claim.judge(ratios, median(ours), median(peer), "s")
