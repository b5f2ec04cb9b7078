"""Limits of rate, by token buckets. `now` is the time in seconds by a clock that never goes back."""

from __future__ import annotations

from math import inf


class Rates:
    """Allows `rate` events a second for each key, and `burst` of them at once after a rest.

    The table is bounded: over `most` keys, the key that has been quiet for longest is forgotten, and begins anew.
    """

    def __init__(self, rate: float, burst: int, most: int) -> None:
        self._rate = rate
        self._burst = burst
        self._most = most
        self._buckets: dict[str, tuple[float, float]] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def allows(self, key: str, now: float) -> bool:
        """Say if the key may have one more event now, and count it then. The table is in the order of last use."""
        left, since = self._buckets.pop(key, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._rate)
        allowed = left >= 1
        self._buckets[key] = (left - 1 if allowed else left, now)
        if len(self._buckets) > self._most:
            del self._buckets[next(iter(self._buckets))]
        return allowed


class Pace:
    """Slows one stream of events down to `rate` a second; a rate of 0 lets every event pass.

    It counts down from a burst of twice the rate, and looks at the clock only when the burst is used up: counting costs
    next to nothing. Over any time there are at most two bursts more than the rate allows.
    """

    __slots__ = ("_rate", "_since", "left")

    def __init__(self, rate: int, now: float) -> None:
        self._rate = rate
        self.left: float = 2 * rate if rate else inf
        """Events until the burst is used up. A caller may count down by itself, and ask `pause` at 0 or below."""
        self._since = now

    def count(self) -> bool:
        """Count one event; return True if the burst is used up, so that `pause` has to be asked."""
        self.left -= 1
        return self.left <= 0

    def pause(self, now: float) -> float:
        """Return the seconds to wait until the next event, 0 for none; events beyond the burst are waited for, too.

        A pause is a tenth of a second or longer, so that a flood is read in few turns.
        """
        earned = int((now - self._since) * self._rate)
        if earned + self.left > 0:
            self.left = min(2 * self._rate, earned + self.left)
            self._since = now
            return 0.0
        return max(0.1, (1 - earned - self.left) / self._rate)
