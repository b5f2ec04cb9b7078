"""TLS of Twisted's whose records go to the socket at once; and what is used where Twisted differs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions, KeyPair
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.support.properties import examples
from wsaas.internals import openssl_records, supported, tls_transport
from wsaas.internals.openssl_records import write_record
from wsaas.internals.supported import Reliance
from wsaas.internals.tls_transport import (
    RELIANCE,
    ClientTlsTransport,
    DirectTlsTransport,
    RecordTlsTransport,
    SteppingClientTlsTransport,
    SteppingTlsTransport,
    tls_server_factory,
)


class FallbackTests(SynchronousTestCase):
    def chosen(self, reliance: Reliance) -> Any:
        """The transport's class, with this to rely on."""
        self.patch(supported, "_judged", {})
        self.patch(supported, "_log", Silent())
        self.patch(tls_transport, "RELIANCE", reliance)
        return tls_server_factory(CertificateOptions(), Factory(), Clock()).protocol

    def test_direct(self) -> None:
        """With Twisted as it is, transports write at once."""
        self.assertIs(self.chosen(RELIANCE), SteppingTlsTransport)

    def test_without_openssl(self) -> None:
        """With another pyOpenSSL, whose own functions then read and write, records are still read in one step."""
        for name in openssl_records.RELIANCE.names:
            self.patch(openssl_records, "RELIANCE", Reliance("y", "plainly", names=(f"{name}_renamed",)))
            self.assertIs(self.chosen(RELIANCE), RecordTlsTransport)
        for name in openssl_records.RELIANCE.attributes:
            lacking = Reliance("y", "plainly", attributes=(f"{name}_renamed",), sample=RELIANCE.sample)
            self.patch(openssl_records, "RELIANCE", lacking)
            self.assertIs(self.chosen(RELIANCE), RecordTlsTransport)

    def test_plain(self) -> None:
        """Whichever of the names is gone, Twisted's own transport is taken."""
        for name in RELIANCE.names:
            lacking = Reliance("x", "plainly", names=(f"{name}_renamed",))
            self.assertIs(self.chosen(lacking), TLSMemoryBIOProtocol)
        for name in RELIANCE.attributes:
            lacking = Reliance("x", "plainly", attributes=(f"{name}_renamed",), sample=RELIANCE.sample)
            self.assertIs(self.chosen(lacking), TLSMemoryBIOProtocol)


class Noting(Protocol):
    """Writes down what it hears, and does what it is told."""

    def __init__(self, heard: list[Any]) -> None:
        self.heard = heard

    def dataReceived(self, data: bytes) -> None:
        self.heard.append(data)
        transport: Any = self.transport
        if data[:1] == b"w":
            transport.write(b"answer")
        elif data[:1] == b"c":
            transport.loseConnection()
        elif data[:1] == b"a":
            transport.abortConnection()

    def connectionLost(self, reason: Any = None) -> None:
        self.heard.append((reason.type, str(reason.value)))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.sampled_from(b"xxxwca"), st.sampled_from((1, 2, 232, 239, 16384, 16385, 40000))),
        st.tuples(
            st.sampled_from(("read", "read", "read", "cut", "garbage", "damage", "bye", "push")),
            st.integers(1, 99),
            st.just(0),
        ),
    ),
    max_size=20,
)


KINDS: tuple[tuple[type[TLSMemoryBIOProtocol], type[TLSMemoryBIOProtocol]], ...] = (
    (RecordTlsTransport, DirectTlsTransport),
    (SteppingTlsTransport, DirectTlsTransport),
    (ClientTlsTransport, TLSMemoryBIOProtocol),
    (SteppingClientTlsTransport, TLSMemoryBIOProtocol),
)
"""The fast paths of each side, and the slow one."""


@implementer(IOpenSSLClientConnectionCreator)
class Unverified:
    """Makes a client's connections, which take any certificate."""

    def __init__(self, context: SSL.Context) -> None:
        self.context = context

    def clientConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        connection = SSL.Connection(self.context)
        connection.set_connect_state()
        return connection


