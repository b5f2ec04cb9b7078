"""The clients that are slower than the traffic, or faster than the backend, at this moment."""

from __future__ import annotations

from typing import Protocol


class Buffer(Protocol):
    """The bytes that wait to be written to one client."""

    @property
    def waiting(self) -> int:
        """Return their number."""


class Backpressure:
    """The connections on which something waits: `unread` are not read from, `unwritten` have a full transport.

    Those that are neither, nearly all, cost nothing. Bound: one entry of each kind for an open connection.
    """

    __slots__ = ("unread", "unwritten")

    def __init__(self) -> None:
        self.unread: set[object] = set()
        self.unwritten: set[Buffer] = set()

    @property
    def bytes_unwritten(self) -> int:
        """The bytes that wait to be written to clients."""
        return sum(buffer.waiting for buffer in self.unwritten)
