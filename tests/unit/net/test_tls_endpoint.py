"""wsaas.net.tls_endpoint and what it stands on: certificates, the PROXY header, the reload.

The clients are Python's own `ssl`, in memory: no code of theirs is the server's.
"""

from __future__ import annotations

import os
import socket
import ssl
import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.testing import MemoryReactorClock
from twisted.internet.threads import deferToThread
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from tests.support import client_harness as harness
from tests.support.certificates import Authority, Issued, authority, intermediate, issue
from tests.support.proxy_headers import BAD, GOOD, V2
from wsaas.internals import supported
from wsaas.internals.tls_transport import RELIANCE
from wsaas.net.proxy_protocol import Header, read
from wsaas.net.tls_endpoint import TlsPort, TlsServerEndpoint, endpoint_from
from wsaas.service.reload import Reloadable, Reloader

END = b"-----END CERTIFICATE-----\n"
BALANCER = IPv4Address("TCP", "10.0.0.1", 1111)


class Echo(Protocol):
    """Says back what comes, and from whom."""

    def connectionMade(self) -> None:
        self.factory.connections.append(self)  # type: ignore[union-attr]
        self.lost: Failure | None = None

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(str(getattr(self.transport.getPeer(), "host", "unix")).encode() + b":" + data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = reason


class EchoFactory(Factory[Echo]):
    protocol = Echo
    noisy = False

    def __init__(self) -> None:
        self.connections: list[Echo] = []


class Wire:
    """A connection in memory: a server's protocol on one side, Python's TLS on the other."""

    def __init__(self, reactor: MemoryReactorClock, factory: Any, context: ssl.SSLContext, **options: Any) -> None:
        self.clock = reactor
        self.transport = harness.Transport(reactor)
        self.transport.getPeer = lambda: BALANCER  # type: ignore[method-assign]
        self.protocol = self.transport.protocol = factory.buildProtocol(BALANCER)
        self.protocol.makeConnection(self.transport)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._in, self._out, server_hostname="localhost", **options)

    def pump(self) -> None:
        """Carry over what either side has to say."""
        while True:
            sent, self.transport.written = self.transport.written, b""
            if sent:
                self._in.write(sent)
            said = self._out.read()
            if said and self.transport.protocol is not None:
                self.protocol.dataReceived(said)
            self.clock.advance(0)
            if not said and not self.transport.written:
                if self.transport.closed:
                    self._in.write_eof()
                return

    def attempt(self, step: Callable[[], Any]) -> Any:
        """Return the result of the client's step, once the server has said what it waits for."""
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                before = self._in.pending
                self.pump()
                if self._in.pending == before and not self._in.eof:
                    raise AssertionError("the server says nothing") from None

    def open(self) -> Wire:
        self.attempt(self.tls.do_handshake)
        return self

    def say(self, data: bytes) -> bytes:
        self.tls.write(data)
        return bytes(self.attempt(lambda: self.tls.read(65536)))


def first_certificate(issued: Issued) -> bytes:
    return issued.certificate.partition(END)[0] + END


class TlsTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = MemoryReactorClock()
        self.root = authority()
        self.factory = EchoFactory()

    def file(self, data: bytes) -> str:
        path = Path(self.mktemp()).resolve()
        path.write_bytes(data)
        return str(path)

    def listen(self, issued: Issued | None = None, factory: Any = None, **options: str) -> Any:
        """Listen with a certificate; returns the factory as the reactor has it."""
        self.certificate = self.file((issued or issue(self.root, ["localhost"])).together)
        return self.listen_at(endpoint_from(self.clock, "443", certificate=self.certificate, **options), factory)

    def listen_at(self, endpoint: IStreamServerEndpoint, factory: Any = None) -> Any:
        with capturedLogs() as self.events:
            self.port: Any = self.successResultOf(endpoint.listen(factory or self.factory))
        return self.clock.tcpServers[-1][1]

    def context(self, trusted: Authority | None = None, client: Issued | None = None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=(trusted or self.root).certificate.decode())
        if client is not None:
            context.load_cert_chain(self.file(client.together))
        return context

    def limited(self, version: ssl.TLSVersion, **options: Any) -> ssl.SSLContext:
        context = self.context(**options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python's opinion of the old versions
            context.minimum_version = context.maximum_version = version
        return context

    def wire(self, listening: Any, context: ssl.SSLContext | None = None, **options: Any) -> Wire:
        return Wire(self.clock, listening, context or self.context(), **options)

    def refused(self, listening: Any, context: ssl.SSLContext) -> str:
        """Return the alert to a client that must be refused (with TLS 1.3, only after its part of the handshake)."""
        wire = self.wire(listening, context)
        failed = self.assertRaises(ssl.SSLError, lambda: wire.open().say(b"hello"))
        self.assertTrue(wire.transport.closed)
        return str(failed)

    def said(self, level: Any = None) -> list[str]:
        return [str(formatEvent(event)) for event in self.events if level in (None, event["log_level"])]


class HandshakeTests(TlsTestCase):
    def test_versions(self) -> None:
        """TLS 1.2 and 1.3 are spoken, 1.0 and 1.1 are not; with minimumVersion=1.3, that one only."""
        for options, good in [({}, (False, False, True, True)), ({"minimumVersion": "1.3"}, (False,) * 3 + (True,))]:
            listening = self.listen(**options)
            versions = ("TLSv1", "TLSv1_1", "TLSv1_2", "TLSv1_3")
            for name, known in zip(versions, good, strict=True):
                context = self.limited(ssl.TLSVersion[name])
                if name in versions[:2]:
                    context.set_ciphers("ALL:@SECLEVEL=0")
                if known:
                    self.assertEqual(self.wire(listening, context).open().say(b"hello"), b"10.0.0.1:hello")
                else:
                    self.assertIn("protocol version", self.refused(listening, context).lower().replace("_", " "))

    def test_plain_transport(self) -> None:
        """If the installed Twisted lacks a name that the direct transport uses, TLS is served all the same."""
        self.patch(supported, "_judged", {RELIANCE.part: False})
        wire = self.wire(self.listen()).open()
        self.assertIs(type(wire.protocol), TLSMemoryBIOProtocol)
        self.assertEqual(wire.say(b"hello"), b"10.0.0.1:hello")

    def test_old_clients(self) -> None:
        """The test above tries old versions in earnest: Python's server and client agree on TLS 1.1 with that cipher
        list."""
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(self.file(issue(self.root, ["localhost"]).together))
        client = self.limited(ssl.TLSVersion.TLSv1_1)
        for context in (server, client):
            context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            server.minimum_version = ssl.TLSVersion.TLSv1_1
        a, b = ssl.MemoryBIO(), ssl.MemoryBIO()
        there = client.wrap_bio(a, b, server_hostname="localhost")
        here = server.wrap_bio(b, a, server_side=True)
        for side in (there, here, there, here, there):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                pass
        self.assertEqual(there.version(), "TLSv1.1")

    def test_ciphers(self) -> None:
        """With TLS 1.2 exactly the suites with ECDHE and authenticated encryption are accepted, each by itself."""
        listening = self.listen()
        everything = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        everything.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
        names = {each["name"] for each in everything.get_ciphers() if each["protocol"] != "TLSv1.3"}
        self.assertGreater(len(names), 20)
        accepted = set()
        for name in names:
            context = self.limited(ssl.TLSVersion.TLSv1_2)
            context.set_ciphers(f"{name}:@SECLEVEL=0")
            try:
                self.wire(listening, context).open()
            except ssl.SSLError:
                continue
            accepted.add(name)
        suites = ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
        self.assertEqual(accepted, {f"ECDHE-ECDSA-{suite}" for suite in suites})

    def test_ciphersuites(self) -> None:
        """With TLS 1.3 each of the usual suites is accepted, and of several that with the cheap hash is chosen, in
        whatever order they come.
        """
        names = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]
        listening, chosen = self.listen(), []
        for offered in (*([name] for name in names), names, names[::-1]):
            context = SSL.Context(SSL.TLS_CLIENT_METHOD)
            context.set_tls13_ciphersuites(":".join(offered).encode())
            client = SSL.Connection(context)
            client.set_connect_state()
            transport, protocol = harness.Transport(self.clock), listening.buildProtocol(None)
            protocol.makeConnection(transport)
            self.assertRaises(SSL.WantReadError, client.do_handshake)
            protocol.dataReceived(client.bio_read(65536))
            client.bio_write(transport.written)
            client.do_handshake()
            chosen.append(client.get_cipher_name())
        self.assertEqual(chosen, [*names, names[0], names[0]])

    def test_compression(self) -> None:
        """Nothing is compressed below HTTP, and that is not left to the defaults with which OpenSSL was built."""
        asked = []

        class Context(SSL.Context):
            def set_options(self, options: int) -> int:
                asked.append(options)
                return super().set_options(options)

        self.patch(SSL, "Context", Context)
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = self.limited(version)
            context.options &= ~ssl.OP_NO_COMPRESSION
            self.assertIs(self.wire(self.listen(), context).open().tls.compression(), None)
            self.assertTrue(asked.pop() & SSL.OP_NO_COMPRESSION)

    def test_renegotiation(self) -> None:
        """A client cannot have the handshake done again and again in one connection."""
        protocol = self.listen().buildProtocol(BALANCER)
        transport = harness.Transport(self.clock)
        transport.protocol = protocol
        protocol.makeConnection(transport)
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_max_proto_version(SSL.TLS1_2_VERSION)
        client = SSL.Connection(context)
        client.set_connect_state()

        def carry() -> None:
            try:
                client.do_handshake()
            except SSL.WantReadError:
                pass
            try:
                protocol.dataReceived(client.bio_read(65536))
            except SSL.WantReadError:
                pass
            written, transport.written = transport.written, b""
            if written:
                client.bio_write(written)

        for _ in range(4):
            carry()
        self.assertEqual(client.get_protocol_version_name(), "TLSv1.2")
        self.assertTrue(client.renegotiate())
        self.assertRaises(SSL.Error, lambda: [carry() for _ in range(6)])

    def test_alpn(self) -> None:
        """HTTP/1.1 is chosen where it is offered, never HTTP/2, and a client without it may still come in."""
        listening = self.listen()
        for offered, chosen in [(["h2", "http/1.1"], "http/1.1"), (["h2"], None), (None, None)]:
            context = self.context()
            if offered:
                context.set_alpn_protocols(offered)
            wire = self.wire(listening, context).open()
            self.assertEqual(wire.tls.selected_alpn_protocol(), chosen)
            self.assertEqual(wire.say(b"hello"), b"10.0.0.1:hello")

    def test_full_chain(self) -> None:
        """The chain behind the certificate in its file is sent: a client that knows the root accepts it."""
        listening = self.listen(issue(intermediate(intermediate(self.root, "Upper"), "Lower"), ["localhost"]))
        self.assertEqual(self.wire(listening).open().say(b"hello"), b"10.0.0.1:hello")

    def test_two_files(self) -> None:
        """The key may lie in a file of its own."""
        issued = issue(self.root, ["localhost"])
        files = {"certificate": self.file(issued.certificate), "key": self.file(issued.key)}
        self.wire(self.listen_at(endpoint_from(self.clock, "443", **files))).open()

    def test_garbage(self) -> None:
        """Plain text ends the connection, and the protocol above only sees the loss."""
        wire = self.wire(self.listen())
        wire.protocol.dataReceived(b"GET / HTTP/1.1\r\n\r\n")
        self.clock.advance(0)
        self.assertTrue(wire.transport.closed)
        self.assertIsNot(self.factory.connections[0].lost, None)

    def test_stall(self) -> None:
        """A client that never completes the handshake is cut when its time for the request is over."""
        clients = harness.Harness()
        for said in (b"", b"\x16\x03\x01\x02\x00\x01"):
            wire = self.wire(self.listen(factory=clients.factory))
            if said:
                wire.protocol.dataReceived(said)
            clients.clock.advance(harness.HANDSHAKE_TIMEOUT - 0.1)
            self.assertFalse(wire.transport.aborted)
            clients.clock.advance(0.2)
            self.assertTrue(wire.transport.aborted)

    def test_slow_head(self) -> None:
        """One that completes it and does not come to the end of its request is told so, by TLS."""
        clients = harness.Harness()
        wire = self.wire(self.listen(factory=clients.factory)).open()
        wire.tls.write(b"GET / HTTP/1.1\r\n")
        wire.pump()
        clients.clock.advance(harness.HANDSHAKE_TIMEOUT + 0.1)
        self.assertTrue(wire.attempt(lambda: wire.tls.read(65536)).startswith(b"HTTP/1.1 408 "))


