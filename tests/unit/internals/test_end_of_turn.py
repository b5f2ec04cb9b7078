"""Closing transports of Twisted's at the end of the reactor's turn."""

from __future__ import annotations

import contextlib
import gc
import socket
import weakref
from collections.abc import Callable
from typing import Any

from OpenSSL import SSL
from twisted.internet.protocol import Factory
from twisted.internet.ssl import CertificateOptions, KeyPair
from twisted.internet.tcp import Server
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from tests.support.still_reactor import Losing, Reactor
from wsaas.internals.end_of_turn import Ending, EndOfTurn
from wsaas.internals.tls_transport import DirectTlsTransport, SteppingTlsTransport, tls_server_factory

_ADDRESS = ("127.0.0.1", 1)


def fill(near: socket.socket) -> int:
    """Fill a socket's buffer; return the number of bytes that it took."""
    size = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            size += near.send(bytes(4096))
    return size


class EndOfTurnTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()
        self.end_of_turn = EndOfTurn(self.reactor)

    def server(self) -> tuple[Server, Losing, socket.socket]:
        near, far = socket.socketpair()
        near.setblocking(False)
        self.addCleanup(near.close)
        self.addCleanup(far.close)
        protocol = Losing()
        server = Server(near, protocol, _ADDRESS, None, 0, self.reactor)  # type: ignore[arg-type]  # no port needed
        protocol.makeConnection(server)
        server.startReading()
        return server, protocol, far

    def test_closes(self) -> None:
        """A transport is closed in good order when the turn is over, not before, and is watched no more; for all those
        of one turn there is one timer.
        """
        several = [self.server() for _ in range(3)]
        for server, _, _ in several:
            self.assertIs(self.end_of_turn.close(server, b""), Ending.CLOSING)
        self.assertEqual([protocol.lost for _, protocol, _ in several], [None] * 3)
        self.assertEqual(len(self.reactor.getDelayedCalls()), 1)
        self.reactor.advance(0)
        self.assertEqual([protocol.lost for _, protocol, _ in several], ["ConnectionDone"] * 3)
        self.assertEqual([far.recv(1) for _, _, far in several], [b""] * 3)
        self.assertEqual((self.reactor.watched, self.reactor.getDelayedCalls()), (set(), []))
        self.assertIs(self.end_of_turn.close(several[0][0], b"x"), Ending.NONE)

    def test_together(self) -> None:
        """The transports of one turn are closed as one work."""
        works: list[list[str | None]] = []

        def together(work: Callable[[], object]) -> None:
            work()
            works.append([protocol.lost for _, protocol, _ in several])

        self.end_of_turn = EndOfTurn(self.reactor, together)
        several = [self.server() for _ in range(2)]
        for server, _, _ in several:
            self.end_of_turn.close(server, b"")
        self.reactor.advance(0)
        self.assertEqual(works, [["ConnectionDone", "ConnectionDone"]])

    def test_lost_meanwhile(self) -> None:
        """One that is lost in the same turn, in whatever way, loses its connection once; others are closed even if its
        protocol raises.
        """
        (lost, its, _), (bad, raising, _), (good, closed, _) = (self.server() for _ in range(3))
        raising.raises = True
        for server in (lost, bad, good):
            self.end_of_turn.close(server, b"")
        lost.abortConnection()
        self.reactor.advance(0)
        self.reactor.advance(0)
        self.assertEqual((its.lost, raising.lost, closed.lost), ("ConnectionDone",) * 3)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_left_to_twisted(self) -> None:
        """A transport that has something to write is not closed so, nor one that is no plain one, or closes already."""
        waiting, closing = (self.server()[0] for _ in range(2))
        waiting.write(b"x")
        closing.loseConnection()
        for transport in (waiting, closing, object()):
            self.assertIs(self.end_of_turn.close(transport, b"last"), Ending.NONE)
        self.reactor.advance(0)
        self.assertTrue(waiting.connected)

    def test_last_words(self) -> None:
        """The last words leave with the end of the stream: the kernel is told that more follows."""
        server, protocol, far = self.server()
        sent: list[tuple[bytes, int]] = []
        near: Any = server.socket

        class Noting:
            def send(self, data: bytes, flags: int) -> int:
                sent.append((data, flags))
                return int(near.send(data))

            shutdown, close = near.shutdown, near.close

        server.socket = Noting()  # type: ignore[assignment]  # the socket, with notes
        self.assertIs(self.end_of_turn.close(server, b"last"), Ending.CLOSING)
        self.assertEqual(sent, [(b"last", socket.MSG_MORE)])
        self.reactor.advance(0)
        self.assertEqual((far.recv(10), far.recv(10), protocol.lost), (b"last", b"", "ConnectionDone"))

    def test_full(self) -> None:
        """Last words that the socket does not take wait in the transport, which is not closed."""
        server, protocol, far = self.server()
        size = fill(server.socket)
        self.assertIs(self.end_of_turn.close(server, b"last"), Ending.WRITTEN)
        self.reactor.advance(0)
        self.assertIsNone(protocol.lost)
        heard = b""
        while len(heard) < size:
            heard += far.recv(65536)
        server.doWrite()
        self.assertEqual(far.recv(10), b"last")


