"""A connection's ordered, bounded queue of messages for the backend."""

from __future__ import annotations

from collections import deque

from wsaas.core.events import Received

# What holding one message costs beside its payload (objects and their slots), so that a flood of
# empty messages is bounded like a flood of large ones.
OVERHEAD = 256


class Lane:
    """Messages of one connection that the backend has not taken yet, oldest first, the one in flight included.

    The bound is `capacity` bytes, payloads plus `OVERHEAD` each, which bounds the count as well. The lane never drops:
    whoever fills it asks `has_room` before reading on, and stops reading from the client when there is none. An
    empty lane has room for any one message that the size limit let through.
    """

    __slots__ = ("_capacity", "messages", "size")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self.messages: deque[Received] | tuple[Received, ...] = ()
        self.size = 0

    def __len__(self) -> int:
        return len(self.messages)

    def has_room(self, length: int) -> bool:
        """Say if a message of `length` bytes fits now."""
        return not self.messages or self.size + length + OVERHEAD <= self._capacity

    @property
    def relaxed(self) -> bool:
        """Say if half of the lane is free: reading resumes here, not at the brim, so that it does not flutter."""
        return self.size * 2 <= self._capacity

    def push(self, message: Received) -> None:
        if not self.messages:  # a deque would take 760 bytes, of every idle connection if it stayed
            self.messages = (message,)
        elif isinstance(self.messages, deque):
            self.messages.append(message)
        else:
            self.messages = deque((*self.messages, message))
        self.size += len(message.frame.payload) + OVERHEAD

    @property
    def head(self) -> Received:
        """The oldest message; it stays until `pop`."""
        return self.messages[0]

    def pop(self) -> None:
        """The oldest message is done with."""
        self.size -= len(self.messages[0].frame.payload) + OVERHEAD
        if isinstance(self.messages, deque) and len(self.messages) > 1:
            self.messages.popleft()
        else:
            self.messages = ()

    def clear(self) -> int:
        """Give up all that waits; how many messages that were."""
        count = len(self.messages)
        self.messages = ()
        self.size = 0
        return count