class Near:
    """One side of a connection, of some kind, over a transport in memory; `far` is the other side, by OpenSSL."""

    def __init__(self, kind: type[TLSMemoryBIOProtocol], certificate: CertificateOptions, tls13: bool) -> None:
        self.heard: list[Any] = []
        self.clock = clock = Clock()
        above = Factory.forProtocol(lambda: Noting(self.heard))  # type: ignore[arg-type]
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        if not tls13:
            context.set_max_proto_version(SSL.TLS1_2_VERSION)
        is_client = not issubclass(kind, DirectTlsTransport)
        if is_client:
            self.far = SSL.Connection(certificate.getContext())
            self.far.set_accept_state()
            factory = TLSMemoryBIOFactory(Unverified(context), True, above, clock=clock)
            factory.protocol = kind
        else:
            self.far = SSL.Connection(context)
            self.far.set_connect_state()
            factory = tls_server_factory(certificate, above, clock, kind)  # type: ignore[arg-type]
        self.tls: Any = factory.buildProtocol(None)  # type: ignore[arg-type]
        self.below = below = StringTransportWithDisconnection()
        below.protocol = self.tls
        self.lose = lose = below.loseConnection

        def lose_later() -> None:
            self.heard.append("lose")
            below.disconnecting = True
            clock.callLater(0, lambda: below.connected and lose())

        below.loseConnection = below.abortConnection = lose_later  # type: ignore[method-assign,assignment]
        self.tls.makeConnection(below)

    def shake_hands(self, *, one_by_one: bool = False) -> None:
        """Complete the handshake; with each record read by itself if it goes `one_by_one`."""
        for _ in range(4):
            self.back()
            try:
                self.far.do_handshake()
            except SSL.WantReadError:
                pass
            for data in records(self.outgoing()) if one_by_one else [self.outgoing()]:
                if data:
                    self.tls.dataReceived(data)

    def back(self) -> None:
        """Bring what was written to the other side."""
        answer = self.below.value()
        self.below.clear()
        if answer:
            self.far.bio_write(answer)

    def outgoing(self) -> bytes:
        """Return what the other side has to send."""
        try:
            return self.far.bio_read(1_000_000)
        except SSL.WantReadError:
            return b""


def records(data: bytes) -> Iterator[bytes]:
    """Take whole records apart."""
    while data:
        end = 5 + int.from_bytes(data[3:5], "big")
        yield data[:end]
        data = data[end:]


