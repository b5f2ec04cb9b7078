"""The shares of connects, messages, refreshes and disconnects, and of parties, in the webhooks in flight."""

from __future__ import annotations

from wsaas.core.events import EventKind

_MESSAGE, _REFRESH = EventKind.MESSAGE, EventKind.REFRESH  # Enum looks its members up anew each time
_KINDS = (EventKind.CONNECT, _MESSAGE, EventKind.DISCONNECT)
PER_FREE = 3
"""Webhooks of one kind that a party may have in flight for each place that is still free for that kind."""


class Shares:
    """At most `total` webhooks in flight, a quarter of them kept for connects, messages and disconnects each.

    No other kind may use a kind's own quarter; the last quarter is for all kinds. So a mass disconnect leaves live
    traffic its part, and live traffic leaves disconnects theirs. With a total under 4 no place is kept.

    A refresh is live traffic, and counts as a message as well. An eighth of all places, and one at least, may be
    refreshes, so that connections which expire together do not hold up messages.

    Within a kind, one party gets at most three quarters of the places (`PER_FREE`), and the next party three quarters
    of those that are left. So a party with nothing in flight finds a place, however long the webhooks of a few others
    take. `_held` has only parties with a webhook in flight, so `total` bounds it.
    """

    def __init__(self, total: int) -> None:
        self._free = total
        self._kept = total // 4
        self._kept_free = self._kept * len(_KINDS)
        """Places of the three quarters that are not used."""
        self._most_refreshes = max(1, total // 8)
        self.in_flight: dict[EventKind, int] = dict.fromkeys(EventKind, 0)
        """Those of messages include refreshes."""
        self.offers: float = 0
        """Places that became free and were not offered yet to webhooks that wait. Each is for one webhook."""
        self._held: dict[EventKind, dict[str, int]] = {kind: {} for kind in _KINDS}

    def allow(self, kind: EventKind, party: str) -> bool:
        """Return whether one more webhook of this kind and party may be sent."""
        if kind is _REFRESH:
            return self.in_flight[_REFRESH] < self._most_refreshes and self.allow(_MESSAGE, party)
        in_flight = self.in_flight[kind]
        # The kind's own quarter, and the free places that no kind has to itself.
        free = self._free - self._kept_free
        if in_flight < self._kept:
            free += self._kept - in_flight
        # A party has at most as many as all parties together, so the first comparison is mostly enough.
        return free > 0 and (in_flight < PER_FREE * free or self._held[kind].get(party, 0) < PER_FREE * free)

    def room(self, kind: EventKind) -> bool:
        """Return whether one more webhook of this kind may be sent for a party that has none in flight."""
        if kind is _REFRESH:
            return self.in_flight[_REFRESH] < self._most_refreshes and self.room(_MESSAGE)
        return self._free - self._kept_free + max(0, self._kept - self.in_flight[kind]) > 0

    def try_acquire(self, kind: EventKind, party: str) -> bool:
        """Let one more webhook of this kind and party be in flight, and return True, if it may be sent.

        As `allow` and `acquire` in one step.
        """
        if kind is _REFRESH:
            if allowed := self.allow(kind, party):
                self.acquire(kind, party)
            return allowed
        in_flight = self.in_flight[kind]
        free = self._free - self._kept_free
        if in_flight < self._kept:
            free += self._kept - in_flight
        held = self._held[kind]
        of_party = held.get(party, 0)
        if in_flight >= PER_FREE * free and of_party >= PER_FREE * free:  # so it is where nothing is free
            return False
        self.in_flight[kind] = in_flight + 1
        self._free -= 1
        if in_flight < self._kept:
            self._kept_free -= 1
        held[party] = of_party + 1
        return True

    def acquire(self, kind: EventKind, party: str) -> None:
        if kind is _REFRESH:
            self.in_flight[_REFRESH] += 1
            kind = _MESSAGE
        self._free -= 1
        in_flight = self.in_flight[kind] = self.in_flight[kind] + 1
        if in_flight <= self._kept:
            self._kept_free -= 1
        held = self._held[kind]
        held[party] = held.get(party, 0) + 1

    def pass_on(self, kind: EventKind, giver: str, taker: str) -> bool:
        """Give a party's place to a webhook of the same kind that waits, of this or another party.

        As `release`, `allow` and `acquire` in one step. Return False, and change nothing, if that one may not be sent.
        """
        in_flight = self.in_flight[kind] - 1
        free = self._free + 1 - self._kept_free
        if in_flight < self._kept:
            free += self._kept - in_flight - 1
        # As in `allow`, the first comparison is mostly enough.
        if in_flight >= PER_FREE * free and self._held[kind].get(taker, 0) - (giver == taker) >= PER_FREE * free:
            return False
        if giver != taker:
            held = self._held[kind]
            held[taker] = held.get(taker, 0) + 1
            if left := held[giver] - 1:
                held[giver] = left
            else:
                del held[giver]
        return True

    def release(self, kind: EventKind, party: str) -> None:
        if kind is _REFRESH:
            self.in_flight[_REFRESH] -= 1
            kind = _MESSAGE
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
