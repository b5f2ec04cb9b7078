"""Fast path of a fan-out: one message is written to the sockets of many clients in a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast

from wsaas.clients.frames import encode
from wsaas.clients.send_buffer import SendBuffer
from wsaas.core.interfaces import SessionInput
from wsaas.core.model import Frame
from wsaas.core.session import Session
from wsaas.internals.direct_write import write_each


class DirectPeer(Protocol):
    """A client's connection as the fan-out sees it."""

    send_buffer: SendBuffer


class DirectFanOut:
    """Writes a message to each client for whose socket nothing waits (`SendDirectly`).

    `direct_fds` has the file descriptor of each of these clients, by session. Each connection's SendBuffer keeps its
    own entry, from the 101 to the Close frame. Bound: one for each open connection.
    """

    __slots__ = ("direct_fds",)

    def __init__(self) -> None:
        self.direct_fds: dict[SessionInput, int] = {}

    def __call__(self, sessions: Sequence[Session], frame: Frame, /) -> list[Session]:
        """Write the frame to each client that has an entry; return the sessions that have none."""
        fds = list(map(self.direct_fds.get, sessions))
        remaining: list[Session] = []
        if None in fds:
            remaining = [session for session, fd in zip(sessions, fds, strict=True) if fd is None]
            sessions = [session for session, fd in zip(sessions, fds, strict=True) if fd is not None]
            fds = [fd for fd in fds if fd is not None]
        data = encode(frame)
        taken = write_each(cast(list[int], fds), data)
        if taken.count(len(data)) < len(fds):
            for session, count in zip(sessions, taken, strict=True):
                if count < len(data):
                    cast(DirectPeer, session.peer).send_buffer.write_remainder(data[count:])
        return remaining