class RecordTests(SynchronousTestCase):
    """Records that come by themselves, and all others, are read as Twisted reads them."""

    certificate = CertificateOptions(
        privateKey=(pair := KeyPair.generate()).original, certificate=pair.selfSignedCert(1, CN="x").original
    )

    def play(self, steps: list[tuple[str, int, int]], kind: type[TLSMemoryBIOProtocol], tls13: bool) -> list[Any]:
        """Let a peer of this kind hear these steps of the other one; return what it heard, and what came back."""
        near = Near(kind, self.certificate, tls13)
        near.shake_hands()
        heard, below, far = near.heard, near.below, near.far
        waiting = b""
        for step, what, size in [*steps, ("read", 1, 0)]:
            if step == "say":
                try:
                    far.send(bytes([what]) * size)
                except SSL.Error:
                    heard.append("unsaid")
                waiting += near.outgoing()
                continue
            if step == "push":
                if near.tls.connected and not near.tls._aborted:
                    near.tls.write(b"push")
            elif step == "bye":
                try:
                    far.shutdown()
                except SSL.Error:
                    heard.append("no bye")
                waiting += near.outgoing()
            elif step == "garbage":
                waiting += bytes([23, 3, 3, 0, what]) + bytes(what)
            elif step == "damage" and waiting:
                waiting = waiting[:-1] + bytes([waiting[-1] ^ 1])
            if step != "push" and below.connected and waiting:
                end = what % len(waiting) if step == "cut" else len(waiting)
                if end:
                    near.tls.dataReceived(waiting[:end])
                waiting = waiting[end:]
            near.back()
            try:
                heard.append(far.recv(100_000))
            except SSL.Error as error:
                heard.append(type(error))
            if what % 3:
                near.clock.advance(0)
            heard.append((below.connected, below.disconnecting, len(waiting)))
        if below.connected:
            near.lose()
        return heard

    @given(STEPS, st.booleans())
    @examples(60)
    def test_as_twisted(self, steps: list[tuple[str, int, int]], tls13: bool) -> None:
        """Whatever a client sends, and however it is cut, the protocol above hears the same, and so does the client.
        It is the same for what a server sends.
        """
        for fast, slow in KINDS:
            self.assertEqual(self.play(steps, fast, tls13), self.play(steps, slow, tls13))

    def both(self, steps: list[tuple[str, int, int]]) -> list[Any]:
        """Play the steps on each side and in each version of TLS, on both ways; return what the fast one heard last."""
        heard: list[Any] = []
        for (fast, slow), tls13 in product(KINDS, (True, False)):
            heard = self.play(steps, fast, tls13)
            self.assertEqual(heard, self.play(steps, slow, tls13), (fast, tls13))
        return heard

    def test_aborted(self) -> None:
        """A protocol that has aborted its connection hears no record that the transport brings behind that."""
        heard = self.both([("say", ord("a"), 1), ("read", 3, 0), ("say", ord("x"), 5), ("read", 3, 0)])
        self.assertIn(b"a", heard)
        self.assertNotIn(b"xxxxx", heard)

    def test_ended(self) -> None:
        """A connection that TLS has ended is ended once, whatever comes behind its end."""
        for end in ("garbage", "bye"):
            heard = self.both([(end, 30, 0), ("read", 3, 0), ("garbage", 30, 0), ("read", 3, 0)])
            self.assertEqual(heard.count("lose"), 1 if end == "garbage" else 2)

    def test_tickets(self) -> None:
        """Records of TLS's own, which have no data, come and go: alone, in one read, and before data."""
        for fast, slow in KINDS:
            for kind in (fast, slow):
                near = Near(kind, self.certificate, True)
                near.shake_hands(one_by_one=True)
                near.far.send(b"hello")
                near.tls.dataReceived(near.outgoing())
                near.tls.write(b"answer")
                near.back()
                self.assertEqual((near.heard, near.far.recv(100)), ([b"hello"], b"answer"))

    def test_handshake_one_by_one(self) -> None:
        """A handshake whose records come one by one is completed, and known to be: a close then says goodbye."""
        for kind, tls13 in product((each for pair in KINDS for each in pair), (True, False)):
            near = Near(kind, self.certificate, tls13)
            near.shake_hands(one_by_one=True)
            self.assertTrue(near.tls._handshakeDone)
            near.far.send(b"c")
            near.tls.dataReceived(near.outgoing())
            near.back()
            self.assertEqual(near.heard, [b"c"])
            self.assertRaises(SSL.ZeroReturnError, near.far.recv, 100)

    def test_waiting_writes(self) -> None:
        """What OpenSSL could not take yet is offered again with the next record, before that is read."""
        for pair in KINDS:
            for kind in pair:
                near = Near(kind, self.certificate, True)
                near.shake_hands()
                near.tls._appSendBuffer = [b"waited "]
                near.far.send(b"w")
                near.tls.dataReceived(near.outgoing())
                near.back()
                self.assertEqual(near.far.recv(100), b"waited ")
                self.assertEqual(near.far.recv(100), b"answer")

    def test_cut_like_a_record(self) -> None:
        """The rest of a record, and a second one behind it, are read to their end though they look like one record: cut
        within the header, or behind it.
        """
        for kind, cuts in product((each for pair in KINDS for each in pair), (range(1, 5), range(6, 117))):
            near = Near(kind, self.certificate, True)
            near.shake_hands()
            found = False
            while not found:  # until the bytes behind a cut happen to give a length that a second record can complete
                near.far.send(b"x" * 100)
                first = near.outgoing()
                for cut in cuts:
                    rest = len(first) - cut
                    size = int.from_bytes(first[cut + 3 : cut + 5], "big") + 5 - rest - 22
                    if rest > 5 and 0 < size <= 16384:
                        found = True
                        break
                else:
                    near.tls.dataReceived(first)
            near.far.send(b"y" * size)
            second = near.outgoing()
            near.heard.clear()
            near.tls.dataReceived(first[:cut])
            near.tls.dataReceived(first[cut:] + second)
            self.assertEqual(len(first[cut:] + second) - 5, int.from_bytes(first[cut + 3 : cut + 5], "big"))
            self.assertEqual(near.heard, [b"x" * 100, b"y" * size], kind)

    def test_written(self) -> None:
        """Data of every length comes whole and in order: none, a record's, one byte more, and many records'; so it does
        while the protocol is told to close, and behind that nothing.
        """
        for tls13, pair in product((True, False), KINDS):
            found = []
            for kind in pair:
                near = Near(kind, self.certificate, tls13)
                near.tls.write(b"early ")
                near.shake_hands()
                for size in (0, 1, 16383, 16384, 16385, 40000, 1):
                    near.tls.write(bytes([size % 251]) * size)
                near.tls.loseConnection()
                near.tls.write(b"late")
                near.back()
                read = b""
                try:
                    while True:
                        read += near.far.recv(100_000)
                except SSL.Error as error:
                    found.append((read, type(error), near.heard))
            self.assertEqual(found[0], found[1])
            self.assertEqual((len(found[0][0]), found[0][1]), (6 + 89154, SSL.ZeroReturnError))

    def test_not_taken(self) -> None:
        """Data that OpenSSL refuses ends the connection as with Twisted: one whose other side has failed it."""
        for tls13, pair in product((True, False), KINDS):
            found = []
            for kind in pair:
                near = Near(kind, self.certificate, tls13)
                near.shake_hands()
                near.tls.dataReceived(bytes([21, 3, 3, 0, 2, 2, 40]))  # an alert that is not encrypted
                near.tls.write(b"x")
                near.tls._lostTLSConnection = False
                near.tls.write(b"x")
                found.append((near.heard, near.below.disconnecting))
            self.assertEqual(found[0], found[1])

    def test_written_in_one_step(self) -> None:
        """A record's worth of data is written without pyOpenSSL; no data and more than that are not, nor any while
        other data waits, or behind the end.
        """
        for kind in (SteppingTlsTransport, SteppingClientTlsTransport):
            taken: list[int] = []

            def note(connection: SSL.Connection, data: bytes, taken: list[int] = taken) -> bytes:
                taken.append(len(data))
                return write_record(connection, data)

            self.patch(tls_transport, "write_record", note)
            near = Near(kind, self.certificate, True)
            near.shake_hands()
            for size in (0, 1, 16384, 16385):
                near.tls.write(bytes(size))
            near.tls._appSendBuffer = [b"waits"]
            near.tls.write(b"behind it")
            near.tls._appSendBuffer = []
            near.tls._lostTLSConnection = True
            near.tls.write(b"lost")
            near.tls._lostTLSConnection = False
            near.tls.loseConnection()
            near.tls.write(b"late")
            self.assertEqual(taken, [1, 16384])

    def test_errors_stay_with_their_connection(self) -> None:
        """Data that one connection does not take leaves no error behind, for which another would be given up."""
        for kind in (SteppingTlsTransport, SteppingClientTlsTransport):
            bad, good = (Near(kind, self.certificate, True) for _ in range(2))
            for near in (bad, good):
                near.shake_hands()
            bad.tls._tlsConnection.shutdown()
            self.assertRaises(SSL.Error, write_record, bad.tls._tlsConnection, b"x")
            self.assertEqual(openssl_records.lib.ERR_peek_error(), 0)
            self.assertRaises(SSL.WantReadError, good.tls._tlsConnection.recv, 10)

    def test_nothing_made(self) -> None:
        """Where OpenSSL has made no record, none is read from the memory of another."""
        library = SimpleNamespace(SSL_write=lambda *_: 1, BIO_read=lambda *_: -1)
        self.patch(openssl_records, "lib", library)
        self.assertEqual(write_record(SSL.Connection(SSL.Context(SSL.TLS_METHOD)), b"x"), b"")

    def test_tried(self) -> None:
        """Functions that take other arguments than those of today are not used."""
        self.assertEqual(openssl_records.RELIANCE.missing, [])
        names = ("BIO_read", "BIO_write", "SSL_read", "SSL_write")
        functions = {name: getattr(openssl_records.lib, name) for name in names}
        for name in names:
            self.patch(openssl_records, "lib", SimpleNamespace(**{**functions, name: lambda only: 0}))
            self.assertEqual(openssl_records.RELIANCE.missing, list(openssl_records.RELIANCE.attributes))

    def test_memory(self) -> None:
        """What has come in one connection is not changed by what comes in another."""
        nears = [Near(SteppingTlsTransport, self.certificate, True) for _ in range(2)]
        for number, near in enumerate(nears):
            near.shake_hands()
            near.far.send(b"%d" % number * 50)
            near.tls.dataReceived(near.outgoing())
        self.assertEqual([near.heard for near in nears], [[b"0" * 50], [b"1" * 50]])

    def test_one_step(self) -> None:
        """A record by itself is read by one call; several ones, and those that are cut, by as many as it takes."""
        asked: list[int] = []
        original = SSL.Connection.recv

        def recv(connection: SSL.Connection, size: int, flags: int | None = None) -> bytes:
            asked.append(size)
            return original(connection, size, flags)

        self.patch(SSL.Connection, "recv", recv)
        alone = [("say", ord("x"), 10), ("read", 1, 0)] * 3
        calls = []
        for kind in (RecordTlsTransport, DirectTlsTransport):
            for steps in (alone, [("say", ord("x"), 10), ("cut", 7, 0), ("cut", 2, 0), *alone]):
                asked.clear()
                heard = self.play(steps, kind, True)
                self.assertEqual(heard.count(b"x" * 10), len([step for step, *_ in steps if step == "say"]))
            asked.clear()
            self.play(alone, kind, True)
            calls.append(asked.count(2**15))
        self.assertEqual(calls[1] - calls[0], 3)


