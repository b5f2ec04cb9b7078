"""The figures of one moment for people, `/-/stats`: those of each process, added up, and what they come to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from wsaas.core.census import Census
from wsaas.core.counters import DURATIONS, Counters
from wsaas.core.monitor import Monitor

RECENT = 30.0
"""Seconds after which the times of webhooks are counted anew: a quantile is of the last 30 to 60 seconds."""


class Figures:
    """The figures of one process. `clock()` counts seconds, `wall_clock()` is in seconds since the epoch.

    `census()` counts the sessions; `limit()` is how many there is room for, None if that is not known yet. Each reading
    looks at each session once.
    """

    def __init__(
        self,
        monitor: Monitor,
        census: Callable[[], Census],
        limit: Callable[[], int | None],
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        self._monitor = monitor
        self._census = census
        self._limit = limit
        self._clock = clock
        self._wall_clock = wall_clock
        self._started = clock()
        nothing = [0] * (len(DURATIONS) + 1)
        self._marks = [(self._started, nothing), (self._started, nothing)]
        """The times of webhooks as they were counted at two moments, the older one first."""

    def read(self) -> dict[str, Any]:
        """Return the figures, as values that JSON has and that can be added up."""
        counters, census, now = self._monitor.counters, self._census(), self._clock()
        webhooks = counters.webhooks.values()
        attempts = sum(sum(each.answers) + each.timeouts + each.failures for each in webhooks)
        failures = sum(each.answers[3] + each.answers[5] + each.timeouts + each.failures for each in webhooks)
        oldest = self._monitor.owed.oldest()
        return {
            "uptime": now - self._started,
            "connections": census.open + census.connecting,
            "limit": self._limit(),
            "waiting_disconnects": len(self._monitor.owed),
            "oldest_waiting": None if oldest is None else max(0.0, self._wall_clock() - oldest),
            "durations": self._recent(counters, now),
            "counters": {
                "messages_received": census.messages.received,
                "messages_sent": census.messages.sent,
                "webhook_attempts": attempts,
                "webhook_failures": failures,
            },
        }

    def _recent(self, counters: Counters, now: float) -> list[int]:
        """Return how many tries of webhooks there were lately in each bucket of DURATIONS."""
        counts = [
            sum(each) for each in zip(*(kind.duration.counts for kind in counters.webhooks.values()), strict=True)
        ]
        if now - self._marks[1][0] >= RECENT:
            self._marks = [self._marks[1], (now, counts)]
        return [count - before for count, before in zip(counts, self._marks[0][1], strict=True)]


def added_up(readings: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the figures of all processes together: the longest uptime, the longest wait, and sums of all else."""
    total: dict[str, Any] = {}
    for reading in readings:
        for name, value in reading.items():
            if name not in total or total[name] is None:
                total[name] = value
            elif value is not None:
                total[name] = _both(name, total[name], value)
    durations = total.pop("durations")
    return {
        **total,
        "webhook_p50": in_milliseconds(quantile(0.5, DURATIONS, durations)),
        "webhook_p99": in_milliseconds(quantile(0.99, DURATIONS, durations)),
    }


def _both(name: str, one: Any, other: Any) -> Any:
    match one:
        case list():
            return [first + second for first, second in zip(one, other, strict=True)]
        case dict():
            return {each: value + other[each] for each, value in one.items()}
    return max(one, other) if name in ("uptime", "oldest_waiting") else one + other


def quantile(part: float, bounds: Sequence[float], counts: Sequence[int]) -> float | None:
    """Return the value below which this part of all values is, as near as their buckets tell; None if there are none.

    The last bucket has no upper bound: the answer is its lower one then.
    """
    total = sum(counts)
    if not total:
        return None
    below, rank, lower = 0, part * total, 0.0
    for bound, count in zip(bounds, counts, strict=False):
        if count and below + count >= rank:
            return lower + (bound - lower) * (rank - below) / count
        below += count
        lower = bound
    return bounds[-1]


def in_milliseconds(seconds: float | None) -> float | None:
    """Return a duration as it is shown."""
    return None if seconds is None else round(seconds * 1000, 3)
