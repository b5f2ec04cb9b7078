"""A circuit breaker: decides whether a backend that cannot be reached is to be bothered."""

from __future__ import annotations

from collections.abc import Callable

THRESHOLD = 10
"""So many failures in a row, and not one success between them, and the circuit opens."""
MOST_OF_ONE = 2
"""Of these, as many as one party is counted for."""
PROBES = 4
"""Webhooks that may go out in each round while the circuit is open."""
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 0.5
REMEMBERED = 1000


class Pauses:
    """Pauses that grow from `FIRST_PAUSE` to `LONGEST_PAUSE` seconds, with half of each random."""

    __slots__ = ("_count", "_random")

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._count = 0

    def next(self) -> float:
        bound = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._count, 16))
        self._count += 1
        return bound * (0.5 + self._random() / 2)


class Breaker:
    """Closed while the backend can be reached; open after `THRESHOLD` failures to reach it in a row.

    A failure that a party may have caused is counted with that party, and of one party no more than `MOST_OF_ONE`
    count: nobody opens the circuit for all. While it is open there is a round after each pause, in which `PROBES`
    webhooks may go out. The first that reaches the backend closes it. A probe that hangs keeps no other from being
    sent, so a backend that returns is noticed within `LONGEST_PAUSE`.

    Where webhooks do not wait for their turn to be a probe, the loudest would take all: then parties are named, each
    has one probe in a round, and `kept` of the probes are for parties that have had none before.

    Bounds: `THRESHOLD` parties while it is closed, `REMEMBERED` while it is open; over that all count as new again.
    """

    def __init__(self, random: Callable[[], float], kept: int = 0) -> None:
        self._random = random
        self._kept = kept
        self.failures = 0
        self._of_party: dict[str, int] = {}
        self.open = False
        self.opened_at = 0.0
        """When it was opened last."""
        self.next_round = 0.0

    def admit(self, party: str | None, now: float) -> bool:
        """Tell whether a webhook may go out though the circuit is open; if so, it counts as a probe of this party."""
        if now >= self.next_round:
            self.next_round = now + self._pauses.next()
            self._left = PROBES
            self._round: set[str] = set()
        elif party in self._round or self._left <= (self._kept if party in self._probed else 0):
            return False
        self._left -= 1
        if party is not None:
            self._round.add(party)
            if len(self._probed) >= REMEMBERED:
                self._probed.clear()
            self._probed.add(party)
        return True

    def reached(self) -> bool:
        """Note that the backend answered; tell whether that closes the circuit."""
        self.failures = 0
        self._of_party.clear()
        closes, self.open = self.open, False
        return closes

    def failed(self, party: str | None, now: float) -> bool:
        """Note a failure, by no fault of any party if that is None; tell whether it opens the circuit."""
        if self.open:
            return False
        if party is not None:
            self._of_party[party] = counted = self._of_party.get(party, 0) + 1
            if counted > MOST_OF_ONE:
                return False
        self.failures += 1
        if self.failures < THRESHOLD:
            return False
        self.open = True
        self.opened_at = now
        self._pauses = Pauses(self._random)
        self._probed: set[str] = set()
        self.next_round = now + self._pauses.next()
        self._left = 0
        self._round = set()
        return True
