"""Tells if the client has closed a connection from which nothing is read at the moment."""

from __future__ import annotations

import select
from typing import Any

from wsaas.net.transports import socket_of

_HANGUP = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR


def hung_up(transport: Any) -> bool:
    """Say if the peer has closed or reset, though nothing was read. A close is seen on Linux only (POLLRDHUP).

    `transport` is a TCP or Unix transport, or one over it (TLS, PROXY protocol).
    """
    handle = socket_of(transport)
    if handle is None:
        return False
    poll = select.poll()
    poll.register(handle, _HANGUP)
    return any(event & _HANGUP for _, event in poll.poll(0))
