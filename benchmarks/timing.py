"""Time several contestants in turn, and compare the results with targets."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from statistics import median
from typing import Any, TypeAlias

Contestant: TypeAlias = Callable[[], Callable[[], object]]
"""Prepares a run, untimed, and returns the function to time."""

SETTLE = 0.02  # seconds; worker threads of the previous run keep spinning for some milliseconds


@dataclass(frozen=True)
class Claim:
    """A target for a measurement.

    Attributes:
        name: What is compared with what.
        unit: The unit of the ratio: "of its time", "times as fast".
        bound: "at most" or "at least".
        target: The ratio to reach. If None, there is no target.
        aim: A more ambitious ratio, which is not enforced.
        limit: The largest median of our measurements, in their own unit. If None, there is none.
    """

    name: str
    unit: str
    bound: str
    target: float | None = None
    aim: float | None = None
    limit: float | None = None

    def judge(self, ratios: Sequence[float], ours: float, peer: float, scale: str) -> Row:
        """Turn the ratios of all repeats into a row of the results.

        Args:
            ratios: One ratio per repeat, of two measurements taken one after the other.
            ours: The median of our measurements.
            peer: The median of the peer's measurements.
            scale: The unit of both medians.
        """
        ratio = median(ratios)
        facts = {**asdict(self), "low": min(ratios), "high": max(ratios)}
        return facts | {
            "met": self._is_met(ratio, ours),
            "ratio": ratio,
            "repeats": len(ratios),
            "ours": ours,
            "peer": peer,
            "scale": scale,
            "date": date.today().isoformat(),
        }

    def holds(self, ratio: float, limit: float) -> bool:
        """Return whether a ratio satisfies the bound for a limit."""
        return ratio <= limit if self.bound == "at most" else ratio >= limit

    def _is_met(self, ratio: float, ours: float) -> bool | None:
        checks = [] if self.target is None else [self.holds(ratio, self.target)]
        checks += [] if self.limit is None else [ours <= self.limit]
        return all(checks) if checks else None


Row: TypeAlias = dict[str, Any]
"""A measurement with its target, as plain values."""


def share_of_time(
    name: str, target: float | None = None, aim: float | None = None, limit: float | None = None
) -> Claim:
    """Claim to need at most a fraction of the peer's time, or at most `limit` seconds."""
    return Claim(name, "of its time", "at most", target, aim, limit)


def times_as_fast(name: str, target: float | None = None, aim: float | None = None) -> Claim:
    """Claim to be at least `target` times as fast as the peer."""
    return Claim(name, "times as fast", "at least", target, aim)


def take_turns(contestants: Mapping[str, Contestant], repeats: int) -> dict[str, list[float]]:
    """Time contestants A B C, A B C, …, so that a slow phase of the machine affects them all.

    Args:
        contestants: The contestants by name; each runs once untimed to warm up.
        repeats: How often to time each.

    Returns:
        The times of each, in seconds.
    """
    for prepare in contestants.values():
        prepare()()
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(repeats):
        for name, prepare in contestants.items():
            seconds[name].append(time_once(prepare))
    return seconds


def time_once(prepare: Contestant) -> float:
    """Prepare a run, and time only the run."""
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
    """Evaluate a claim about time, pair by pair.

    Args:
        claim: The claim.
        ours: Our times in seconds, one per repeat.
        peer: The peer's times.
        our_share: A factor for our times, for example to get the time per model.
        peer_share: A factor for the peer's times.
    """
    ours = [seconds * our_share for seconds in ours]
    peer = [seconds * peer_share for seconds in peer]
    pairs = list(zip(ours, peer, strict=True))
    ratios = [a / b if claim.bound == "at most" else b / a for a, b in pairs]
    return claim.judge(ratios, median(ours), median(peer), "s")
