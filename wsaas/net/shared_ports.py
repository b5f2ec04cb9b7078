"""Listens on the same ports as other processes, and stops without losing a waiting client.

    tcp, tcp6, ssl, wsaas-tls     one socket for each process, by SO_REUSEPORT; the kernel distributes the clients
    unix                          one socket, opened by the parent of all processes
    systemd                       one socket, opened by systemd

If a socket is closed, the kernel resets the connections in its queue that are not accepted. A process that stops
therefore accepts these connections first.
"""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Mapping
from typing import Any

from twisted.internet import unix
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IListeningPort
from twisted.internet.tcp import makeBinding
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure


class InheritedPort(unix.Port):
    """A listening UNIX socket that other processes have open, too. After its end only this process accepts no more.

    Twisted's own port would change the mode of the path, and remove the path at its end, although others still listen.
    """

    def __init__(self, descriptor: int, factory: Any, reactor: Any) -> None:
        self._inherited = socket.socket(fileno=os.dup(descriptor))
        self._accepted_by = factory
        self._inherited.setblocking(False)
        super().__init__(os.fsencode(self._inherited.getsockname()), factory, reactor=reactor)

    def startListening(self) -> None:
        """Accept connections from now on."""
        self._accepted_by.doStart()
        self.connected = True
        self.socket = self._inherited
        self.fileno = self.socket.fileno  # type: ignore[method-assign]  # as Twisted's ports do
        self.numberAccepts = 100
        self.startReading()

    def stopListening(self) -> Deferred[None]:  # type: ignore[override]  # Twisted's takes a reason, which is not used
        """Stop accepting. Waiting connections are left to the other processes."""
        if self.connected:
            self.stopReading()
            self.connected = False
            self._inherited.close()
            self._accepted_by.doStop()
        return succeed(None)


class SharingReactor:
    """A reactor whose listening ports are shared with other processes. All other calls go to the reactor itself.

    `inherited` holds the listening UNIX sockets of the parent process: file descriptors by path.
    """

    def __init__(self, reactor: Any, inherited: Mapping[str, int] | None = None) -> None:
        self._reactor = reactor
        self._inherited = inherited or {}
        self._own: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> IListeningPort:
        """Listen on a socket that allows others on the same port: IReactorTCP."""
        binding = makeBinding(interface, port, reuseAddress=True, reusePort=True)
        listening: IListeningPort = self._reactor.listenTCP(binding, factory, backlog, interface)
        self._own.append(listening)
        return listening

    def listenSSL(
        self, port: int, factory: Any, contextFactory: Any, backlog: int = 50, interface: str = ""
    ) -> IListeningPort:
        """Listen in the same way, with TLS: IReactorSSL."""
        return self.listenTCP(port, TLSMemoryBIOFactory(contextFactory, False, factory), backlog, interface)

    def listenUNIX(
        self, address: str, factory: Any, backlog: int = 50, mode: int = 0o666, wantPID: int = 0
    ) -> IListeningPort:
        """Listen on the parent's socket of this path: IReactorUNIX."""
        return self.adoptStreamPort(self._inherited[address], socket.AF_UNIX, factory)

    def adoptStreamPort(self, fileDescriptor: int, addressFamily: int, factory: Any) -> IListeningPort:
        """Listen on a socket that is open already: IReactorSocket."""
        if addressFamily != socket.AF_UNIX:
            listening: IListeningPort = self._reactor.adoptStreamPort(fileDescriptor, addressFamily, factory)
            return listening
        port = InheritedPort(fileDescriptor, factory, self._reactor)
        port.startListening()
        return port

    def stop_listening(self) -> None:
        """Accept the waiting connections of this process's own sockets, and close the sockets."""
        while self._own:
            port = self._own.pop()
            accept_waiting(port)
            port.stopReading()
            port.connectionLost(Failure(ConnectionDone()))


def accept_waiting(port: Any) -> None:
    """Accept every connection that waits in the queue of a listening port."""
    poll = select.poll()
    poll.register(port.fileno(), select.POLLIN)
    while poll.poll(0):
        port.doRead()
