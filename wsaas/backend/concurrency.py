"""The shares of connects, messages and disconnects, and of parties, in the webhooks in flight."""

from __future__ import annotations

from wsaas.core.events import EventKind

GREED = 3
"""Webhooks of one kind that a party may have in flight for each place that is still free for that kind."""


class Shares:
    """At most `total` webhooks in flight, a quarter of them kept for each kind of event.

    No other kind may use a kind's own quarter; the last quarter is for all kinds. So a mass disconnect leaves live
    traffic its part, and live traffic leaves disconnects theirs. With a total under 4 no place is kept.

    Within a kind, one party gets at most three quarters of the places (`GREED`), and the next party three quarters of
    those that are left. So a party with nothing in flight finds a place, however long the webhooks of a few others
    take. `_held` has only parties with a webhook in flight, so `total` bounds it.
    """

    def __init__(self, total: int) -> None:
        self._free = total
        self._kept = total // 4
        self._kept_free = self._kept * len(EventKind)
        """Places of the three quarters that are not used."""
        self.in_flight: dict[EventKind, int] = dict.fromkeys(EventKind, 0)
        self.offers: float = 0
        """Places that became free and were not offered yet to webhooks that wait. Each is for one webhook."""
        self._held: dict[EventKind, dict[str, int]] = {kind: {} for kind in EventKind}

    def allow(self, kind: EventKind, party: str) -> bool:
        """Return whether one more webhook of this kind and party may be sent."""
        in_flight = self.in_flight[kind]
        # The kind's own quarter, and the free places that no kind has to itself.
        free = self._free - self._kept_free
        if in_flight < self._kept:
            free += self._kept - in_flight
        # A party has at most as many as all parties together, so the first comparison is mostly enough.
        return free > 0 and (in_flight < GREED * free or self._held[kind].get(party, 0) < GREED * free)

    def acquire(self, kind: EventKind, party: str) -> None:
        self._free -= 1
        in_flight = self.in_flight[kind] = self.in_flight[kind] + 1
        if in_flight <= self._kept:
            self._kept_free -= 1
        held = self._held[kind]
        held[party] = held.get(party, 0) + 1

    def release(self, kind: EventKind, party: str) -> None:
        self._free += 1
        self.offers += 1
        in_flight = self.in_flight[kind] = self.in_flight[kind] - 1
        if in_flight < self._kept:
            self._kept_free += 1
        held = self._held[kind]
        left = held[party] - 1
        if left:
            held[party] = left
        else:
            del held[party]
