"""Fast path of a fan-out: one message is written to the sockets of many clients in a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast

from wsaas.clients.frames import encode
from wsaas.clients.send_buffer import SendBuffer
from wsaas.core.model import Frame
from wsaas.core.session import Session
from wsaas.internals.direct_write import write_each


class DirectPeer(Protocol):
    """A client's connection as the fan-out sees it."""

    send_buffer: SendBuffer


def write_directly(sessions: Sequence[Session], frame: Frame, /) -> list[Session]:
    """Write the frame to each client for whose socket nothing waits; return the other sessions (`SendDirectly`).

    Such a session has the socket's file descriptor as its `fan_out_entry`. The connection's SendBuffer keeps it there,
    from the 101 to the Close frame.
    """
    fds = [session.fan_out_entry for session in sessions]
    remaining: list[Session] = []
    if None in fds:
        remaining = [session for session in sessions if session.fan_out_entry is None]
        sessions = [session for session in sessions if session.fan_out_entry is not None]
        fds = [session.fan_out_entry for session in sessions]
    data = encode(frame)
    taken = write_each(cast(list[int], fds), data)
    if taken.count(len(data)) < len(fds):
        for session, count in zip(sessions, taken, strict=True):
            if count < len(data):
                cast(DirectPeer, session.peer).send_buffer.write_remainder(data[count:])
    return remaining
