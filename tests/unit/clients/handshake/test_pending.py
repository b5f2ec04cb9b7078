"""wsaas.clients.handshake.pending: the handshake that a connection has until the 101."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.support.client_harness import END, REQUEST, Harness
from wsaas.clients.handshake.client_address import Proxies
from wsaas.clients.handshake.credentials import Credentials
from wsaas.clients.handshake.pending import PendingHandshake
from wsaas.clients.handshake.policy import HandshakePolicy


class PendingTests(SynchronousTestCase):
    def test_dropped(self) -> None:
        """From the 101 on a connection has no handshake, on the fast path and on Autobahn's."""
        unusual = b"Connection: x\r\n"
        for extra, fast_path in ((b"", True), (unusual, False)):
            harness = Harness()
            self.addCleanup(harness.factory.keepalive.stop)
            client = harness.client()
            client.say(REQUEST)
            self.assertIsNotNone(client.peer._handshake.deadline)
            client.say(extra + END)
            self.assertIs(client.peer._handshake.fast_path, fast_path)
            self.assertIsNone(client.peer._handshake.deadline)
            client.peer.accept(None)
            self.assertIsNone(client.peer._handshake)
            self.assertFalse([value for value in vars(client.peer).values() if isinstance(value, PendingHandshake)])

    def test_subprotocol(self) -> None:
        """The backend's choice stands; without one, a credential's subprotocol needs one that is selected."""
        policy = HandshakePolicy(
            proxies=Proxies(()), credentials=Credentials(None, True), allowed_origins=(), forward_headers=()
        )
        plain, carried = PendingHandshake(), PendingHandshake()
        head = REQUEST.removesuffix(b"\r\n")
        plain.head = policy.read(head, "203.0.113.9")
        carried.head = policy.read(head + b"\r\nSec-WebSocket-Protocol: bearer.YWJj", "203.0.113.9")
        self.assertEqual(
            [plain.subprotocol(None, ["a"]), plain.subprotocol("a", ["a"]), PendingHandshake().subprotocol(None, [])],
            [None, "a", None],
        )
        self.assertEqual(
            [carried.subprotocol("b", ["a", "b"]), carried.subprotocol(None, ["a"]), carried.subprotocol(None, [])],
            ["b", "a", "bearer.YWJj"],
        )
