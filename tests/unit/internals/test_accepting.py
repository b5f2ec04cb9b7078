"""Accepting connections by fewer steps, beside Twisted's own port."""

from __future__ import annotations

import errno
import fcntl
import socket
from typing import Any

from twisted.internet import tcp, unix
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.support.still_reactor import Losing, Reactor
from wsaas.internals import accepting
from wsaas.internals.accepting import AcceptedServer, accept_quickly


class Noting(Losing):
    """A protocol that notes what it hears."""

    heard = b""

    def dataReceived(self, data: bytes) -> None:
        self.heard += data


class Clients(Factory):
    """Makes a protocol for each client: none for the second, and an error for the fourth."""

    noisy = False
    protocol = Noting

    def __init__(self) -> None:
        self.made: list[Noting] = []
        self.asked: list[Any] = []

    def buildProtocol(self, addr: Any) -> Protocol | None:
        self.asked.append(addr)
        if len(self.asked) == 2:
            return None
        if len(self.asked) == 4:
            raise ValueError("no protocol for this one")
        protocol = Noting()
        self.made.append(protocol)
        return protocol


class AcceptingTests(SynchronousTestCase):
    def port(self, quickly: bool, interface: str = "127.0.0.1") -> tuple[Any, Clients]:
        factory = Clients()
        port: Any = tcp.Port(0, factory, interface=interface, reactor=Reactor())
        port.startListening()
        self.addCleanup(port.socket.close)
        if quickly:
            self.assertTrue(accept_quickly(port))
        return port, factory

    def client(self, port: Any) -> socket.socket:
        client = socket.create_connection(port.socket.getsockname()[:2])
        self.addCleanup(client.close)
        return client

    def life(self, quickly: bool) -> list[object]:
        """All that can be seen of some clients that a port accepts, in two turns."""
        port, factory = self.port(quickly)
        port.numberAccepts = 3
        seen: list[object] = []
        clients = [self.client(port) for _ in range(6)]
        for _ in range(3):
            port.doRead()
            seen.append((len(factory.asked), port.numberAccepts, port.sessionno))
        seen.append(len(self.flushLoggedErrors(ValueError)))
        addresses = [client.getsockname() for client in clients]
        seen.append([addresses.index((addr.host, addr.port)) for addr in factory.asked])
        seen.append(clients[1].recv(1))
        for number, protocol in enumerate(factory.made):
            transport: Any = protocol.transport
            handle = transport.getHandle()
            seen.append(
                (
                    isinstance(transport, tcp.Server),
                    handle.getblocking(),
                    bool(fcntl.fcntl(handle, fcntl.F_GETFD) & fcntl.FD_CLOEXEC),
                    addresses.index((transport.getPeer().host, transport.getPeer().port)),
                    transport.getHost() == port.getHost(),
                    transport.logPrefix(),
                    repr(transport).split(" ")[:2],
                    transport in port.reactor.watched,
                    transport.connected,
                )
            )
            transport.setTcpNoDelay(True)
            seen.append(transport.getTcpNoDelay())
            transport.setTcpNoDelay(False)
            seen.append(transport.getTcpNoDelay())
            transport.setTcpNoDelay(True)
            seen.append(transport.getTcpNoDelay())
            client = clients[addresses.index((transport.getPeer().host, transport.getPeer().port))]
            client.sendall(b"hello")
            transport.doRead()
            transport.write(b"good")
            transport.doWrite()
            if number == 0:
                client.shutdown(socket.SHUT_WR)
                lost = transport.doRead()
                transport.connectionLost(Failure(lost))
                seen.append((client.recv(10), client.recv(10)))
            elif number == 1:
                transport.connectionLost(Failure(ConnectionAborted()))
                self.assertRaises(ConnectionResetError, lambda client=client: [client.recv(10), client.recv(10)])
            else:
                transport.loseConnection()
                lost = transport.doWrite()
                transport.connectionLost(Failure(lost))
                seen.append((client.recv(10), client.recv(10)))
            seen.append((protocol.heard, protocol.lost, transport in port.reactor.watched, transport.connected))
            seen.append((hasattr(transport, "socket"), transport.disconnected, transport.producer))
            transport.connectionLost(Failure(ConnectionAborted()))
            seen.append(protocol.lost)
        return seen

    def test_alike(self) -> None:
        """Clients are accepted, refused, served and let go as by Twisted's own port, as many in a turn."""
        self.assertEqual(self.life(True), self.life(False))

    def test_no_delay(self) -> None:
        """An accepted socket does not wait to send, without a call for it."""
        port, factory = self.port(True)
        self.client(port)
        port.doRead()
        self.assertIsInstance(factory.made[0].transport, AcceptedServer)
        self.assertTrue(factory.made[0].transport.getTcpNoDelay())  # type: ignore[union-attr]

    def test_producer(self) -> None:
        """A transport that ends stops its producer, and leaves it."""
        port, factory = self.port(True)
        self.client(port).close()
        port.doRead()
        transport: Any = factory.made[0].transport
        stopped: list[bool] = []

        class Producer:
            def stopProducing(self) -> None:
                stopped.append(transport.connected)

        transport.registerProducer(Producer(), True)
        transport.connectionLost(Failure(transport.doRead()))
        self.assertEqual((stopped, transport.producer), ([0], None))

    def test_unwritten(self) -> None:
        """One that ends while something waits to be written is not watched any more, not for that either."""
        port, factory = self.port(True)
        self.client(port)
        port.doRead()
        transport: Any = factory.made[0].transport
        removed: list[object] = []
        self.patch(port.reactor, "removeWriter", removed.append)
        transport.write(b"good")
        transport.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(removed, [transport])

    def test_error(self) -> None:
        """An error of accept(2) is left to Twisted's port, which frees a descriptor for it."""
        port, factory = self.port(False)
        asked: list[str] = []

        def fail() -> None:
            asked.append("here")
            raise OSError(errno.EMFILE, "too many")

        def twisted() -> None:
            asked.append("Twisted")

        listener, port.doRead = port.socket, twisted

        class Failing:
            _accept = staticmethod(fail)
            family, type, setsockopt = listener.family, listener.type, listener.setsockopt

        port.socket = Failing()
        accept_quickly(port)
        port.doRead()
        self.assertEqual((asked, factory.asked), (["here", "Twisted"], []))

    def test_scope(self) -> None:
        """The address of a client on one link only has its scope, as Twisted has it."""
        port, factory = self.port(False)
        listener = port.socket
        near, far = socket.socketpair()
        self.addCleanup(far.close)
        arriving = [(near.detach(), ("fe80::1", 5, 0, 1))]

        class Linked:
            family, type, setsockopt = socket.AF_INET6, listener.type, listener.setsockopt

            def _accept(self) -> tuple[int, Any]:
                if not arriving:
                    raise BlockingIOError
                return arriving.pop()

        port.socket = Linked()
        port._addressType = tcp.address.IPv6Address  # type: ignore[attr-defined]  # as a port of IPv6 has it
        accept_quickly(port)
        port.doRead()
        self.assertTrue(factory.asked[0].host.startswith("fe80::1%"), factory.asked)
        self.assertEqual(factory.made[0].transport.getPeer(), factory.asked[0])  # type: ignore[union-attr]
        factory.made[0].transport.connectionLost(Failure(ConnectionAborted()))  # type: ignore[union-attr]

    def test_left_alone(self) -> None:
        """A port of another kind is not changed, nor any where Twisted lacks a name."""
        other: Any = unix.Port("unused", Clients(), reactor=Reactor())
        port, _ = self.port(False)
        before = port.doRead
        self.assertFalse(accept_quickly(other))
        self.assertFalse(accept_quickly(object()))
        self.patch(accepting.RELIANCE.__class__, "holds", lambda _: False)
        self.assertFalse(accept_quickly(port))
        self.assertEqual(port.doRead, before)