class ClientCertificateTests(TlsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.bundle = self.file(authority("Another").certificate + self.root.certificate)
        self.good = issue(intermediate(self.root), ["somebody"], client=True)
        self.bad = [
            issue(authority("Nobody"), ["somebody"], client=True),
            issue(authority(), ["somebody"], client=True),  # of another authority with the same name
            issue(self.root, ["somebody"], client=True, expired=True),
            issue(self.root, ["somebody"]),  # it is for servers
        ]

    def test_required(self) -> None:
        """With clientCA only who has a certificate of one of these authorities is let in."""
        listening = self.listen(clientCA=self.bundle)
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            wire = self.wire(listening, self.limited(version, client=self.good)).open()
            self.assertEqual(wire.say(b"hello"), b"10.0.0.1:hello")
            for client in (None, *self.bad):
                self.refused(listening, self.limited(version, client=client))

    def test_optional(self) -> None:
        """With clientCertificate=optional none is fine too; a bad one is not."""
        listening = self.listen(clientCA=self.bundle, clientCertificate="optional")
        for client in (None, self.good):
            self.assertEqual(self.wire(listening, self.context(client=client)).open().say(b"x"), b"10.0.0.1:x")
        for client in self.bad:
            self.refused(listening, self.context(client=client))

    def test_none(self) -> None:
        """Without clientCA nobody is asked for one."""
        wire = self.wire(self.listen(), self.context(client=self.good)).open()
        self.assertIs(self.factory.connections[0].transport.getPeerCertificate(), None)  # type: ignore[union-attr]
        self.assertEqual(wire.say(b"x"), b"10.0.0.1:x")

    def test_first_answer(self) -> None:
        """A client that waits for the gateway to speak waits for nothing of the handshake's, in any version; and one
        that is answered can resume its session.
        """
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            listening, context = self.listen(), self.limited(version)
            wire = self.wire(listening, context).open()
            self.factory.connections[-1].transport.write(b"first")  # type: ignore[union-attr]
            self.assertEqual(wire.attempt(lambda wire=wire: wire.tls.read(100)), b"first")
            again = self.wire(listening, context, session=wire.tls.session).open()
            self.assertTrue(again.tls.session_reused)

    def test_resumed(self) -> None:
        """A client with a certificate can resume its session."""
        listening = self.listen(clientCA=self.bundle)
        context = self.limited(ssl.TLSVersion.TLSv1_2, client=self.good)
        first = self.wire(listening, context).open()
        first.say(b"x")
        again = self.wire(listening, context, session=first.tls.session).open()
        self.assertTrue(again.tls.session_reused)
        self.assertEqual(again.say(b"x"), b"10.0.0.1:x")


def expiry(issued: Issued) -> float:
    """The moment at which a certificate ends."""
    return float(x509.load_pem_x509_certificate(issued.certificate).not_valid_after_utc.timestamp())


class ReloadTests(TlsTestCase):
    def shown(self, wire: Wire) -> bytes:
        return ssl.DER_cert_to_PEM_cert(wire.tls.getpeercert(True) or b"").encode()

    def reload(self) -> None:
        with capturedLogs() as self.events:
            Reloader(lambda: [self.port]).reload()

    def test_new_certificate(self) -> None:
        """New connections see the new certificate, even those that resume; old ones go on."""
        old, new = (
            issue(self.root, ["localhost", f"{name}.example", "::1"], days=days)
            for name, days in (("old", 3), ("new", 9))
        )
        listening = self.listen(old)
        context = self.limited(ssl.TLSVersion.TLSv1_2)
        before = self.wire(listening, context).open()
        before.say(b"x")
        Path(self.certificate).write_bytes(new.together)
        self.assertEqual(self.port.expires_at, expiry(old))
        self.reload()
        self.assertEqual(self.port.expires_at, expiry(new))
        after = self.wire(listening, context, session=before.tls.session).open()
        self.assertFalse(after.tls.session_reused)
        self.assertEqual([self.shown(before), self.shown(after)], [old.certificate, new.certificate])
        self.assertEqual([before.say(b"x"), after.say(b"y")], [b"10.0.0.1:x", b"10.0.0.1:y"])
        self.assertEqual(len(self.said(LogLevel.info)), 2)
        for part in (self.certificate, "CN=localhost", "localhost, new.example, ::1", " UTC"):
            self.assertIn(part, self.said()[0])
        self.assertEqual(self.said()[1], "reloaded 1 of 1")

    def test_bad_certificate(self) -> None:
        """A new certificate that is no good is told as an error, and the old one kept."""
        old = issue(self.root, ["localhost"])
        listening = self.listen(old)
        other = issue(self.root, ["localhost"])
        for content in (
            b"",
            b"garbage",
            old.certificate,
            old.key,
            old.key + other.certificate,
            old.together.replace(b"MII", b"AAA"),
            old.together[: len(old.together) // 2],
        ):
            Path(self.certificate).write_bytes(content)
            self.reload()
            (error,) = self.said(LogLevel.error)
            self.assertIn(self.certificate, error)
            self.assertEqual(self.shown(self.wire(listening).open()), old.certificate)
        os.remove(self.certificate)
        self.reload()
        self.assertIn(f"cannot read {self.certificate}: No such file", self.said(LogLevel.error)[0])
        self.assertEqual(self.shown(self.wire(listening).open()), old.certificate)

    def test_clients(self) -> None:
        """The authorities of the clients are reloaded too."""
        bundle = self.file(authority().certificate)
        listening = self.listen(clientCA=bundle)
        context = self.context(client=issue(self.root, ["somebody"], client=True))
        self.refused(listening, context)
        Path(bundle).write_bytes(self.root.certificate)
        self.reload()
        self.assertEqual(self.wire(listening, context).open().say(b"x"), b"10.0.0.1:x")

    def test_working_directory(self) -> None:
        """Files are found again after the process went to another directory, as daemons do."""
        files = {"certificate": os.path.relpath(self.file(issue(self.root, ["localhost"]).together))}
        self.listen_at(endpoint_from(self.clock, "443", **files))
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir("/")
        self.port.reload()


class Source:
    def __init__(self, wrong: Exception | None = None) -> None:
        self.reloaded = 0
        self.wrong = wrong

    def reload(self) -> None:
        self.reloaded += 1
        if self.wrong:
            raise self.wrong


class ReloaderTests(SynchronousTestCase):
    def test_each(self) -> None:
        """One that fails, in whatever way, does not keep the next from its reload."""
        sources = [Source(ValueError("no good")), Source(RuntimeError("unexpected")), Source()]
        with capturedLogs() as events:
            reloader = self.reloader(lambda: sources)
            reloader.reload()
        self.assertEqual([source.reloaded for source in sources], [1, 1, 1])
        self.assertIn("no good", str(formatEvent(events[0])))
        self.assertEqual(formatEvent(events[-1]), "reloaded 1 of 3")
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(reloader.succeeded_at, 1.0)

    def test_moment(self) -> None:
        """The last success is that of the start, or of the last reload in which every part was read."""
        reloader = self.reloader(lambda: [Source(), Source()])
        self.assertEqual(reloader.succeeded_at, 1.0)
        reloader.reload()
        self.assertEqual(reloader.succeeded_at, 2.0)

    def reloader(self, sources: Callable[[], Iterable[Reloadable]]) -> Reloader:
        """Return a reloader whose clock says 1, 2 and so on."""
        moments = count(1)
        return Reloader(sources, wall_clock=lambda: float(next(moments)))


class StartTests(TlsTestCase):
    """Flaws that are found when the endpoint is made."""

    def flaw(self, *arguments: str, **options: str) -> str:
        found = str(self.assertRaises(ValueError, endpoint_from, self.clock, *arguments, **options))
        self.assertNotIn("\n", found)
        return found

    def test_files(self) -> None:
        """A file that is no good is named, with what to do."""
        mine, other = issue(self.root, ["localhost"]), issue(self.root, ["localhost"])
        deep = issue(intermediate(intermediate(self.root, "Upper"), "Lower"), ["localhost"])
        blocks = [block + END for block in deep.certificate.split(END)[:-1]]
        good, empty = self.file(mine.together), self.file(b"\n")
        for files, words in [
            ({"certificate": "/nowhere/x.pem"}, "cannot read /nowhere/x.pem: No such file"),
            ({"certificate": self.mktemp_directory()}, "Is a directory"),
            ({"certificate": empty}, f"{empty} is empty"),
            ({"certificate": self.file(mine.key)}, "no PEM certificate"),
            ({"certificate": self.file(mine.certificate)}, "no PEM private key; name the file that holds it"),
            ({"certificate": good, "key": self.file(mine.certificate)}, "no PEM private key"),
            ({"certificate": good, "key": self.file(other.key)}, "name a key and its certificate"),
            (
                {"certificate": good, "key": self.file(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")},
                "must have no passphrase",
            ),
            ({"certificate": self.file(deep.key + b"".join(reversed(blocks)))}, "must be the first"),
            (
                {"certificate": self.file(deep.key + blocks[0] + blocks[2] + blocks[1])},
                "the order is CN=localhost, CN=Lower, CN=Upper",
            ),
            ({"certificate": self.file(mine.together + b"-----BEGIN CERTIFICATE-----\nA\n" + END)}, "2 is damaged"),
            ({"certificate": good, "clientCA": "/nowhere/ca.pem"}, "cannot read /nowhere/ca.pem"),
            ({"certificate": good, "clientCA": empty}, f"{empty} is empty"),
        ]:
            self.assertIn(words, self.flaw("443", **files))
        endpoint_from(self.clock, "443", certificate=good)

    def mktemp_directory(self) -> str:
        path = Path(self.mktemp())
        path.mkdir()
        return str(path)

    def test_weak_key(self) -> None:
        """A certificate that OpenSSL would not show is refused, with its reason."""
        key = rsa.generate_private_key(65537, 1024)
        good = x509.load_pem_x509_certificate(issue(self.root, ["localhost"]).certificate)
        certificate = (
            x509.CertificateBuilder(good.issuer, good.subject, key.public_key(), 5)
            .not_valid_before(good.not_valid_before_utc)
            .not_valid_after(good.not_valid_after_utc)
            .sign(self.root.key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        form = serialization.PrivateFormat.PKCS8
        both = certificate.public_bytes(pem) + key.private_bytes(pem, form, serialization.NoEncryption())
        self.assertIn("key too small", self.flaw("443", certificate=self.file(both)))

    def test_arguments(self) -> None:
        """Each argument that cannot be is told."""
        good = {"certificate": self.file(issue(self.root, ["localhost"]).together)}
        for arguments, options, words in [
            (["443"], {"certificate": None}, "certificate= must name"),
            ([], {}, "port"),
            (["https"], {}, "port"),
            (["65536"], {}, "port"),
            (["443"], {"backlog": "0"}, "backlog="),
            (["443"], {"interface": "localhost"}, "interface= must be an IP address"),
            (["443"], {"minimumVersion": "1.1"}, "minimumVersion= must be 1.2 or 1.3"),
            (["443"], {"clientCertificate": "optional"}, "clientCA="),
            (["443"], {"clientCA": good["certificate"], "clientCertificate": "maybe"}, "required or optional"),
            (["443"], {"proxy": "maybe"}, "proxy= must be yes or no"),
            (["443"], {"endpoint": "tcp:443"}, "leave out the port and interface="),
            ([], {"endpoint": "nonsense:443"}, "nonsense"),
            ([], {"endpoint": "systemd:domain=INET:name=wss"}, "no such socket"),
        ]:
            self.assertIn(words, self.flaw(*arguments, **{**good, **options}))

    def test_expired(self) -> None:
        """An expired certificate is served all the same, with a warning that names the file and the day."""
        self.listen(issue(self.root, ["localhost"], expired=True))
        (warning,) = self.said(LogLevel.warn)
        self.assertIn(f"{self.certificate}: the certificate CN=localhost expired on 20", warning)
        self.listen()
        self.assertEqual(self.said(LogLevel.warn), [])

    def test_stray_certificate(self) -> None:
        """A certificate in whose file a foreign one stands is served, with a warning."""
        issued = issue(self.root, ["localhost"])
        self.wire(self.listen(Issued(issued.certificate + authority("Stray").certificate, issued.key))).open()
        self.assertIn("no part of the chain", self.said(LogLevel.warn)[0])

    def test_places(self) -> None:
        """The endpoint listens at the place of its string: IPv4, IPv6 or another endpoint."""
        good = {"certificate": self.file(issue(self.root, ["localhost"]).together)}
        for options, backlog, interface in [
            ({"port": "443"}, 1024, ""),
            ({"port": "443", "interface": "127.0.0.1", "backlog": "7"}, 7, "127.0.0.1"),
            ({"port": "443", "interface": "::1"}, 1024, "::1"),
            ({"endpoint": "tcp6:443"}, 50, "::"),
        ]:
            self.listen_at(endpoint_from(self.clock, **good, **options))
            self.assertEqual(self.clock.tcpServers[-1][0], 443)
            self.assertEqual(self.clock.tcpServers[-1][2:], (backlog, interface))

    def test_interfaces(self) -> None:
        """Endpoint and port are what Twisted takes them for, and the port can be reloaded."""
        endpoint = endpoint_from(self.clock, "1", certificate=self.file(issue(self.root, ["localhost"]).together))
        verifyObject(IStreamServerEndpoint, endpoint)
        self.listen_at(endpoint)
        verifyObject(IListeningPort, self.port)
        self.assertIsInstance(self.port, Reloadable)


class ProxyTests(TlsTestCase):
    def test_before_tls(self) -> None:
        """With proxy=yes the header, of either version, comes before TLS, and getPeer is the client it names."""
        listening = self.listen(proxy="yes")
        for header, host in GOOD.values():
            wire = self.wire(listening)
            wire.protocol.dataReceived(header)
            self.assertEqual(wire.open().say(b"x"), host.encode() + b":x")

    def test_in_pieces(self) -> None:
        """The header may come byte by byte, or in one piece with what follows."""
        listening = self.listen(proxy="yes")
        for header, host in GOOD.values():
            pieces = self.wire(listening)
            for at in range(len(header)):
                pieces.protocol.dataReceived(header[at : at + 1])
            self.assertEqual(pieces.open().say(b"x"), host.encode() + b":x")
            whole = self.wire(listening)
            try:
                whole.tls.do_handshake()
            except ssl.SSLWantReadError:
                whole.protocol.dataReceived(header + whole._out.read())
            self.assertEqual(whole.open().say(b"x"), host.encode() + b":x")

    def test_bad(self) -> None:
        """A malformed header, also TLS without one, ends the connection at once and logs nothing."""
        listening = self.listen(proxy="yes")
        for header in BAD:
            wire = self.wire(listening)
            with capturedLogs() as events:
                wire.protocol.dataReceived(header)
            self.assertTrue(wire.transport.aborted, header)
            self.assertEqual(events, [])

    def test_stall(self) -> None:
        """A client that does not finish the header is aborted like one that does not finish the handshake."""
        clients = harness.Harness()
        wire = self.wire(self.listen(factory=clients.factory, proxy="yes"))
        wire.protocol.dataReceived(b"PROXY TCP4 203.")
        clients.clock.advance(harness.HANDSHAKE_TIMEOUT + 0.1)
        self.assertTrue(wire.transport.aborted)

    def test_wrapped(self) -> None:
        """The header can also be read by the endpoint below."""
        files = {"certificate": self.file(issue(self.root, ["localhost"]).together)}
        wire = self.wire(self.listen_at(endpoint_from(self.clock, endpoint="haproxy:tcp:443", **files)))
        wire.protocol.dataReceived(GOOD["1, TCP4"][0])
        self.assertEqual(wire.open().say(b"x"), b"203.0.113.9:x")

    def test_both_ends(self) -> None:
        """A header says where the client is and where it connected."""
        v4, v6, unknown, unix = (GOOD[name][0] for name in ("1, TCP4", "1, TCP6", "1, UNKNOWN, short", "2, UNIX"))
        self.assertEqual(
            read(v4 + b"rest"),
            Header(len(v4), IPv4Address("TCP", "203.0.113.9", 4000), IPv4Address("TCP", "10.0.0.2", 443)),
        )
        self.assertEqual(
            read(v6), Header(len(v6), IPv6Address("TCP", "2001:db8::9", 4000), IPv6Address("TCP", "::1", 443))
        )
        self.assertEqual(read(unknown), Header(len(unknown)))
        self.assertEqual(read(unix), Header(len(unix), UNIXAddress(b"/a"), UNIXAddress(b"/b")))

    @given(st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", V2, V2 + b"\x21\x11", V2 + b"\x21\x21\0"]), st.binary())
    def test_anything(self, start: bytes, rest: bytes) -> None:
        """Whatever comes, it is a header, the beginning of one or a ValueError; and never more than a few KiB wait."""
        for data in (start + rest, start + rest + bytes(5000)):
            try:
                header = read(data)
            except ValueError:
                continue
            if header is None:
                self.assertLess(len(data), 4096 + 16)
            else:
                self.assertLessEqual(header.length, len(data))


class SocketTests(TestCase):
    """Through twistd's door: endpoint strings, the real reactor, sockets of loopback."""

    def setUp(self) -> None:
        self.root = authority()
        path = Path(self.mktemp()).resolve()
        path.write_bytes(issue(self.root, ["localhost", "127.0.0.1", "::1"]).together)
        self.files = f"certificate={path}"
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.load_verify_locations(cadata=self.root.certificate.decode())

    def talk(self, host: str, port: int, first: bytes) -> bytes:
        with socket.create_connection((host, port), 10) as plain:
            plain.sendall(first)
            with self.context.wrap_socket(plain, server_hostname=host) as client:
                client.sendall(b"hello")
                return client.recv(100)

    @inlineCallbacks
    def test_strings(self) -> Iterator[Deferred[Any]]:
        """The plugin is found by the string's beginning, and serves IPv4 and IPv6, with a PROXY header or without."""
        for host, more, first, answer in [
            ("127.0.0.1", "", b"", b"127.0.0.1:hello"),
            ("::1", "", b"", b"::1:hello"),
            ("127.0.0.1", ":proxy=yes", b"PROXY TCP4 203.0.113.9 10.0.0.2 4000 443\r\n", b"203.0.113.9:hello"),
        ]:
            escaped = host.replace(":", "\\:")
            endpoint = serverFromString(reactor, f"wsaas-tls:0:interface={escaped}:{self.files}{more}")
            self.assertIsInstance(endpoint, TlsServerEndpoint)
            port = yield endpoint.listen(EchoFactory())
            self.assertIsInstance(port, TlsPort)
            self.addCleanup(port.stopListening)
            found = yield deferToThread(self.talk, host, port.getHost().port, first)
            self.assertEqual(found, answer)
