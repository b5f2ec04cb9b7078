"""A push of the fast path that comes in several reads: its head is whole, and a part of its body is missing.

Over a network most pushes of more than a few packets come so.
"""

from __future__ import annotations


class PartialPush:
    """The part that has come. Bound: the length in its head, MAX_MESSAGE_SIZE at most, and one read beyond."""

    __slots__ = ("_lacking", "_part")

    def __init__(self, begin: bytes, lacking: int) -> None:
        self._part = bytearray(begin)
        self._lacking = lacking

    def feed(self, data: bytes) -> bytes:
        """Take more of it. Return the whole request, and what follows it; nothing while more is to come."""
        self._part += data
        self._lacking -= len(data)
        return self.so_far() if self._lacking <= 0 else b""

    def so_far(self) -> bytes:
        """Return what has come."""
        return bytes(self._part)
