"""The handshakes for which the gateway waits, oldest first: for the head, or for a refused client to close."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from wsaas.clients.deadlines import Deadlines

EVICTION_AGE = 1.0
"""Seconds after which a handshake that is not there yet gives up its place, if a newcomer would have none."""


class PendingHandshake(Protocol):
    """A handshake that waits for the rest of its head."""

    def too_slow(self) -> None:
        """Hear that the time is over."""

    def evict(self) -> None:
        """Give up the place, for a newcomer."""


class PendingHandshakes(Deadlines[PendingHandshake]):
    """Gives each handshake `timeout` seconds for its head, or until it is dropped: its head is there, or it is over.

    Bound: one for each connection, which are bounded elsewhere.
    """

    __slots__ = ()

    def __init__(self, clock: IReactorTime, timeout: float) -> None:
        super().__init__(clock, timeout, lambda handshake: handshake.too_slow())

    def make_room(self) -> None:
        """Evict the one that takes longest, so that clients which connect and say nothing keep no others out."""
        oldest = self.oldest()
        if oldest is not None and oldest[1] >= EVICTION_AGE:
            self.drop(oldest[0])
            oldest[0].evict()