class TicketTests(SynchronousTestCase):
    def test_one_write(self) -> None:
        """With TLS 1.3 the tickets, with which the handshake ends, are written together with the first answer, or with
        close_notify; with TLS 1.2 the client waits for what ends it, and gets it at once.
        """
        for tls13, then in ((True, b"w"), (True, b""), (True, b"c"), (False, b"w")):
            below, writes = StringTransportWithDisconnection(), []
            heard: list[Any] = []
            factory = Factory.forProtocol(lambda heard=heard: Noting(heard))
            server: Any = tls_server_factory(RecordTests.certificate, factory, Clock()).buildProtocol(None)  # type: ignore[arg-type]
            below.protocol = server
            below.write = writes.append  # type: ignore[method-assign]
            server.makeConnection(below)
            context = SSL.Context(SSL.TLS_CLIENT_METHOD)
            if not tls13:
                context.set_max_proto_version(SSL.TLS1_2_VERSION)
            client = SSL.Connection(context)
            client.set_connect_state()
            for _ in range(2):
                try:
                    client.do_handshake()
                except SSL.WantReadError:
                    pass
                before = len(writes)
                server.dataReceived(client.bio_read(65536))
                if writes[before:]:
                    client.bio_write(writes[-1])
            self.assertEqual(len(writes), 1 if tls13 else 2)
            client.do_handshake()
            if not then:
                server.write(b"answer")
            else:
                client.send(then)
                server.dataReceived(client.bio_read(65536))
            self.assertEqual(len(writes), 2 if tls13 else 3)
            client.bio_write(writes[-1])
            if then == b"c":
                self.assertRaises(SSL.ZeroReturnError, client.recv, 100)
            else:
                self.assertEqual(client.recv(100), b"answer")
            self.assertEqual(heard, [then] if then else [])


class Silent:
    def warn(self, text: str, **fields: object) -> None:
        pass
