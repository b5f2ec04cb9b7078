"""Writing to a socket without waiting for a turn of the reactor."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import repeat
from typing import Any

from twisted.internet import tcp

# What is read of Twisted's transport below: where it keeps what its socket has not taken.
_READ = ("connected", "dataBuffer", "_tempDataLen", "disconnecting", "fileno")


def can_write_through(transport: object) -> bool:
    """Whether `write_through` may be used for this transport: a plain TCP one, neither TLS nor another over it."""
    return type(transport) is tcp.Server and all(hasattr(transport, name) for name in _READ)


def nothing_waits(transport: Any) -> bool:
    """Whether the transport has given all it had to its socket, and may be given more."""
    return not (transport.dataBuffer or transport._tempDataLen or transport.disconnecting)


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
    """Write `data` to each of these files; how many bytes each has taken, 0 if it would block, is broken or is none.

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
