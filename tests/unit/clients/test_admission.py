"""Who may come in, and what those hear who may not."""

from __future__ import annotations

import json
from typing import Any

from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.support.client_harness import CONNECT_RATE, END, REQUEST, Client, Harness, Transport
from wsaas.clients.admission import BURST, MAX_RETRY_AFTER
from wsaas.clients.handshake.responses import MESSAGES
from wsaas.core.refusal import Refusal, RefusalReason
from wsaas.net.proxy_protocol import ProxiedFactory

PUBLIC = "8.8.8.8"


class Case(SynchronousTestCase):
    def assertTurnedAway(self, client: Client, code: str) -> None:
        """503 before the upgrade, when to come back, and an end."""
        head, _, body = client.transport.written.partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 503 "), client.transport.written)
        self.assertEqual(json.loads(body), {"code": code, "message": MESSAGES[code]})
        self.assertIn(b"\r\nRetry-After: %d\r\n" % MAX_RETRY_AFTER, head)
        client.close()
        self.assertIsNone(client.transport.protocol)

    def ask(self, harness: Harness, extra: bytes = b"", host: str = "203.0.113.9") -> Client:
        client = harness.client(host)
        client.say(REQUEST + extra + END)
        return client

    def assertEmpty(self, harness: Harness) -> None:
        """When all clients are gone, nothing is counted any more."""
        for protocol in list(harness.factory._connections):
            protocol.transport.lose(ConnectionError())
        harness.clock.advance(10)
        admission = harness.admission
        self.assertEqual((admission.present, admission.surplus, admission.asking), (0, 0, 0))
        self.assertEqual((admission._networks.numbers, len(harness.factory.context.pending)), ({}, 0))


class TotalTests(Case):
    def setUp(self) -> None:
        self.harness = Harness()
        self.harness.admission.limit(3, 2)

    def test_full(self) -> None:
        """One over MAX_CONNECTIONS is told so when its head is there; the others stay; who comes later may come in."""
        clients = [self.harness.open() for _ in range(3)]
        late = self.harness.client()
        self.assertEqual(late.transport.written, b"")
        late.say(REQUEST + END)
        self.assertTurnedAway(late, "TOO_MANY_CONNECTIONS")
        self.assertEqual(len(self.harness.gateway.handshakes), 3)
        self.assertTrue(all(client.transport.protocol for client in clients))
        clients[0].vanish()
        self.harness.open()
        self.assertEmpty(self.harness)

    def test_surplus(self) -> None:
        """Of those over it only a few are answered; the rest is cut off at once."""
        for _ in range(3):
            self.harness.open()
        waiting = [self.harness.client() for _ in range(2)]
        cut = [self.harness.client() for _ in range(5)]
        self.harness.clock.advance(0)
        self.assertTrue(all(client.transport.aborted and not client.transport.written for client in cut))
        self.assertEqual(self.harness.admission.present, 5)
        for client in waiting:
            client.say(REQUEST + END)
            self.assertTurnedAway(client, "TOO_MANY_CONNECTIONS")
        self.assertEqual(self.harness.admission.refused[RefusalReason.TOO_MANY_CONNECTIONS], 7)
        self.assertEmpty(self.harness)

    def test_surplus_from_a_proxy(self) -> None:
        """That holds before it is known for whom a proxy speaks."""
        harness = Harness(trusted_proxies=("10.0.0.0/8",))
        harness.admission.limit(1, 2)
        harness.open(host="10.0.0.1")
        clients = [harness.client("10.0.0.1") for _ in range(5)]
        harness.clock.advance(0)
        self.assertEqual([client.transport.protocol is None for client in clients], [False, False, True, True, True])
        self.assertEmpty(harness)

    def test_the_slowest_makes_room(self) -> None:
        """Connections that say nothing keep nobody out for more than a second; the one that says nothing for longest
        goes, and those that have asked stay."""
        self.harness.admission.limit(4, 2)
        asked, silent = self.ask(self.harness), self.harness.client()
        self.harness.clock.advance(0.9)
        opened, newer = self.harness.open(), self.harness.client()
        self.assertTurnedAway(self.ask(self.harness), "TOO_MANY_CONNECTIONS")
        self.harness.clock.advance(0.2)
        self.harness.open()
        self.harness.clock.advance(0)
        self.assertIsNone(silent.transport.protocol)
        self.assertTrue(asked.transport.protocol and opened.transport.protocol and newer.transport.protocol)
        newer.say(REQUEST + END)
        self.harness.clock.advance(2)
        self.assertTurnedAway(self.ask(self.harness), "TOO_MANY_CONNECTIONS")
        self.assertEmpty(self.harness)

    def test_log(self) -> None:
        """A storm is one line in ten seconds in the log, which says how many there were."""
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        for _ in range(3):
            self.harness.open()
        for seconds in (0, 9, 2):
            self.harness.clock.advance(seconds)
            for _ in range(50):
                self.ask(self.harness)
        told = [event for event in events if event["log_level"] is LogLevel.warn]
        self.assertEqual([event["code"] for event in told], ["TOO_MANY_CONNECTIONS"] * 2)
        self.assertEqual([event["left_out"] for event in told], [0, 99])


