"""Checks at intervals that the clients are still there."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

CHECKS_PER_TIMEOUT = 8
"""Checks of each connection in one timeout."""
PARTS = 16
"""Parts into which the connections are divided, to be checked one after the other."""


class Watched(Protocol):
    """A connection as the keepalive sees it."""

    def look(self) -> None:
        """Check that the client is still there."""


class Keepalive:
    """Checks every connection `CHECKS_PER_TIMEOUT` times in `timeout` seconds, a sixteenth of them at a time.

    `clock` does not count the time in which the process stood still, so that silence in that time is held against no
    client. Bound: each connection stands in one part.
    """

    def __init__(self, clock: IReactorTime, timeout: float) -> None:
        self._clock = clock
        self._timeout = timeout
        self._step = timeout / CHECKS_PER_TIMEOUT / PARTS
        self._turns: list[dict[Watched, None]] = [{} for _ in range(PARTS)]
        self._turn = 0
        self._next_home = 0
        self._home: dict[Watched, int] = {}
        self._due = 0.0
        self._call: IDelayedCall | None = None

    def start(self) -> None:
        """Begin to check, unless the timeout is 0."""
        if self._timeout:
            self._wait(self._clock.seconds())

    def stop(self) -> None:
        """Stop checking."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def add(self, connection: Watched) -> None:
        """Check this connection, too."""
        turn = self._next_home
        self._next_home = (turn + 1) % PARTS
        self._home[connection] = turn
        self._turns[turn][connection] = None

    def remove(self, connection: Watched) -> None:
        """Check this connection no more. Idempotent."""
        turn = self._home.pop(connection, None)
        if turn is not None:
            del self._turns[turn][connection]

    def _wait(self, since: float) -> None:
        self._due = since + self._step
        self._call = self._clock.callLater(max(0.0, self._due - self._clock.seconds()), self._look)

    def _look(self) -> None:
        self._turn = (self._turn + 1) % PARTS
        for connection in list(self._turns[self._turn]):
            connection.look()
        self._wait(self._due)  # not from now: small delays must not add up
