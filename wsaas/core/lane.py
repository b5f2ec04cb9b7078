"""The way in from one client: a connection's ordered, bounded queue of messages for the backend."""

from __future__ import annotations

from collections import deque
from typing import ClassVar

from wsaas.core.events import Batch, Received
from wsaas.core.interfaces import Peer
from wsaas.core.model import Frame, Messages

# What holding one message costs beside its payload (objects and their slots), so that a flood of
# empty messages is bounded like a flood of large ones.
OVERHEAD = 256


class Lane:
    """Messages of one connection that the backend has not taken yet, oldest first, the one in flight included.

    The bound is `capacity` bytes, payloads plus `OVERHEAD` each, which bounds the count as well. The lane never drops:
    each message is announced before it is read, and the client is not read from while there is no room for it. An empty
    lane has room for any one message that the size limit let through.
    """

    __slots__ = ("binary", "bytes", "capacity", "lost", "messages", "received", "refused", "size")

    MOST_IN_TUPLE: ClassVar = 1
    """Messages that wait in a tuple. More are in a deque: it takes 760 bytes, of every idle connection if it stayed."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.messages: deque[Received] | tuple[Received, ...] = ()
        self.size = 0
        self.refused: int | None = None
        """Bytes of the message for which there was no room: the client is not read from until there is."""
        self.received = self.binary = self.bytes = 0
        """All that came from the client: messages, how many of them were binary, and bytes of their payload."""
        self.lost = 0
        """Messages that the backend will never take."""

    def __len__(self) -> int:
        return len(self.messages)

    def announce(self, length: int, peer: Peer | None) -> None:
        """Hear that a message of `length` bytes comes; stop reading from the client if there is no room for it."""
        if peer is not None and not self._has_room(length):
            self.refused = length
            peer.pause_reading()

    def relieve(self, peer: Peer | None) -> None:
        """Read on once the message that was refused has room.

        That is when half of the lane is free, too: reading resumes there, not at the brim, so that it does not flutter.
        """
        if self.refused is None or peer is None:
            return
        if self.size * 2 <= self.capacity and self._has_room(self.refused):
            self.refused = None
            peer.resume_reading()

    def _has_room(self, length: int) -> bool:
        return not self.messages or self.size + length + OVERHEAD <= self.capacity

    def push(self, frame: Frame) -> None:
        """Number a message and put it behind all others."""
        length = len(frame.payload)
        self.received = sequence = self.received + 1
        self.bytes += length
        if frame.binary:
            self.binary += 1
        message = Received(sequence, frame)
        messages = self.messages
        if not messages:
            self.messages = (message,)
            self.size = length + OVERHEAD
            return
        if isinstance(messages, deque):
            messages.append(message)
        else:
            self.messages = deque((*messages, message))
        self.size += length + OVERHEAD

    @property
    def room(self) -> int:
        """The bytes for which there is room, each message with its OVERHEAD. (An empty lane may have more.)"""
        return self.capacity - self.size

    def push_all(self, messages: Messages) -> None:
        """Number several messages, for which there is `room`, and put them behind all others: as `push` for each."""
        frames, waiting = messages.frames, self.messages
        count, first = len(frames), self.received + 1
        self.received += count
        self.bytes += messages.length
        self.binary += messages.binary
        numbered = map(Received, range(first, first + count), frames)
        if isinstance(waiting, deque):
            waiting.extend(numbered)
        else:
            together = (*waiting, *numbered)
            self.messages = together if len(together) <= self.MOST_IN_TUPLE else deque(together)
        self.size += messages.length + count * OVERHEAD

    @property
    def head(self) -> Received | Batch:
        """The oldest message; it stays until `pop`."""
        return self.messages[0]

    def pop(self, taken: int | None = None) -> None:
        """Drop the oldest message: the backend has taken it. (`taken` has a meaning for a batch only.)"""
        messages = self.messages
        if len(messages) == 1:
            self.messages = ()
            self.size = 0
        else:
            assert isinstance(messages, deque)
            self.size -= len(messages.popleft().frame.payload) + OVERHEAD

    def give_up(self) -> None:
        """Count all that waits as lost; the lane is empty then."""
        self.lost += len(self.messages)
        self.messages = ()
        self.size = 0