class AddressTests(Case):
    def test_per_address(self) -> None:
        """MAX_CONNECTIONS_PER_ADDRESS counts each address by itself, private ones too."""
        for host in (PUBLIC, "127.0.0.1"):
            harness = Harness(most_per_address=2)
            first = harness.open(host=host)
            harness.open(host=host)
            self.assertTurnedAway(self.ask(harness, host=host), "TOO_MANY_FROM_ADDRESS")
            harness.open(host="8.8.4.4")
            first.vanish()
            harness.open(host=host)
            self.assertEmpty(harness)

    def test_ipv6(self) -> None:
        """A /64 is one address."""
        harness = Harness(most_per_address=1)
        harness.open(host="2001:db8:1:2::1")
        self.assertTurnedAway(self.ask(harness, host="2001:db8:1:2:9::9"), "TOO_MANY_FROM_ADDRESS")
        harness.open(host="2001:db8:1:3::1")

    def test_behind_a_proxy(self) -> None:
        """Behind a trusted proxy the clients are counted, not the proxy; a header from others counts for nothing."""
        harness = Harness(most_per_address=1, trusted_proxies=("10.0.0.0/8",))
        for host in ("198.51.100.1", "198.51.100.2"):
            harness.open(b"X-Forwarded-For: %s\r\n" % host.encode(), host="10.0.0.1")
        self.assertTurnedAway(
            self.ask(harness, b"X-Forwarded-For: 198.51.100.1\r\n", "10.0.0.1"), "TOO_MANY_FROM_ADDRESS"
        )
        for _ in range(3):
            harness.open(host="10.0.0.1")
        harness.open(host=PUBLIC)
        self.assertTurnedAway(self.ask(harness, b"X-Forwarded-For: 198.51.100.9\r\n", PUBLIC), "TOO_MANY_FROM_ADDRESS")
        self.assertEmpty(harness)

    def test_behind_a_proxy_header(self) -> None:
        """Behind a PROXY header it is the address in it that counts, once it is there."""
        harness = Harness(most_per_address=1)
        factory = ProxiedFactory(harness.factory)
        transports = []
        for host in ("8.8.8.8", "8.8.4.4", "8.8.4.4"):
            transport = Transport(harness.clock, PUBLIC)
            transport.protocol = factory.buildProtocol(None)
            transport.protocol.makeConnection(transport)
            transport.protocol.dataReceived(f"PROXY TCP4 {host} 127.0.0.1 1 2\r\n".encode() + REQUEST + END)
            transports.append(transport)
        self.assertEqual([each.remote_address for each in harness.gateway.handshakes], ["8.8.8.8", "8.8.4.4"])
        self.assertIn(b"TOO_MANY_FROM_ADDRESS", transports[2].written)

    def test_surplus(self) -> None:
        """One address cannot have many waiting for their refusal: those over it are cut off, as they come."""
        harness = Harness(most_per_address=1)
        harness.admission.limit(1000, 4)
        harness.open(host=PUBLIC)
        clients = [harness.client(PUBLIC) for _ in range(20)]
        harness.clock.advance(0)
        self.assertEqual(sum(client.transport.protocol is not None for client in clients), 4)
        harness.open(host="8.8.4.4")
        self.assertEmpty(harness)


