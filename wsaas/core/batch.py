"""A lane that gives the messages of a connection in batches: several of them make one event."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from wsaas.core.events import Batch, Received
from wsaas.core.lane import OVERHEAD, Lane
from wsaas.core.model import Limits


class BatchLane(Lane):
    """A lane whose head is a batch: what waits, `most` messages and `most_bytes` bytes of payload at most.

    A single message that is longer makes a batch by itself. The batch that was given last is in flight until `pop`:
    messages that come meanwhile wait for the next.
    """

    __slots__ = ("_in_flight", "_most", "_most_bytes", "_size_in_flight")
    MOST_IN_TUPLE = 64

    def __init__(self, capacity: int, most: int, most_bytes: int) -> None:
        super().__init__(capacity)
        self._most = most
        self._most_bytes = most_bytes
        self._in_flight = self._size_in_flight = 0

    @property
    def head(self) -> Batch:
        """The oldest messages; they stay until `pop`."""
        waiting = self.messages
        count = len(waiting)
        if count <= self._most and self.size - count * OVERHEAD <= self._most_bytes:
            messages = tuple(waiting)
            self._size_in_flight = self.size
        else:
            messages = tuple(islice(waiting, self._most))
            room = self._most_bytes
            for at, message in enumerate(messages):
                room -= len(message.frame.payload)
                if at and room < 0:
                    messages = messages[:at]
                    break
            self._size_in_flight = _size(messages)
        self._in_flight = len(messages)
        return Batch(messages, self._most_bytes)

    def pop(self, taken: int | None = None) -> None:
        """Drop the messages of the batch in flight, or the first `taken` of them."""
        messages = self.messages
        if taken is None:
            taken = self._in_flight
            self.size -= self._size_in_flight
        else:
            self.size -= _size(islice(messages, taken))
        if isinstance(messages, tuple):
            self.messages = messages[taken:]
        elif taken < len(messages):
            for _ in range(taken):
                messages.popleft()
        else:
            self.messages = ()


def _size(messages: Iterable[Received]) -> int:
    return sum([len(message.frame.payload) + OVERHEAD for message in messages])


def make_lane(limits: Limits) -> Lane:
    """Make the lane of a connection: one for batches if a webhook may have several messages."""
    if limits.batch == 1:
        return Lane(limits.receive_buffer)
    return BatchLane(limits.receive_buffer, limits.batch, limits.max_message_size)
