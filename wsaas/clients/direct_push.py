"""Fast path of a push to one client: the message is written to the socket without the steps between."""

from __future__ import annotations

import os
from typing import Any, cast

from wsaas.clients.fanout import DirectPeer
from wsaas.clients.frames import SHORT_BINARY, SHORT_TEXT, encode
from wsaas.core.model import Frame
from wsaas.core.session import Session


def write_one_directly(session: Session, payload: bytes, binary: bool, /) -> bool:
    """Write the message to the client, if nothing waits for its socket (`WriteDirectly`).

    The session's `fan_out_entry` says so, as it does to a fan-out. Then this is what `ClientConnection.send` does.
    """
    fd: Any = session.fan_out_entry
    if fd is None:
        return False
    length = len(payload)
    if length < 126:  # as encode, uncalled
        data = (SHORT_BINARY if binary else SHORT_TEXT)[length] + payload
    else:
        data = encode(Frame(payload, binary))
    try:
        sent = os.write(fd, data)
    except OSError:  # it would block, or is broken: the transport meets the same and deals with it
        sent = 0
    if sent < len(data):
        cast(DirectPeer, session.peer).send_buffer.write_remainder(data[sent:])
    return True