class RateTests(Case):
    def test_burst(self) -> None:
        """A public address may connect so often at once, and then so many times a second; a long rest saves up no more
        than that."""
        harness = Harness()
        for _ in range(BURST * CONNECT_RATE):
            harness.open(host=PUBLIC).vanish()
        self.assertTurnedAway(self.ask(harness, host=PUBLIC), "TOO_FAST")
        harness.open(host="8.8.4.4")
        harness.clock.advance(1.01)
        for _ in range(CONNECT_RATE):
            harness.open(host=PUBLIC).vanish()
        self.assertTurnedAway(self.ask(harness, host=PUBLIC), "TOO_FAST")
        harness.clock.advance(1000)
        for _ in range(BURST * CONNECT_RATE):
            harness.open(host=PUBLIC).vanish()
        self.assertTurnedAway(self.ask(harness, host=PUBLIC), "TOO_FAST")
        self.assertEmpty(harness)

    def test_setting(self) -> None:
        """CONNECT_RATE is the rate, of which ten seconds' worth may come at once; 0 turns it off."""
        harness = Harness(connect_rate=2)
        for _ in range(20):
            harness.open(host=PUBLIC).vanish()
        self.assertTurnedAway(self.ask(harness, host=PUBLIC), "TOO_FAST")
        harness.clock.advance(1.01)
        for _ in range(2):
            harness.open(host=PUBLIC).vanish()
        self.assertTurnedAway(self.ask(harness, host=PUBLIC), "TOO_FAST")
        harness = Harness(connect_rate=0)
        for _ in range(BURST * CONNECT_RATE + 5):
            harness.open(host=PUBLIC).vanish()

    def test_those_that_stand_for_many(self) -> None:
        """The rate is not for private addresses and trusted proxies: they are proxies, bridges, tests."""
        for host, options in (("127.0.0.1", {}), ("10.1.2.3", {}), (PUBLIC, {"trusted_proxies": (PUBLIC,)})):
            harness = Harness(**options)
            for _ in range(BURST * CONNECT_RATE + 5):
                harness.open(host=host).vanish()


class BusyTests(Case):
    def test_asking(self) -> None:
        """When too many wait for the backend's word, others are told to come back instead of waiting behind them."""
        harness = Harness(most_asking=2)
        first, second = self.ask(harness), self.ask(harness)
        self.assertTurnedAway(self.ask(harness), "BUSY")
        self.assertEqual(len(harness.gateway.handshakes), 2)
        first.peer.accept(None)
        third = self.ask(harness)
        self.assertEqual(third.transport.written, b"")
        second.peer.refuse(Refusal(RefusalReason.CLOSED_BY_API))
        fourth = self.ask(harness)
        fourth.vanish()
        third.vanish()
        self.assertEqual(harness.admission.asking, 0)
        self.assertEqual(len(harness.gateway.handshakes), 4)
        self.assertEmpty(harness)

    def test_one_network(self) -> None:
        """Those of one public address that wait leave half of the room to others, however many there are."""
        harness = Harness(most_asking=10)
        clients = [self.ask(harness, host=PUBLIC) for _ in range(20)]
        self.assertEqual(harness.admission.asking, 5)
        self.assertTurnedAway(clients[5], "BUSY")
        for host in ("8.8.4.4", "1.1.1.1"):
            self.assertEqual(self.ask(harness, host=host).transport.written, b"")
        clients[0].peer.accept(None)
        self.assertEqual(self.ask(harness, host=PUBLIC).transport.written, b"")
        self.assertTurnedAway(self.ask(harness, host=PUBLIC), "BUSY")
        self.assertEmpty(harness)
        self.assertEqual(harness.admission._asking, {})

    def test_in_vain(self) -> None:
        """Handshakes that are refused for themselves do not count."""
        harness = Harness(most_asking=1, allowed_origins=("https://a",))
        for _ in range(3):
            self.ask(harness, b"Origin: https://b\r\n")
            self.ask(harness, b"Content-Length: 1\r\n")
        self.assertEqual(harness.admission.asking, 0)
