"""Whether a backend that fails everything is to be bothered: a circuit breaker."""

from __future__ import annotations

from collections.abc import Callable

THRESHOLD = 10
"""So many failures in a row, and not one success between them, and the circuit opens."""
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 0.5


class Breaker:
    """Closed while webhooks succeed; open after `THRESHOLD` failures in a row.

    While it is open one webhook, the probe, may go out after each pause; the pauses grow from `FIRST_PAUSE` to
    `LONGEST_PAUSE` seconds, with half of each random. The first success closes it. A probe that hangs does not keep the
    next from being sent, so a backend that returns is noticed within `LONGEST_PAUSE`.

    Each kind of event has one: clients whose messages always fail must not keep newcomers out. A success of any kind is
    told to all.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._failures = 0
        self._probes = 0
        self.open = False
        self.next_probe = 0.0

    def admits(self, now: float) -> bool:
        """Whether a webhook may go out now."""
        return not self.open or now >= self.next_probe

    def sent(self, now: float) -> None:
        """One goes out. If the circuit is open it is the probe, and the next pause begins."""
        if self.open:
            self._pause(now)

    def succeeded(self) -> bool:
        """The backend answered one. Whether that closes the circuit."""
        self._failures = 0
        closes, self.open = self.open, False
        return closes

    def failed(self, now: float) -> bool:
        """One failed. Whether that opens the circuit."""
        self._failures += 1
        if self.open or self._failures < THRESHOLD:
            return False
        self.open = True
        self._probes = 0
        self._pause(now)
        return True

    def _pause(self, now: float) -> None:
        bound = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._probes, 16))
        self._probes += 1
        self.next_probe = now + bound * (0.5 + self._random() / 2)
