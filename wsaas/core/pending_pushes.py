"""Pushes to a client that still waits for its 101."""

from __future__ import annotations

from wsaas.core.errors import ClientTooSlow
from wsaas.core.lane import OVERHEAD
from wsaas.core.model import Frame


class PendingPushes:
    """In the order in which they came, at most `capacity` bytes, payloads plus `OVERHEAD` each, or any one message."""

    __slots__ = ("_capacity", "_frames", "size")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._frames: list[Frame] = []
        self.size = 0
        """Bytes of payload that wait."""

    def add(self, frame: Frame) -> None:
        """Raises ClientTooSlow over the bound."""
        size = self.size + len(frame.payload)
        if self._frames and size + OVERHEAD * (len(self._frames) + 1) > self._capacity:
            raise ClientTooSlow("too much waits for the handshake to end; try again later")
        self._frames.append(frame)
        self.size = size

    def take(self) -> list[Frame]:
        """All of them; none are left."""
        frames, self._frames, self.size = self._frames, [], 0
        return frames

    def clear(self) -> None:
        self.take()
