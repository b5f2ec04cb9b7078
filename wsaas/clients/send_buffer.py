"""The bytes that wait to be written to one client."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IPushProducer, ITransport
from zope.interface import implementer

from wsaas.clients.backpressure import Backpressure
from wsaas.core.interfaces import SessionInput
from wsaas.internals.direct_write import can_write_through, nothing_waits


class BufferOwner(Protocol):
    """The part of a connection that writes to the client."""

    def drained(self) -> None:
        """Hear that all bytes that waited are written."""


class _Nobody:
    """The owner of a buffer whose connection is lost. It is not the connection, so that both are freed at once."""

    def drained(self) -> None:
        """Do nothing."""


_NOBODY = _Nobody()


@implementer(IPushProducer)
class SendBuffer:
    """The bytes that wait to be written to one client, in order.

    While nothing waits, a message is written to the socket at once (see `wsaas.internals.direct_write`). Bytes that the
    socket does not take go to the transport, until the transport pauses its producer; later ones wait here.

    Bound: at most `capacity` bytes of messages wait, or one message if nothing else does (`room`). Frames that cannot
    be refused are written without asking: there is one Close in a connection's life, and FrameReader holds Pongs back
    while `paused`. `backpressure` lists the buffer so long.
    """

    __slots__ = (
        "_backpressure",
        "_capacity",
        "_clock",
        "_fd",
        "_handed",
        "_owner",
        "_queue",
        "_queued",
        "_session",
        "_transport",
        "clear",
        "full_since",
        "paused",
    )

    def __init__(
        self,
        transport: ITransport,
        capacity: int,
        clock: Callable[[], float],
        owner: BufferOwner,
        backpressure: Backpressure,
    ) -> None:
        self._backpressure = backpressure
        self._transport = transport
        self._fd = transport.fileno() if can_write_through(transport) else -1  # type: ignore[attr-defined]
        """The socket's file descriptor; negative if nothing may be written to it directly."""
        self.clear = self._fd >= 0
        """Set while nothing waits: then a message may be written directly, and `write_remainder` takes what is left."""
        self._session: SessionInput | None = None
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
        """Write a message; return False, and write nothing, if there is no room for it."""
        if not self.paused:
            if self.clear or self._clears():
                try:
                    sent = os.write(self._fd, data)
                except OSError:  # it would block, or is broken: the transport meets the same and deals with it
                    sent = 0
                if sent < len(data):
                    self.write_remainder(data[sent:])
            else:
                self._hand_over(data)
            return True
        if self.room(len(data)):
            self._wait(data)
            return True
        return False

    def write_remainder(self, data: bytes) -> None:
        """Take over the bytes of a message that the socket did not take."""
        self.clear = False
        self._list_in_fan_out()
        self._hand_over(data)

    def _hand_over(self, data: bytes) -> None:
        self._transport.write(data)
        if self.paused:
            self._handed = len(data)

    def write(self, data: bytes) -> None:
        """Write bytes that cannot be refused."""
        if self.paused:
            self._wait(data)
        else:
            self.offer(data)

    def _clears(self) -> bool:
        """Say if a transport that had something to write has written it: then it need not be asked again."""
        self.clear = self._fd >= 0 and nothing_waits(self._transport)
        if self.clear:
            self._list_in_fan_out()
        return self.clear

    def join_fan_out(self, session: SessionInput) -> None:
        """Let a fan-out write to the session's client directly while nothing waits (see `write_directly`)."""
        self._session = session
        self._list_in_fan_out()

    def leave_fan_out(self) -> None:
        """Let no fan-out write to the client any more. Idempotent."""
        if self._session is not None:
            self._session.fan_out_entry = None
            self._session = None

    def _list_in_fan_out(self) -> None:
        if self._session is not None:
            self._session.fan_out_entry = self._fd if self.clear else None

    def let_go(self) -> None:
        """Leave all that is still written to the transport, which closes: its file may soon be another's."""
        self.clear, self._fd = False, -1
        self.leave_fan_out()

    def _wait(self, data: bytes) -> None:
        if self._queue is None:
            self._queue = deque()
        self._queue.append(data)
        self._queued += len(data)

    def pauseProducing(self) -> None:
        """Hear that the transport's own buffer is full (IPushProducer)."""
        self.paused = True
        self._backpressure.unwritten.add(self)

    def resumeProducing(self) -> None:
        """Hear that the transport's own buffer is empty (IPushProducer)."""
        self.paused = False
        self._backpressure.unwritten.discard(self)
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
        """Drop everything: the connection is lost, and its file about to be closed (IPushProducer). Idempotent."""
        if self._owner is _NOBODY and self.paused:
            return
        self.let_go()
        self._queue = None
        self._queued = self._handed = 0
        self._capacity = -1
        self.paused = True
        self._backpressure.unwritten.discard(self)
        self._owner = _NOBODY
