"""Direct writes: to a socket at once, without waiting for a turn of the reactor."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from itertools import repeat
from typing import Any

from twisted.internet import tcp, unix
from twisted.internet.abstract import FileDescriptor

from wsaas.internals.accepting import AcceptedServer
from wsaas.internals.supported import Reliance

RELIANCE = Reliance(
    part="writing to sockets directly",
    plainly="Twisted's transports write, a turn of the reactor later",
    names=("twisted.internet.tcp:Server.fileno",),
    attributes=("connected", "dataBuffer", "offset", "_tempDataLen", "disconnecting"),
    sample=lambda: FileDescriptor(reactor=object()),  # type: ignore[arg-type]  # it only keeps the reactor
)
"""The attributes in which Twisted's transport keeps what its socket has not taken."""


_PLAIN = (AcceptedServer, tcp.Server, unix.Server, tcp.Client)


def can_write_through(transport: object) -> bool:
    """Return whether `write_through` may be used: for a transport of Twisted's without TLS or another layer."""
    return type(transport) in _PLAIN and RELIANCE.holds()


def nothing_waits(transport: Any) -> bool:
    """Return whether the transport's buffers are empty and it is not closing."""
    return not (transport.dataBuffer or transport._tempDataLen or transport.disconnecting)


def has_written_all(transport: Any) -> bool:
    """Return whether the transport has nothing left to write; False for one without Twisted's buffers."""
    try:
        return RELIANCE.holds() and nothing_waits(transport)
    except AttributeError:
        return False


def unsent(transport: Any) -> int:
    """Return the bytes that wait in the transport's buffers; 0 for a transport without Twisted's buffers."""
    try:
        return len(transport.dataBuffer) - int(transport.offset) + int(transport._tempDataLen)
    except AttributeError:
        return 0


def writer(transport: Any) -> Callable[[bytes], None]:
    """Return a function that writes to the transport: at once where that can be, else by its own `write`."""
    return partial(write_through, transport) if can_write_through(transport) else transport.write


def write_through(transport: Any, data: bytes) -> None:
    """Write `data` as `transport.write` does, but to the socket at once if no earlier data waits in the transport.

    Twisted buffers the data and asks epoll when the socket is writable: two system calls and a turn of the reactor for
    a frame that the socket would have taken at once. Bytes that the socket does not take go through the transport, and
    so does all data while earlier data waits. The transport also handles the errors.
    """
    sent = 0
    waits = transport.dataBuffer or transport._tempDataLen or transport.disconnecting  # as in nothing_waits, uncalled
    if transport.connected and not waits:
        try:
            sent = os.write(transport.fileno(), data)  # cheaper than socket.send
        except OSError:
            pass
    if sent < len(data):
        transport.write(data[sent:])


def write_each(files: Iterable[int], data: bytes) -> list[int]:
    """Write `data` to each of these descriptors. Return the bytes that each took: 0 if it would block or has failed.

    The calls run without interpreted code between them: each system call evicts the interpreter's data from the
    processor's caches, which would make that code several times slower.
    """
    taken: list[int] = []
    calls = map(os.write, files, repeat(data))
    while True:
        try:
            taken.extend(calls)
            return taken
        except OSError:  # of one call: earlier results are in `taken`, and the loop continues with the next call
            taken.append(0)
