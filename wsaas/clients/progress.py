"""Measures how much of the written data the client's machine has acknowledged (TCP)."""

from __future__ import annotations

import fcntl
import socket
import struct
import sys
import termios
from contextlib import suppress
from typing import Any

from wsaas.internals.direct_write import unsent
from wsaas.net.transports import innermost, socket_of

_LINUX = sys.platform == "linux"
_INT = struct.Struct("i")
_NO_INT = bytes(_INT.size)
_UINT64 = struct.Struct("Q")
_BYTES_ACKED = 120
"""The offset of tcpi_bytes_acked in bytes (linux/tcp.h, struct tcp_info; since Linux 4.1)."""


def unacknowledged(transport: Any) -> int:
    """Count the bytes given to the transport that the client's machine has not acknowledged.

    What our kernel holds of them is known on Linux only (SIOCOUTQ, tcp(7)); elsewhere it counts as acknowledged.
    """
    below = innermost(transport)
    waiting = unsent(below)
    if _LINUX:
        try:
            waiting += _INT.unpack(fcntl.ioctl(below.getHandle(), termios.TIOCOUTQ, _NO_INT))[0]
        except (
            AttributeError,
            OSError,
            TypeError,
            ValueError,
        ):  # closed, no socket, or of a kind that does not know it
            pass
    return waiting


class Progress:
    """Tells, from one call to the next, whether a client takes data."""

    __slots__ = ("_seen", "_transport")

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._seen = self._measure()

    def goes_on(self) -> bool:
        """Return whether the client's machine has taken a byte since the last call."""
        before, self._seen = self._seen, self._measure()
        return self._seen > before

    def _measure(self) -> int:
        """Return what grows with each byte taken; where the kernel does not count these, what waits, negated."""
        handle = socket_of(self._transport) if _LINUX else None
        if handle is not None:
            with suppress(OSError, struct.error):  # a UNIX socket, or an old kernel
                info = handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED + _UINT64.size)
                return int(_UINT64.unpack_from(info, _BYTES_ACKED)[0])
        return -unacknowledged(self._transport)
