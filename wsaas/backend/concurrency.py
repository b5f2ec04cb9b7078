"""How the webhooks in flight are shared between connects, messages and disconnects."""

from __future__ import annotations

from wsaas.core.model import Closed, Event, Opened, Received

KINDS: tuple[type[Event], ...] = (Received, Opened, Closed)


class Shares:
    """At most `total` webhooks in flight, a quarter of them kept for each kind of event.

    What a kind does not use of its quarter stays free for it; the rest goes to whoever comes. So a mass disconnect
    leaves live traffic its part, and the other way round. With a total under 4 nothing is kept back.
    """

    def __init__(self, total: int) -> None:
        self._free = total
        self._kept = total // 4
        self._kept_free = self._kept * len(KINDS)
        """What of the quarters is not used."""
        self.in_flight: dict[type[Event], int] = dict.fromkeys(KINDS, 0)

    def allows(self, kind: type[Event]) -> bool:
        """Whether one more of this kind may go out."""
        # Who has used up its own quarter may have what is free beyond those of the others.
        return self._free > (0 if self.in_flight[kind] < self._kept else self._kept_free)

    def enter(self, kind: type[Event]) -> None:
        self._free -= 1
        self.in_flight[kind] += 1
        if self.in_flight[kind] <= self._kept:
            self._kept_free -= 1

    def leave(self, kind: type[Event]) -> None:
        self._free += 1
        self.in_flight[kind] -= 1
        if self.in_flight[kind] < self._kept:
            self._kept_free += 1
