"""TLS of Twisted's whose records go to the socket at once; and what is used where Twisted differs."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import SSL
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions, KeyPair
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.trial.unittest import SynchronousTestCase

from tests.support.properties import examples
from wsaas.internals import supported, tls_transport
from wsaas.internals.supported import Reliance
from wsaas.internals.tls_transport import RELIANCE, DirectTlsTransport, RecordTlsTransport, tls_server_factory


class FallbackTests(SynchronousTestCase):
    def chosen(self, reliance: Reliance) -> Any:
        """The transport's class, with this to rely on."""
        self.patch(supported, "_judged", {})
        self.patch(supported, "_log", Silent())
        self.patch(tls_transport, "RELIANCE", reliance)
        return tls_server_factory(CertificateOptions(), Factory(), Clock()).protocol

    def test_direct(self) -> None:
        """With Twisted as it is, transports write at once."""
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
        st.tuples(st.just("say"), st.sampled_from(b"xxxwca"), st.sampled_from((1, 2, 100, 16384, 16385, 40000))),
        st.tuples(
            st.sampled_from(("read", "read", "read", "cut", "garbage", "damage", "bye", "push")),
            st.integers(1, 99),
            st.just(0),
        ),
    ),
    max_size=20,
)


class RecordTests(SynchronousTestCase):
    """Records that come by themselves, and all others, are read as Twisted reads them."""

    certificate = CertificateOptions(
        privateKey=(pair := KeyPair.generate()).original, certificate=pair.selfSignedCert(1, CN="x").original
    )

    def play(self, steps: list[tuple[str, int, int]], kind: type[DirectTlsTransport], tls13: bool) -> list[Any]:
        """Let a server hear these steps of a client; return what it heard, and what came back."""
        heard: list[Any] = []
        factory = Factory.forProtocol(lambda: Noting(heard))  # type: ignore[arg-type]
        clock = Clock()
        server: Any = tls_server_factory(self.certificate, factory, clock, kind).buildProtocol(None)  # type: ignore[arg-type]
        below = StringTransportWithDisconnection()
        below.protocol = server
        lose = below.loseConnection

        def lose_later() -> None:
            below.disconnecting = True
            clock.callLater(0, lambda: below.connected and lose())

        below.loseConnection = below.abortConnection = lose_later  # type: ignore[method-assign,assignment]
        server.makeConnection(below)
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        if not tls13:
            context.set_max_proto_version(SSL.TLS1_2_VERSION)
        client = SSL.Connection(context)
        client.set_connect_state()

        def fetch() -> None:
            try:
                heard.append(client.recv(100_000))
            except SSL.Error as error:
                heard.append(type(error))

        def back() -> None:
            answer = below.value()
            below.clear()
            if answer:
                client.bio_write(answer)

        def outgoing() -> bytes:
            try:
                return client.bio_read(1_000_000)
            except SSL.WantReadError:
                return b""

        for _ in range(4):
            try:
                client.do_handshake()
            except SSL.WantReadError:
                pass
            if data := outgoing():
                server.dataReceived(data)
            back()
        waiting = b""
        for step, what, size in [*steps, ("read", 1, 0)]:
            if step == "say":
                try:
                    client.send(bytes([what]) * size)
                except SSL.Error:
                    heard.append("unsaid")
                waiting += outgoing()
                continue
            if step == "push":
                if server.connected and not server._aborted:
                    server.write(b"push")
            elif step == "bye":
                try:
                    client.shutdown()
                except SSL.Error:
                    heard.append("no bye")
                waiting += outgoing()
            elif step == "garbage":
                waiting += bytes([23, 3, 3, 0, what]) + bytes(what)
            elif step == "damage" and waiting:
                waiting = waiting[:-1] + bytes([waiting[-1] ^ 1])
            if step != "push" and below.connected and waiting:
                end = what % len(waiting) if step == "cut" else len(waiting)
                if end:
                    server.dataReceived(waiting[:end])
                waiting = waiting[end:]
            back()
            fetch()
            if what % 3:
                clock.advance(0)
            heard.append((below.connected, below.disconnecting, len(waiting)))
        if below.connected:
            lose()
        return heard

    @given(STEPS, st.booleans())
    @examples(60)
    def test_as_twisted(self, steps: list[tuple[str, int, int]], tls13: bool) -> None:
        """Whatever a client sends, and however it is cut, the protocol above hears the same, and so does the client."""
        self.assertEqual(self.play(steps, RecordTlsTransport, tls13), self.play(steps, DirectTlsTransport, tls13))

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


class Silent:
    def warn(self, text: str, **fields: object) -> None:
        pass
