"""The handshakes for which the gateway waits, oldest first: for the head, or for a refused client to close."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

PATIENCE = 1.0
"""Seconds after which a handshake that is not there yet gives up its place, if a newcomer would have none."""


class PendingHandshake(Protocol):
    """A handshake that waits for the rest of its head."""

    def too_slow(self) -> None:
        """Hear that the time is over."""

    def evict(self) -> None:
        """Give up the place, for a newcomer."""


class PendingHandshakes:
    """Gives each handshake `timeout` seconds for its head, by one timer for all of them.

    Bound: one for each connection, which are bounded elsewhere.
    """

    def __init__(self, clock: IReactorTime, timeout: float) -> None:
        self._clock = clock
        self._timeout = timeout
        self._since: dict[PendingHandshake, float] = {}
        self._call: IDelayedCall | None = None

    def __len__(self) -> int:
        return len(self._since)

    def add(self, handshake: PendingHandshake) -> None:
        """Begin to count its time."""
        self._since[handshake] = self._clock.seconds()
        if self._call is None:
            self._call = self._clock.callLater(self._timeout, self._expire)

    def discard(self, handshake: PendingHandshake) -> None:
        """Stop counting: its head is there, or it is over. Idempotent."""
        self._since.pop(handshake, None)
        if not self._since and self._call is not None:
            self._call.cancel()
            self._call = None

    def make_room(self) -> None:
        """Evict the one that takes longest, so that nobody who opens connections and says nothing keeps others out."""
        oldest = next(iter(self._since), None)
        if oldest is not None and self._clock.seconds() - self._since[oldest] >= PATIENCE:
            self.discard(oldest)
            oldest.evict()

    def _expire(self) -> None:
        self._call = None
        now = self._clock.seconds()
        for handshake, since in list(self._since.items()):
            if since + self._timeout > now:
                self._call = self._clock.callLater(since + self._timeout - now, self._expire)
                return
            del self._since[handshake]
            handshake.too_slow()
