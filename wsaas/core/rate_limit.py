"""Limits of rate by token buckets. Moments are seconds of any clock that only goes forward."""

from __future__ import annotations


class Rates:
    """So many a second for each key, and `burst` at once after a rest.

    The table is bounded: over `most` keys, the one that has been quiet for longest is forgotten, and so begins anew.
    """

    def __init__(self, rate: float, burst: int, most: int) -> None:
        self._rate = rate
        self._burst = burst
        self._most = most
        self._buckets: dict[str, tuple[float, float]] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def allows(self, key: str, now: float) -> bool:
        """Say if one more may happen now; if so, it counts. The order of the table is that of use."""
        left, since = self._buckets.pop(key, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._rate)
        allowed = left >= 1
        self._buckets[key] = (left - 1 if allowed else left, now)
        if len(self._buckets) > self._most:
            del self._buckets[next(iter(self._buckets))]
        return allowed


class Pace:
    """`rate` a second of one thing, which waits when there were too many; a rate of 0 lets everything pass.

    Counts down from a burst of twice the rate and looks at the clock only when that is used up, so that what is
    counted may be small: over any time there are at most two bursts more than the rate allows.
    """

    __slots__ = ("_left", "_rate", "_since")

    def __init__(self, rate: int, now: float) -> None:
        self._rate = rate
        self._left = 2 * rate
        self._since = now

    def count(self) -> bool:
        """One more has happened. Whether the burst is used up: then `pause` says for how long to wait."""
        self._left -= 1
        return self._left <= 0 < self._rate

    def pause(self, now: float) -> float:
        """Seconds in which nothing more may happen, 0 if it may go on; what happened beyond the burst is paid for, too.

        A pause is a tenth of a second or more, so that a flood is read in a few large sips.
        """
        earned = int((now - self._since) * self._rate)
        if earned + self._left > 0:
            self._left = min(2 * self._rate, earned + self._left)
            self._since = now
            return 0.0
        return max(0.1, (1 - earned - self._left) / self._rate)
