"""A circuit breaker: it keeps webhooks back from a backend that cannot be reached."""

from __future__ import annotations

from collections.abc import Callable

THRESHOLD = 10
"""Failures in a row, without a success between them, that open the circuit."""
MOST_OF_ONE = 2
"""Failures of one party that count among these."""
PROBES = 4
"""Webhooks that may go out in each round while the circuit is open."""
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 0.5
REMEMBERED = 1000


class Pauses:
    """Pauses that grow from `FIRST_PAUSE` to `LONGEST_PAUSE` seconds. Half of each is random."""

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

    A failure that a party may have caused is counted for that party. Of one party at most `MOST_OF_ONE` failures count,
    so that no party opens the circuit for all. While it is open, each pause is followed by a round, in which `PROBES`
    webhooks may be sent. The first one that reaches the backend closes the circuit. A probe that hangs does not keep
    others from being sent, so the return of a backend is noticed within `LONGEST_PAUSE`.

    Connects do not wait for a probe, so the party with the most connects would get all probes. Therefore parties are
    named, each party has one probe in a round, and `kept` probes are for parties that have had none before.

    Bounds: `THRESHOLD` parties while it is closed, `REMEMBERED` while it is open. Over that all parties count as new.
    """

    def __init__(self, random: Callable[[], float], kept: int = 0) -> None:
        self._random = random
        self._kept = kept
        self.failures = 0
        self._of_party: dict[str, int] = {}
        self.open = False
        self.opened_at = 0.0
        """The moment at which it was opened last."""
        self.next_round = 0.0

    def admit(self, party: str | None, now: float) -> bool:
        """Return whether a webhook may be sent although the circuit is open. If so, it is a probe of this party."""
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
        """Count an answer of the backend; return whether it closes the circuit."""
        self.failures = 0
        self._of_party.clear()
        closes, self.open = self.open, False
        return closes

    def failed(self, party: str | None, now: float) -> bool:
        """Count a failure, of no party if `party` is None; return whether it opens the circuit."""
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
