"""Accepts connections by fewer steps than Twisted's own port, with transports that take less to make and to close."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import tcp
from twisted.internet.address import IPv6Address
from twisted.internet.error import ConnectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from wsaas.internals.sample_transport import sample_transport
from wsaas.internals.supported import Reliance

RELIANCE = Reliance(
    part="accepting connections by fewer steps",
    plainly="Twisted's ports accept them, which makes a connect a twentieth more expensive",
    names=(
        "socket:socket._accept",
        "twisted.internet.tcp:Port._buildAddr",
        "twisted.internet.tcp:Port.doRead",
        "twisted.internet.tcp:Port.sessionno",
        "twisted.internet.tcp:Server._addressType",
        "twisted.internet.tcp:Server._getLogPrefix",
    ),
    attributes=("_tempDataBuffer", "_tempDataLen", "fileno", "protocol", "reactor", "socket"),
    sample=sample_transport,
)
"""The names that `tcp.Port.doRead` uses, and what the constructors of a `tcp.Server` set."""
_MORE = 20
"""Connections that a port accepts in one turn beyond those of the last, if there were as many as it would take."""
_log = Logger()


class AcceptedServer(tcp.Server):
    """Fast path: Twisted's transport, whose texts for the log are made when they are asked for.

    Its port has TCP_NODELAY, which Linux gives each accepted socket as well (tcp_create_openreq_child).
    """

    _without_delay = True
    _has_waited = False
    """Set once epoll is asked if the socket is writable."""

    def __init__(
        self, sock: socket.socket, protocol: Any, client: Any, server: Any, sessionno: int, reactor: Any
    ) -> None:
        """Begin as `tcp.Server`, `tcp.Connection` and `abstract.FileDescriptor` do."""
        self.reactor = reactor
        self._tempDataBuffer = []
        self._tempDataLen = 0
        sock.setblocking(False)
        self.socket = sock
        self.fileno = sock.fileno
        self.protocol = protocol
        if len(client) != 2:
            self._addressType = IPv6Address
        self.server = server
        self.client = client
        self.sessionno = sessionno
        self.hostname = client[0]
        reactor.addReader(self)
        self.connected = 1

    @property
    def logstr(self) -> str:  # type: ignore[override]  # Twisted sets it
        """The prefix of Twisted's log lines about the connection."""
        return f"{self._getLogPrefix(getattr(self, 'protocol', None))},{self.sessionno},{self.hostname}"

    @property
    def repstr(self) -> str:  # type: ignore[override]  # Twisted sets it
        """The text of `repr`."""
        return f"<{type(getattr(self, 'protocol', None)).__name__} #{self.sessionno} from {self.hostname}>"

    def startWriting(self) -> None:
        """Have it written what waits, when the socket is writable."""
        self._has_waited = True
        super().startWriting()

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Do nothing if the socket has it from its port: ITCPTransport."""
        if not (enabled and self._without_delay):
            self._without_delay = False
            super().setTcpNoDelay(enabled)

    def connectionLost(self, reason: Failure) -> None:
        """End as the base classes do; in good order, without shutdown(2): no other process has the socket, since it is
        closed on exec.
        """
        if type(reason.value) is not ConnectionDone or not self.connected:
            super().connectionLost(reason)
            return
        self.disconnected, self.connected = 1, 0
        producer, self.producer = self.producer, None
        if producer is not None:
            producer.stopProducing()
        self.reactor.removeReader(self)
        if self._has_waited:
            self.reactor.removeWriter(self)
        sock, protocol = self.socket, self.protocol
        del self.socket, self.protocol, self.fileno
        try:
            sock.close()
        except OSError:  # as Twisted has it
            pass
        protocol.connectionLost(reason)


def accept_quickly(port: object) -> bool:
    """Have a listening TCP port make AcceptedServers, in fewer steps than Twisted's. Return whether it does.

    Any other port, or that of a Twisted with other names (`RELIANCE`), is not changed. Errors of accept(2) are left to
    Twisted's port, which meets the same. Bound: as Twisted's port, some more connections in a turn than in the last.
    """
    if type(port) is not tcp.Port or not RELIANCE.holds():
        return False
    listening: Any = port
    listener, factory, reactor, plain = listening.socket, listening.factory, listening.reactor, listening.doRead
    family, kind, accept, address_of = listener.family, listener.type, listener._accept, listening._buildAddr
    try:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        return False

    def do_read() -> None:
        most, accepted = listening.numberAccepts, 0
        try:
            while accepted < most:
                try:
                    file, client = accept()
                except BlockingIOError:
                    break
                except OSError:
                    plain()
                    return
                accepted += 1
                sock = socket.socket(family, kind, 0, file)
                if len(client) == 4:  # with its scope, for an address of one link only
                    if client[3]:
                        host, _ = socket.getnameinfo(client, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)
                        client = (host, *client[1:])
                protocol = factory.buildProtocol(address_of(client))
                if protocol is None:
                    sock.close()
                    continue
                number = listening.sessionno
                listening.sessionno = number + 1
                protocol.makeConnection(AcceptedServer(sock, protocol, client, listening, number, reactor))
        except Exception:
            _log.failure("a connection could not be accepted")
            return
        listening.numberAccepts = accepted + _MORE if accepted == most else max(1, accepted)

    listening.doRead = do_read
    return True
