"""Whether the far end of a connection that is not being read from has closed it."""

from __future__ import annotations

import select
import socket
from typing import Any

_HANGUP = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR


def hung_up(transport: Any) -> bool:
    """Whether the peer has closed or reset, though nothing was read. A close is seen on Linux only (POLLRDHUP).

    `transport` is a TCP or Unix transport, or one over it (TLS, PROXY protocol).
    """
    below = getattr(transport, "transport", None)
    while below is not None:
        transport, below = below, getattr(below, "transport", None)
    handle = transport.getHandle() if hasattr(transport, "getHandle") else None
    if not isinstance(handle, socket.socket) or handle.fileno() < 0:
        return False
    poll = select.poll()
    poll.register(handle, _HANGUP)
    return any(event & _HANGUP for _, event in poll.poll(0))
