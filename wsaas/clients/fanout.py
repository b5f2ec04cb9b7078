"""One message for many clients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from wsaas.clients.connection import ClientProtocol
from wsaas.clients.frames import encode
from wsaas.core.model import Frame
from wsaas.core.session import NO_OUTLET, Session
from wsaas.internals.direct_write import write_each


def send_directly(sessions: Sequence[Session], frame: Frame) -> list[Session]:
    """Write the frame to the sockets for which nothing waits, in a row (`SendDirectly`)."""
    outlets, left = [session.outlet for session in sessions], []
    if NO_OUTLET in outlets:
        left = [session for session in sessions if session.outlet == NO_OUTLET]
        sessions = [session for session in sessions if session.outlet != NO_OUTLET]
        outlets = [session.outlet for session in sessions]
    data = encode(frame)
    taken = write_each(outlets, data)
    if taken.count(len(data)) < len(outlets):
        for session, count in zip(sessions, taken, strict=True):
            if count < len(data):
                cast(ClientProtocol, session.peer).rest(data[count:])
    return left
