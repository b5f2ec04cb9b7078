"""Parties whose connects make the backend fail: their connects are paced, and no other party's are."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from wsaas.backend.breaker import THRESHOLD, Pauses

FORGOTTEN_AFTER = 60.0
"""Seconds without a further failure after which a party begins anew."""
PARTIES = 10_000


class FailingParties:
    """Counts the failures in a row of each party. From `THRESHOLD` failures on, one webhook of the party may be sent
    after each pause, until one succeeds.

    The table is bounded: over `most` parties, the one that has not failed for longest is forgotten.
    """

    def __init__(self, random: Callable[[], float], most: int = PARTIES) -> None:
        self._random = random
        self._most = most
        self._parties: OrderedDict[str, _Party] = OrderedDict()  # in the order of their last failures

    def __len__(self) -> int:
        return len(self._parties)

    def admit(self, name: str, now: float) -> bool:
        """Return whether a webhook of this party may be sent now; if the party is paced, its next pause begins."""
        party = self._parties.get(name)
        if party is None or party.failures < THRESHOLD:
            return True
        if now < party.next_try:
            return False
        party.next_try = now + party.pauses.next()
        return True

    def failed(self, name: str, now: float) -> bool:
        """Count a failure of this party; return whether the party is paced from now on."""
        self._forget(now)
        party = self._parties.pop(name, None) or _Party(Pauses(self._random))
        self._parties[name] = party
        party.failed_at = now
        party.failures += 1
        if party.failures != THRESHOLD:
            return False
        party.next_try = now + party.pauses.next()
        return True

    def succeeded(self, name: str) -> None:
        """Forget the failures of this party: the backend has answered one of its webhooks."""
        self._parties.pop(name, None)

    def _forget(self, now: float) -> None:
        """Drop parties that have not failed for long, and the oldest one of a full table."""
        while self._parties:
            oldest = next(iter(self._parties))
            if len(self._parties) < self._most and now - self._parties[oldest].failed_at < FORGOTTEN_AFTER:
                break
            del self._parties[oldest]


class _Party:
    __slots__ = ("failed_at", "failures", "next_try", "pauses")

    def __init__(self, pauses: Pauses) -> None:
        self.pauses = pauses
        self.failures = 0
        self.failed_at = 0.0
        self.next_try = 0.0
