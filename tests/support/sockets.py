"""A transport of Twisted's over a real socket, whose reactor does nothing by itself."""

from __future__ import annotations

import select
import socket
from typing import Any

from twisted.internet import tcp
from twisted.internet.protocol import Protocol
from twisted.trial.unittest import SynchronousTestCase


class WritersReactor:
    """Notes who waits to write."""

    def __init__(self) -> None:
        self.writers: list[object] = []

    def addReader(self, reader: object) -> None:
        pass

    def removeReader(self, reader: object) -> None:
        pass

    def addWriter(self, writer: object) -> None:
        self.writers.append(writer)

    def removeWriter(self, writer: object) -> None:
        self.writers.clear()


class Over:
    """A transport over another, as TLS is."""

    def __init__(self, below: Any) -> None:
        self.transport = below


def pair(case: SynchronousTestCase) -> tuple[socket.socket, socket.socket]:
    """The two ends of a TCP connection: the client's, and the accepted one."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
    case.addCleanup(client.close)
    case.addCleanup(accepted.close)
    return client, accepted


class SocketTestCase(SynchronousTestCase):
    """A transport of Twisted's over a real socket, and its far end."""

    def setUp(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.far = socket.create_connection(server.getsockname())
            near, address = server.accept()
        near.setblocking(False)
        self.addCleanup(self.far.close)
        self.addCleanup(near.close)
        self.reactor = WritersReactor()
        unused: Any = None
        self.transport: Any = tcp.Server(near, Protocol(), address, unused, 1, self.reactor)

    def received(self, size: int) -> bytes:
        """Return this number of bytes from the far end, while the transport takes its turns."""
        got = b""
        while len(got) < size:
            self.transport.doWrite()
            readable, _, _ = select.select([self.far], [], [], 0.01)
            if readable:
                got += self.far.recv(size - len(got))
        return got
