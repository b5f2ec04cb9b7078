"""The bytes that wait to be written to one client."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IPushProducer, ITransport
from zope.interface import implementer

from wsaas.internals.direct_write import can_write_through, nothing_waits


class BufferOwner(Protocol):
    """The part of a connection that writes to the client."""

    def drained(self) -> None:
        """All that waited is written."""

    def straight(self, file: int) -> None:
        """A message may be written straight to this file from now on; if it is negative, to none any more."""


@implementer(IPushProducer)
class SendBuffer:
    """Bytes on their way to a client, in order, bounded.

    While nothing waits, the socket is given a message at once (see `wsaas.internals.direct_write`).
    What it does not take goes to the transport, which says (as a streaming producer's consumer does) when it has had
    enough; what comes then waits here.
    `room` is the question before a message: at most `capacity` bytes wait, or one message if nothing else does. Frames
    that cannot be refused (Close, Pong) are written without asking; there is one Close in a connection's life, and
    Pongs are held back by whoever sends them while `paused`.
    """

    __slots__ = (
        "_capacity",
        "_clock",
        "_handed",
        "_owner",
        "_queue",
        "_queued",
        "_transport",
        "clear",
        "file",
        "full_since",
        "paused",
    )

    def __init__(self, transport: ITransport, capacity: int, clock: Callable[[], float], owner: BufferOwner) -> None:
        self._transport = transport
        self.file = transport.fileno() if can_write_through(transport) else -1  # type: ignore[attr-defined]
        """The socket's number, negative if nothing may be written to it straight."""
        self.clear = self.file >= 0
        """Whether nothing waits: then a message may be written straight, and what the socket does not take of it is for
        `rest`. The owner is told when this changes."""
        self._clock = clock
        self._capacity = capacity
        self._owner = owner
        self._queue: deque[bytes] | None = None
        self._queued = 0
        self._handed = 0
        self.paused = False
        self.full_since: float | None = None
        """When `room` was first denied since the client last took something, or None."""

    @property
    def waiting(self) -> int:
        """Bytes that the client has not taken. What is under the transport's own mark (64 KiB) counts as taken."""
        return self._queued + self._handed

    def room(self, length: int) -> bool:
        """Say if a message of `length` bytes may be written now."""
        if not self.paused:
            return True
        waiting = self._queued + self._handed
        if waiting + length <= self._capacity or (waiting == 0 and self._capacity >= 0):
            return True
        if self.full_since is None:
            self.full_since = self._clock()
        return False

    def offer(self, data: bytes) -> bool:
        """Write a message if there is room for it; whether there was."""
        if not self.paused:
            if self.clear or self._clears():
                try:
                    sent = os.write(self.file, data)
                except OSError:  # it would block, or is broken: the transport meets the same and deals with it
                    sent = 0
                if sent < len(data):
                    self.rest(data[sent:])
            else:
                self._hand_over(data)
            return True
        if self.room(len(data)):
            self._wait(data)
            return True
        return False

    def rest(self, data: bytes) -> None:
        """Take over what the socket did not take of a message."""
        self.clear = False
        self._owner.straight(-1)
        self._hand_over(data)

    def _hand_over(self, data: bytes) -> None:
        self._transport.write(data)
        if self.paused:
            self._handed = len(data)

    def write(self, data: bytes) -> None:
        """Write what cannot be refused."""
        if self.paused:
            self._wait(data)
        else:
            self.offer(data)

    def _clears(self) -> bool:
        """Say if a transport that had something to write has written it: then it need not be asked again."""
        self.clear = self.file >= 0 and nothing_waits(self._transport)
        if self.clear:
            self._owner.straight(self.file)
        return self.clear

    def let_go(self) -> None:
        """The transport closes: whatever is still written is its own affair, for its file may soon be another's."""
        self.clear, self.file = False, -1
        self._owner.straight(-1)

    def _wait(self, data: bytes) -> None:
        if self._queue is None:
            self._queue = deque()
        self._queue.append(data)
        self._queued += len(data)

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
            self.offer(data)
        if not self._queue:
            self._queue = None
        if not self.paused:
            self._owner.drained()

    def stopProducing(self) -> None:
        """The connection is lost (IPushProducer), and its file about to be closed: there is no room any more."""
        self.let_go()
        self._queue = None
        self._queued = self._handed = 0
        self._capacity = -1
        self.paused = True
