"""Looks below the layers of a transport (TLS, the PROXY protocol): for the transport of the socket, and the socket."""

from __future__ import annotations

import socket
from typing import Any


def innermost(transport: Any) -> Any:
    """Return the TCP or UNIX transport under this one, or the transport itself."""
    below = getattr(transport, "transport", None)
    while below is not None:
        transport, below = below, getattr(below, "transport", None)
    return transport


def socket_of(transport: Any) -> socket.socket | None:
    """Return the open socket under a transport; None if there is none any more, or if the transport is no real one."""
    try:
        handle = innermost(transport).getHandle()
    except AttributeError:  # Twisted's transports have none once they are closed
        return None
    return handle if isinstance(handle, socket.socket) and handle.fileno() >= 0 else None
