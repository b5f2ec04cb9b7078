"""TARGET_ADDRESS as endpoint, and the pool over real sockets and real TLS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor, ssl
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.support.backend_wires import waiting
from tests.support.certificates import Authority, Issued, authority, intermediate, issue
from wsaas.http_client.exchange import Fault, HttpResponse, Lost, NotSent, TimedOut
from wsaas.http_client.pool import Pool
from wsaas.http_client.resolver import NamedEndpoint
from wsaas.http_client.target import Target
from wsaas.net.tls_client import ClientFiles, TlsEndpoint


def aim(reactor: Any, address: str, *files: str | None) -> Target:
    """The target of an address, with files for CA, certificate and key."""
    return Target.from_address(reactor, address, ClientFiles(*files))


class AddressTests(SynchronousTestCase):
    def test_parts(self) -> None:
        """An address becomes Host header, base path, URL."""
        for address, url, host, path in [
            ("http://h.example", "http://h.example", b"h.example", b""),
            ("http://h.example:80/", "http://h.example", b"h.example", b""),
            ("http://h.example:443/a", "http://h.example:443/a", b"h.example:443", b"/a"),
            ("https://h.example:443/a/b/", "https://h.example/a/b", b"h.example", b"/a/b"),
            ("http://[2001:db8::1]:3000/x", "http://[2001:db8::1]:3000/x", b"[2001:db8::1]:3000", b"/x"),
            ("https://192.0.2.1", "https://192.0.2.1", b"192.0.2.1", b""),
        ]:
            found = aim(MemoryReactorClock(), address)
            self.assertEqual((found.url, found.host, found.base_path), (url, host, path))

    def test_endpoints(self) -> None:
        """Names are resolved by us, address literals not at all; https is TLS."""
        for address, kind in [
            ("http://h.example", NamedEndpoint),
            ("http://192.0.2.1", TCP4ClientEndpoint),
            ("http://[::1]:80", TCP6ClientEndpoint),
            ("https://h.example", TlsEndpoint),
        ]:
            self.assertIsInstance(aim(MemoryReactorClock(), address).endpoint, kind)

    def test_wrong(self) -> None:
        """An address of another scheme, or a host that no certificate can name, is refused at the start."""
        for address in ("ftp://h.example", "https:///x", "https://h!.example"):
            error = self.assertRaises(ValueError, aim, MemoryReactorClock(), address)
            self.assertIn("TARGET_ADDRESS", str(error))


class Server(Protocol):
    """Answers each request with its head's length, or as the factory's `script` says."""

    def connectionMade(self) -> None:
        assert isinstance(self.factory, ServerFactory)
        self.factory.connections.append(self)
        self.received = b""

    def dataReceived(self, data: bytes) -> None:
        assert isinstance(self.factory, ServerFactory) and self.transport is not None
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0] or 0)
        if self.factory.mute:
            return
        if self.factory.early and end:
            self.transport.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
            self.transport.pauseProducing()  # type: ignore[attr-defined]
        elif end and len(body) == length:
            self.factory.requests += 1
            self.received = b""
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n%07d" % length)


class ServerFactory(Factory):
    protocol = Server
    noisy = False

    def __init__(self) -> None:
        self.connections: list[Server] = []
        self.requests = 0
        self.early = False
        self.mute = False


class SocketTestCase(TestCase):
    """A backend on a real socket."""

    timeout = 20

    def setUp(self) -> None:
        self.server = ServerFactory()

    def file(self, data: bytes) -> str:
        path = Path(self.mktemp())
        path.write_bytes(data)
        return str(path)

    def listen(self, context: Any = None) -> int:
        if context is None:
            port = reactor.listenTCP(0, self.server, interface="127.0.0.1")
        else:
            port = reactor.listenSSL(0, self.server, context, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        address = port.getHost()
        assert isinstance(address, IPv4Address)
        return address.port

    def pool(self, address: str, *files: str | None, connect_timeout: float = 5.0) -> Pool:
        found = aim(reactor, address, *files)
        pool = Pool(reactor, found.endpoint, found.host, max_idle=4, connect_timeout=connect_timeout)
        self.addCleanup(pool.close)
        return pool

    def put(self, pool: Pool, body: bytes = b"", timeout: float = 10.0) -> Deferred[HttpResponse]:
        return waiting(pool, b"/x", b"", body, 100, timeout)


class SocketTests(SocketTestCase):
    @inlineCallbacks
    def test_exchanges(self) -> Iterator[Deferred[Any]]:
        """Exchanges of all sizes over one connection, to a name that is really resolved."""
        pool = self.pool(f"http://localhost:{self.listen()}")
        for size in (0, 1, 100_000, 9_000_000, 5):
            answer = yield self.put(pool, bytes(size))
            self.assertEqual(answer.body, b"%07d" % size)
        self.assertEqual(len(self.server.connections), 1)

    @inlineCallbacks
    def test_refused(self) -> Iterator[Deferred[Any]]:
        """A port on which nobody listens."""
        port = reactor.listenTCP(0, self.server, interface="127.0.0.1")
        number = port.getHost().port
        yield port.stopListening()
        fault = yield self.assertFailure(self.put(self.pool(f"http://127.0.0.1:{number}")), NotSent)
        self.assertEqual(str(fault), "connection refused")

    @inlineCallbacks
    def test_early_answer(self) -> Iterator[Deferred[Any]]:
        """A 413 that comes while most of the request is still unread is taken, and the connection dropped."""
        self.server.early = True
        pool = self.pool(f"http://127.0.0.1:{self.listen()}")
        answer = yield self.put(pool, bytes(50_000_000))
        self.assertEqual(answer.status, 413)
        self.server.early = False
        answer = yield self.put(pool)
        self.assertEqual((answer.status, len(self.server.connections)), (200, 2))
        for connection in self.server.connections:
            connection.transport.abortConnection()  # type: ignore[union-attr]

    @inlineCallbacks
    def test_no_handshake(self) -> Iterator[Deferred[Any]]:
        """A backend that takes the connection and does no handshake: NotSent, after connect_timeout."""
        pool = self.pool(f"https://127.0.0.1:{self.listen()}", connect_timeout=0.05)
        fault = yield self.assertFailure(self.put(pool), NotSent)
        self.assertEqual(str(fault), "connect timeout")

    @inlineCallbacks
    def test_no_tls(self) -> Iterator[Deferred[Any]]:
        """A backend that speaks something else where TLS is expected."""

        class Plain(Protocol):
            def connectionMade(self) -> None:
                self.transport.write(b"220 mail.example ESMTP\r\n" * 10)  # type: ignore[union-attr]

        self.server.protocol = Plain  # type: ignore[assignment]
        fault = yield self.assertFailure(self.put(self.pool(f"https://127.0.0.1:{self.listen()}")), NotSent)
        self.assertIn("TLS: ", str(fault))

    @inlineCallbacks
    def test_deadline(self) -> Iterator[Deferred[Any]]:
        """A backend that says nothing meets the deadline."""
        pool = self.pool(f"http://127.0.0.1:{self.listen()}")
        yield self.put(pool)  # the next one is sent at once, so that no pause of this process can come before it
        self.server.mute = True
        yield self.assertFailure(self.put(pool, timeout=0.05), TimedOut)
        yield pool.close()


class TlsTests(SocketTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.root = authority()

    def serve(self, issued: Issued, clients: Authority | None = None, **options: Any) -> int:
        """Listen with this certificate (and the ones behind it); ask clients for theirs if `clients` is given."""
        first, *chain = [
            ssl.Certificate.loadPEM(block + b"-----END CERTIFICATE-----\n").original
            for block in issued.certificate.split(b"-----END CERTIFICATE-----\n")[:-1]
        ]
        if clients is not None:
            options["trustRoot"] = ssl.Certificate.loadPEM(clients.certificate)
        key = ssl.KeyPair.load(issued.key, 1).original
        return self.listen(ssl.CertificateOptions(key, first, extraCertChain=chain, **options))

    def trusting(self, port: int, *client: str | None, host: str = "localhost", ca: bytes | None = None) -> Pool:
        bundle = self.file(authority("Another").certificate + (ca or self.root.certificate))
        return self.pool(f"https://{host}:{port}", bundle, *client)

    @inlineCallbacks
    def refused(self, pool: Pool, kind: type[Fault] = NotSent) -> Iterator[Deferred[Any]]:
        fault = yield self.assertFailure(self.put(pool), kind)
        self.assertEqual(self.server.requests, 0)
        yield pool.close()
        return str(fault)

    @inlineCallbacks
    def test_exchanges(self) -> Iterator[Deferred[Any]]:
        """With the right authority among several in TARGET_CA, exchanges of all sizes go over one connection."""
        pool = self.trusting(self.serve(issue(self.root, ["localhost"])))
        for size in (0, 1, 100_000, 9_000_000, 5):
            answer = yield self.put(pool, bytes(size))
            self.assertEqual(answer.body, b"%07d" % size)
        self.assertEqual(len(self.server.connections), 1)

    @inlineCallbacks
    def test_address(self) -> Iterator[Deferred[Any]]:
        """A certificate for an IP address is good for that address, not for a name, and the other way round."""
        port = self.serve(issue(self.root, ["127.0.0.1"]))
        answer = yield self.put(self.trusting(port, host="127.0.0.1"))
        self.assertEqual(answer.status, 200)
        self.server.requests = 0
        self.assertIn("host name mismatch", (yield self.refused(self.trusting(port))))
        other = self.serve(issue(self.root, ["localhost"]))
        self.assertIn("host name mismatch", (yield self.refused(self.trusting(other, host="127.0.0.1"))))

    @inlineCallbacks
    def test_intermediate(self) -> Iterator[Deferred[Any]]:
        """A certificate of an intermediate authority is good if the server sends that too, and not otherwise."""
        issued = issue(intermediate(self.root), ["localhost"])
        answer = yield self.put(self.trusting(self.serve(issued)))
        self.assertEqual(answer.status, 200)
        self.server.requests = 0
        end = b"-----END CERTIFICATE-----\n"
        alone = Issued(issued.certificate.partition(end)[0] + end, issued.key)
        self.assertIn("unknown authority", (yield self.refused(self.trusting(self.serve(alone)))))

    @inlineCallbacks
    def test_refused(self) -> Iterator[Deferred[Any]]:
        """Nothing is sent to a backend whose certificate is no good, and the log can say what is wrong with it."""
        for issued, words in [
            (issue(self.root, ["localhost"], expired=True), "expired"),
            (issue(authority("Nobody"), ["localhost"]), "unknown authority"),
            (issue(authority(), ["localhost"]), "bad signature"),  # of another authority with the same name
            (issue(self.root, ["other.example"]), "host name mismatch"),
            (issue(self.root, ["localhost"], client=True), "not meant for servers"),
        ]:
            found = yield self.refused(self.trusting(self.serve(issued)))
            self.assertIn("TLS: certificate verify failed", found)
            self.assertIn(words, found)

    @inlineCallbacks
    def test_system_trust(self) -> Iterator[Deferred[Any]]:
        """Without TARGET_CA the system's authorities count, and ours is none of them."""
        port = self.serve(issue(self.root, ["localhost"]))
        self.assertIn("certificate verify failed", (yield self.refused(self.pool(f"https://localhost:{port}"))))

    @inlineCallbacks
    def test_old_tls(self) -> Iterator[Deferred[Any]]:
        """A backend that has no TLS 1.2 is not spoken to."""
        old = {"insecurelyLowerMinimumTo": ssl.TLSVersion.TLSv1_0, "lowerMaximumSecurityTo": ssl.TLSVersion.TLSv1_1}
        port = self.serve(issue(self.root, ["localhost"]), **old)
        self.assertIn("TLS: ", (yield self.refused(self.trusting(port))))

    @inlineCallbacks
    def test_client_certificate(self) -> Iterator[Deferred[Any]]:
        """TARGET_CERT and TARGET_KEY, in two files or in one, prove who we are, with the intermediates in between."""
        mine = issue(intermediate(self.root), ["gateway"], client=True)
        port = self.serve(issue(self.root, ["localhost"]), clients=self.root)
        for files in [(self.file(mine.certificate), self.file(mine.key)), (self.file(mine.together), None)]:
            answer = yield self.put(self.trusting(port, *files))
            self.assertEqual(answer.status, 200)

    @inlineCallbacks
    def test_client_certificate_refused(self) -> Iterator[Deferred[Any]]:
        """A backend that wants a certificate and gets none, or another's, has not taken the request: NotSent."""
        unknown, forged = (issue(by, ["gateway"], client=True) for by in (authority("Nobody"), authority()))
        old = issue(self.root, ["gateway"], client=True, expired=True)
        tries = [(self.file(issued.certificate), self.file(issued.key)) for issued in (unknown, forged, old)]
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            port = self.serve(issue(self.root, ["localhost"]), clients=self.root, lowerMaximumSecurityTo=version)
            for files in [(None, None), *tries]:
                self.assertIn("TLS: ", (yield self.refused(self.trusting(port, *files))))

    @inlineCallbacks
    def test_cut_off(self) -> Iterator[Deferred[Any]]:
        """A body without a length whose end TLS does not vouch for may have been cut off by anybody: Lost."""

        class Cut(Protocol):
            def dataReceived(self, data: bytes) -> None:
                transport = cast(Any, self.transport)
                transport.write(b"HTTP/1.1 200 OK\r\n\r\npay 10")
                transport.transport.loseConnection()  # the TCP connection, without TLS's own goodbye

        class Whole(Protocol):
            def dataReceived(self, data: bytes) -> None:
                cast(Any, self.transport).write(b"HTTP/1.1 200 OK\r\n\r\npay 100")
                cast(Any, self.transport).loseConnection()

        port = self.serve(issue(self.root, ["localhost"]))
        self.server.protocol = Cut  # type: ignore[assignment]
        yield self.assertFailure(self.put(self.trusting(port)), Lost)
        self.server.protocol = Whole  # type: ignore[assignment]
        answer = yield self.put(self.trusting(port))
        self.assertEqual(answer.body, b"pay 100")
