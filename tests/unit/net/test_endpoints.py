"""wsaas.net.endpoints: `haproxy:`, with the same reader of PROXY headers as `wsaas-tls:` has."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.support.client_harness import END, REQUEST, Harness, Transport
from tests.support.proxy_headers import BAD, BALANCER, GOOD
from wsaas.clients.handshake.client_address import parse
from wsaas.net.endpoints import ProxiedEndpoint, server_endpoint


class ProxiedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.harness = Harness()

    def connection(self, description: str = "haproxy:tcp:8080") -> tuple[Any, Transport]:
        """A client's connection through the endpoint, made by the balancer."""
        endpoint = server_endpoint(self.reactor, description)
        verifyObject(IStreamServerEndpoint, endpoint)
        self.successResultOf(endpoint.listen(self.harness.factory))
        servers = [*self.reactor.tcpServers, *self.reactor.unixServers]
        factory = servers[-1][1]
        transport = Transport(self.harness.clock, BALANCER)
        protocol = factory.buildProtocol(IPv4Address("TCP", BALANCER, 1111))
        transport.protocol = protocol
        protocol.makeConnection(transport)
        return protocol, transport

    def test_good(self) -> None:
        """Every form of the header passes, in one piece with the handshake or byte by byte, and the gateway hears of
        the client that it names."""
        for name, (header, host) in GOOD.items():
            for pieces in ([header + REQUEST + END], [bytes([byte]) for byte in header] + [REQUEST + END]):
                protocol, transport = self.connection()
                with capturedLogs() as events:
                    for piece in pieces:
                        protocol.dataReceived(piece)
                heard = self.harness.gateway.handshakes.pop()
                self.assertEqual(heard.remote_address, "" if host == "unix" else str(parse(host)), name)
                self.assertFalse(transport.closed)
                self.assertEqual(events, [])

    def test_bad(self) -> None:
        """A malformed header, also a client's own handshake, ends the connection at once and logs nothing."""
        for header in (*BAD, REQUEST + END):
            protocol, transport = self.connection()
            with capturedLogs() as events:
                protocol.dataReceived(header)
            self.assertTrue(transport.aborted, header)
            self.assertEqual(self.harness.gateway.handshakes, [])
            self.assertEqual(events, [])

    def test_strings(self) -> None:
        """Every endpoint string may follow `haproxy:`, in upper or lower case, with escapes and options."""
        for description in ("haproxy:tcp:8080", "HAProxy:tcp6:port=8080:interface=\\:\\:1", "haproxy:unix:/tmp/a\\:b"):
            protocol, transport = self.connection(description)
            protocol.dataReceived(GOOD["1, TCP4"][0] + REQUEST + END)
            self.assertEqual(self.harness.gateway.handshakes.pop().remote_address, "203.0.113.9")
            self.assertFalse(transport.closed)
        self.assertEqual(self.reactor.tcpServers[-1][3], "::1")
        self.assertEqual(self.reactor.unixServers[-1][0], "/tmp/a:b")

    def test_others(self) -> None:
        """All other strings are Twisted's, its errors too."""
        self.assertNotIsInstance(server_endpoint(self.reactor, "tcp:1"), ProxiedEndpoint)
        for wrong in ("haproxy", "haproxy:", "haproxy:nonsense:1", "haproxies:tcp:1", ""):
            with self.assertRaises(ValueError, msg=wrong):
                server_endpoint(self.reactor, wrong)
