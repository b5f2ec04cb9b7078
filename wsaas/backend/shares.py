"""How the webhooks in flight are shared between connects, messages and disconnects."""

from __future__ import annotations

from wsaas.gateway.model import Closed, Event, Opened, Received

KINDS: tuple[type[Event], ...] = (Received, Opened, Closed)


class Shares:
    """At most `total` webhooks in flight, a quarter of them kept for each kind of event.

    What a kind does not use of its quarter stays free for it; the rest goes to whoever comes. So a mass disconnect
    leaves live traffic its part, and the other way round. With a total under 4 nothing is kept back.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._kept = total // 4
        self.in_flight: dict[type[Event], int] = dict.fromkeys(KINDS, 0)

    def allows(self, kind: type[Event]) -> bool:
        """Whether one more of this kind may go out."""
        used = sum(self.in_flight.values())
        if used >= self._total:
            return False
        if self.in_flight[kind] < self._kept:
            return True
        kept_for_others = sum(max(0, self._kept - self.in_flight[other]) for other in KINDS if other is not kind)
        return used + kept_for_others < self._total

    def enter(self, kind: type[Event]) -> None:
        self.in_flight[kind] += 1

    def leave(self, kind: type[Event]) -> None:
        self.in_flight[kind] -= 1
