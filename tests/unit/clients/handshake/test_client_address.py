"""wsaas.clients.handshake.client_address: where a client comes from."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.support.client_harness import END, REQUEST, Harness
from wsaas.clients.handshake.client_address import Proxies, announced, is_public, network, party
from wsaas.net.proxy_protocol import Proxied, ProxiedFactory

TRUSTED = ("10.0.0.0/8", "2001:db8::/32", "192.0.2.7/32")


class PartyTests(SynchronousTestCase):
    def test_party(self) -> None:
        """A public address is one party, and so is the /64 of an IPv6 address; one that may stand for many is told
        apart by the path, as far as that is short."""
        for host, path, expected in (
            ("8.8.8.8", "/a", "8.8.8.8"),
            ("::ffff:8.8.8.8", "/b", "8.8.8.8"),
            ("2606:4700:1:2:3::4", "/a", "2606:4700:1:2::/64"),
            ("2606:4700:1:2::9", "/b", "2606:4700:1:2::/64"),
            ("127.0.0.1", "/a", "127.0.0.1 /a"),
            ("fe80::1%lo", "/a", "fe80::/64 /a"),
            ("10.0.0.1", "/" + "x" * 1000, "10.0.0.1 /" + "x" * 63),
            ("", "/a", " /a"),
        ):
            self.assertEqual(party(host, path), expected)

    def test_what_the_gateway_hears(self) -> None:
        """The gateway hears of whose party a client is, and goes on knowing it; behind a trusted proxy it is that of
        the client."""
        harness = Harness(trusted_proxies=("10.0.0.0/8",))
        harness.open(host="2606:4700:1:2:3::4")
        harness.open(b"X-Forwarded-For: 8.8.8.8\r\n", host="10.0.0.1")
        parties = [handshake.party for handshake in harness.gateway.handshakes]
        self.assertEqual(parties, ["2606:4700:1:2::/64", "8.8.8.8"])
        self.assertEqual([handshake.remembered.party for handshake in harness.gateway.handshakes], parties)


class ForwardedTests(SynchronousTestCase):
    def test_walk(self) -> None:
        """From the right as far as the proxies are trusted, and one further; what is no address ends the chain."""
        for peer, forwarded, expected in (
            ("10.0.0.1", [], "10.0.0.1"),
            ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", ["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", ["6.6.6.6", "203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", ["6.6.6.6, 203.0.113.9, 10.1.1.1,192.0.2.7"], "203.0.113.9"),
            ("10.0.0.1", ["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
            ("10.0.0.1", ["203.0.113.9, nonsense"], "10.0.0.1"),
            ("10.0.0.1", ["203.0.113.9, unknown, 10.1.1.1"], "10.1.1.1"),
            ("10.0.0.1", [""], "10.0.0.1"),
            ("10.0.0.1", ["203.0.113.9,"], "10.0.0.1"),
            ("10.0.0.1", ["203.0.113.009"], "10.0.0.1"),
            ("10.0.0.1", ["fe80::1%<script>"], "10.0.0.1"),
            ("10.0.0.1", ["203.0.113.9:4711"], "203.0.113.9"),
            ("10.0.0.1", ["[2001:DB9::1]:4711"], "2001:db9::1"),
            ("10.0.0.1", ["[2001:db9::1]"], "2001:db9::1"),
            ("10.0.0.1", ["::ffff:203.0.113.9"], "203.0.113.9"),
            ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
            ("2001:db8::5", ["203.0.113.9"], "203.0.113.9"),
            ("203.0.113.1", ["6.6.6.6"], "203.0.113.1"),
            ("11.0.0.1", ["10.0.0.1"], "11.0.0.1"),
            ("::ffff:203.0.113.1", [], "203.0.113.1"),
            ("", ["6.6.6.6"], ""),
            ("10.0.0.1", [",".join(["203.0.113.9", *["10.1.1.1"] * 31])], "203.0.113.9"),
            ("10.0.0.1", [",".join(["203.0.113.9", *["10.1.1.1"] * 32])], "10.1.1.1"),
            ("10.0.0.1", [f"203.0.113.9{' ' * 100}"], "203.0.113.9"),
            ("10.0.0.1", ["0" * 100 + ":1"], "10.0.0.1"),
        ):
            found = Proxies(TRUSTED).client(peer, [value.encode() for value in forwarded])
            self.assertEqual(found, expected, (peer, forwarded))

    def test_unix(self) -> None:
        """A proxy on a unix socket has no address; it is believed where `unix` is named."""
        self.assertEqual(Proxies(("unix",)).client("", [b"203.0.113.9"]), "203.0.113.9")
        self.assertEqual(Proxies(("unix",)).client("127.0.0.1", [b"203.0.113.9"]), "127.0.0.1")

    def test_what_the_gateway_hears(self) -> None:
        """remote_address is the client's where the proxy is trusted, the peer's where not."""
        for trusted, expected in ((("203.0.113.0/24",), "198.51.100.4"), ((), "203.0.113.9")):
            harness = Harness(trusted_proxies=trusted)
            harness.client().say(REQUEST + b"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 198.51.100.4\r\n" + END)
            self.assertEqual(harness.gateway.handshakes[0].remote_address, expected)


class KindTests(SynchronousTestCase):
    def test_network(self) -> None:
        """An IPv4 address counts by itself, an IPv6 one as its /64."""
        self.assertEqual(network("203.0.113.9"), "203.0.113.9")
        self.assertEqual(network("::ffff:203.0.113.9"), "203.0.113.9")
        self.assertEqual(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2:ffff::1"))
        self.assertNotEqual(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"))

    def test_public(self) -> None:
        """Loopback, private and shared addresses may stand for many."""
        for host in ("8.8.8.8", "2606:4700::1", "::ffff:8.8.8.8"):
            self.assertTrue(is_public(host), host)
        for host in ("", "127.0.0.1", "::1", "10.0.0.1", "172.17.0.1", "100.64.0.1", "fd00::1", "fe80::1%eth0"):
            self.assertFalse(is_public(host), host)

    def test_announced(self) -> None:
        """Behind a PROXY header, however deep, the peer is known only when that came."""
        harness = Harness()

        class Layer:
            def __init__(self, transport: object) -> None:
                self.transport = transport

        plain = harness.client().transport
        ours = Proxied(ProxiedFactory(harness.factory), harness.factory.buildProtocol(None))
        self.assertEqual([announced(each) for each in (plain, Layer(plain))], [False, False])
        self.assertEqual([announced(each) for each in (ours, Layer(ours))], [True] * 2)