class TlsTests(SynchronousTestCase):
    certificate = CertificateOptions(
        privateKey=(pair := KeyPair.generate()).original, certificate=pair.selfSignedCert(1, CN="x").original
    )

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.end_of_turn = EndOfTurn(self.reactor)

    def tls(self, kind: type[DirectTlsTransport] = SteppingTlsTransport) -> tuple[Any, Losing, Any, socket.socket]:
        """A TLS transport over a socket, its protocol, the client's TLS and socket; the handshake has not begun."""
        near, far = socket.socketpair()
        near.setblocking(False)
        self.addCleanup(near.close)
        self.addCleanup(far.close)
        protocol = Losing()
        factory = Factory.forProtocol(lambda: protocol)  # type: ignore[arg-type]
        tls: Any = tls_server_factory(self.certificate, factory, self.reactor, kind).buildProtocol(None)  # type: ignore[arg-type]
        server = Server(near, tls, _ADDRESS, None, 0, self.reactor)  # type: ignore[arg-type]
        tls.makeConnection(server)
        server.startReading()
        client = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD))
        client.set_connect_state()
        return tls, protocol, client, far

    def open(self, kind: type[DirectTlsTransport] = SteppingTlsTransport) -> tuple[Any, Losing, Any, socket.socket]:
        tls, protocol, client, far = self.tls(kind)
        while not tls._handshakeDone:
            try:
                client.do_handshake()
            except SSL.WantReadError:
                pass
            far.sendall(client.bio_read(65536))
            tls.transport.doRead()
            if not tls._handshakeDone:
                client.bio_write(far.recv(65536))
        return tls, protocol, client, far

    def test_goodbye(self) -> None:
        """Over TLS the client gets all that was written, close_notify at once, and the end of its stream when the turn
        is over, without a goodbye of its own; what it says meanwhile is not heard.
        """
        tls, protocol, client, far = self.open()
        tls.write(b"the ")
        self.assertIs(self.end_of_turn.close(tls, b"last"), Ending.CLOSING)
        self.assertIs(self.end_of_turn.close(tls, b"last"), Ending.NONE)
        client.bio_write(far.recv(65536))
        self.assertEqual((client.recv(100), client.recv(100)), (b"the ", b"last"))
        self.assertRaises(SSL.ZeroReturnError, client.recv, 100)
        client.send(b"more")
        tls.dataReceived(client.bio_read(100))
        self.assertEqual((protocol.lost, tls.transport.connected), (None, 1))
        self.reactor.advance(0)
        self.assertEqual((protocol.lost, far.recv(1)), ("ConnectionDone", b""))
        self.assertEqual((self.reactor.watched, self.reactor.getDelayedCalls()), (set(), []))

    def test_freed(self) -> None:
        """A TLS transport that is over is freed at once, although its producer knows it."""
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        tls, protocol, _, _ = self.open()
        producer: Any = StringTransport()
        producer.consumer = tls
        tls.registerProducer(producer, True)
        over = weakref.ref(tls)
        self.assertIs(self.end_of_turn.close(tls, b""), Ending.CLOSING)
        self.reactor.advance(0)
        del tls, producer, protocol.transport
        self.assertIsNone(over())

    def test_tls_left_to_twisted(self) -> None:
        """A TLS transport in its handshake, one that closes already, one of another kind, and one over a transport that
        has something to write, before or with the goodbye, are not closed so.
        """
        closing, waiting, full = (self.open()[0] for _ in range(3))
        other, beginning = self.open(DirectTlsTransport)[0], self.tls()[0]
        closing.loseConnection()
        waiting.transport.write(b"x")
        fill(full.transport.socket)
        for tls in (beginning, closing, waiting, full, other):
            found = self.end_of_turn.close(tls, b"last")
            self.assertIs(found, Ending.WRITTEN if tls is full else Ending.NONE)
        self.reactor.advance(0)
        for tls in (beginning, waiting, full, other):
            self.assertEqual((tls.transport.connected, tls._lostTLSConnection), (1, False))
