"""What waits to be written to one client."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.interfaces import IPushProducer, ITransport
from zope.interface import implementer


@implementer(IPushProducer)
class Outbox:
    """Bytes on their way to a client, in order, bounded.

    The transport takes what it can and says (as a streaming producer's consumer does) when it has had enough; what
    comes then waits here. `room` is the question before a message: at most `capacity` bytes wait, or one message if
    nothing else does. Frames that cannot be refused (Close, Pong) are written without asking; there is one Close in a
    connection's life, and Pongs are held back by whoever sends them while `paused`.
    """

    __slots__ = ("_capacity", "_drained", "_handed", "_queue", "_queued", "_transport", "full_since", "paused")

    def __init__(self, transport: ITransport, capacity: int, drained: Callable[[], None]) -> None:
        self._transport = transport
        self._capacity = capacity
        self._drained = drained
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._handed = 0
        self.paused = False
        self.full_since: float | None = None
        """When `room` was first denied since the client last took something, or None."""

    @property
    def waiting(self) -> int:
        """Bytes that the client has not taken. What is under the transport's own mark (64 KiB) counts as taken."""
        return self._queued + self._handed

    def room(self, length: int, now: float) -> bool:
        """Whether a message of `length` bytes may be written now."""
        waiting = self._queued + self._handed
        if waiting == 0 or waiting + length <= self._capacity:
            return True
        if self.full_since is None:
            self.full_since = now
        return False

    def write(self, data: bytes) -> None:
        if self.paused:
            self._queue.append(data)
            self._queued += len(data)
        else:
            self._transport.write(data)
            if self.paused:
                self._handed = len(data)

    def pauseProducing(self) -> None:
        """The transport has had enough (IPushProducer)."""
        self.paused = True

    def resumeProducing(self) -> None:
        """The transport has written all it had (IPushProducer)."""
        self.paused = False
        self._handed = 0
        self.full_since = None
        while self._queue and not self.paused:
            data = self._queue.popleft()
            self._queued -= len(data)
            self.write(data)
        if not self.paused:
            self._drained()

    def stopProducing(self) -> None:
        """The connection is lost (IPushProducer)."""
        self._queue.clear()
        self._queued = self._handed = 0
        self.paused = True
