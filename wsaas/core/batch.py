"""A lane that gives the messages of a connection in batches: several of them make one event."""

from __future__ import annotations

from itertools import islice

from wsaas.core.events import Batch, Received
from wsaas.core.lane import Lane
from wsaas.core.model import Limits


class BatchLane(Lane):
    """A lane whose head is a batch: what waits, `most` messages and `most_bytes` bytes of payload at most.

    A single message that is longer makes a batch by itself. The batch that was given last is in flight until `pop`:
    messages that come meanwhile wait for the next.
    """

    __slots__ = ("_in_flight", "_most", "_most_bytes")

    def __init__(self, capacity: int, most: int, most_bytes: int) -> None:
        super().__init__(capacity)
        self._most = most
        self._most_bytes = most_bytes
        self._in_flight = 0

    @property
    def head(self) -> Batch:
        """The oldest messages; they stay until `pop`."""
        messages: list[Received] = []
        room = self._most_bytes
        for message in islice(self.messages, self._most):
            room -= len(message.frame.payload)
            if messages and room < 0:
                break
            messages.append(message)
        self._in_flight = len(messages)
        return Batch(tuple(messages), self._most_bytes)

    def pop(self, taken: int | None = None) -> None:
        """Drop the messages of the batch in flight, or the first `taken` of them."""
        for _ in range(self._in_flight if taken is None else taken):
            super().pop()


def make_lane(limits: Limits) -> Lane:
    """Make the lane of a connection: one for batches if a webhook may have several messages."""
    if limits.batch == 1:
        return Lane(limits.receive_buffer)
    return BatchLane(limits.receive_buffer, limits.batch, limits.max_message_size)
