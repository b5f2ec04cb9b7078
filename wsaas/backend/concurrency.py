"""How the webhooks in flight are shared between connects, messages and disconnects, and between parties."""

from __future__ import annotations

from wsaas.core.events import EventKind

GREED = 3
"""A party may have so many in flight of a kind for each one that is still free for that kind."""


class Shares:
    """At most `total` webhooks in flight, a quarter of them kept for each kind of event.

    What a kind does not use of its quarter stays free for it; the rest goes to whoever comes. So a mass disconnect
    leaves live traffic its part, and the other way round. With a total under 4 nothing is kept back.

    Within a kind, one party alone gets three quarters of what there is (`GREED`), and another three quarters of what it
    left: something is there for one that has nothing in flight, however long the webhooks of a few others take. `_held`
    counts parties with something in flight only: it is bounded by `total`.
    """

    def __init__(self, total: int) -> None:
        self._free = total
        self._kept = total // 4
        self._kept_free = self._kept * len(EventKind)
        """What of the quarters is not used."""
        self.in_flight: dict[EventKind, int] = dict.fromkeys(EventKind, 0)
        self.offers: float = 0
        """Places that became free and were not offered yet to what waits for one; each is enough for one webhook."""
        self._held: dict[EventKind, dict[str, int]] = {kind: {} for kind in EventKind}

    def allow(self, kind: EventKind, party: str) -> bool:
        """Tell whether one more of this kind and party may go out."""
        in_flight = self.in_flight[kind]
        # Its own quarter, and what is free beyond those of all.
        free = self._free - self._kept_free
        if in_flight < self._kept:
            free += self._kept - in_flight
        # A party has no more than all have: most of the time that says enough.
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
