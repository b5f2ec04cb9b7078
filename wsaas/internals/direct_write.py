"""Writes to a socket without waiting for a turn of the reactor."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import repeat
from typing import Any

from twisted.internet import tcp
from twisted.internet.abstract import FileDescriptor

from wsaas.internals.supported import Reliance

RELIANCE = Reliance(
    part="writing to sockets directly",
    plainly="Twisted's transports write, a turn of the reactor later",
    names=("twisted.internet.tcp:Server.fileno",),
    attributes=("connected", "dataBuffer", "offset", "_tempDataLen", "disconnecting"),
    sample=lambda: FileDescriptor(reactor=object()),  # type: ignore[arg-type]  # it only keeps the reactor
)
"""The attributes in which Twisted's transport keeps what its socket has not taken."""


def can_write_through(transport: object) -> bool:
    """Say if `write_through` may be used for this transport: a plain TCP one, neither TLS nor another over it."""
    return type(transport) is tcp.Server and RELIANCE.holds()


def nothing_waits(transport: Any) -> bool:
    """Say if the transport has given all it had to its socket, and may be given more."""
    return not (transport.dataBuffer or transport._tempDataLen or transport.disconnecting)


def unsent(transport: Any) -> int:
    """Bytes that the transport has still to give to its socket; 0 of one that does not look like Twisted's."""
    try:
        return len(transport.dataBuffer) - int(transport.offset) + int(transport._tempDataLen)
    except AttributeError:
        return 0


def write_through(transport: Any, data: bytes) -> None:
    """As `transport.write(data)`, but if nothing waits the socket is given the data at once.

    Twisted notes what is to be written and asks epoll when it may: two system calls and a turn of the reactor for
    a frame that the socket would have taken at once. What it does not take, and everything while something waits, goes
    the usual way, which also meets the errors.
    """
    sent = 0
    if transport.connected and nothing_waits(transport):
        try:
            sent = os.write(transport.fileno(), data)  # does what socket.send does, for less
        except OSError:
            pass
    if sent < len(data):
        transport.write(data[sent:])


def write_each(files: Iterable[int], data: bytes) -> list[int]:
    """Write `data` to each of these files. Return how many bytes each took: 0 if it would block, is broken or is none.

    One call after the other, without the interpreter between them: each call pushes what that needs out of the
    processor's caches, which makes its steps take several times as long.
    """
    taken: list[int] = []
    calls = map(os.write, files, repeat(data))
    while True:
        try:
            taken.extend(calls)
            return taken
        except OSError:  # of one call; those before it are in `taken`, those behind it are still to come
            taken.append(0)
