"""wsaas.clients.handshake.opening: the handshake that a connection has until the 101."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.support.client_harness import END, REQUEST, Client, Harness
from wsaas.clients.handshake.opening import OpeningHandshake
from wsaas.clients.phase import Phase


class OpeningTests(SynchronousTestCase):
    def test_dropped(self) -> None:
        """From the 101 on a connection has no handshake, on the fast path and on the slow one."""
        for extra in (b"", b"Connection: x\r\n"):
            client = Harness().client()
            client.say(REQUEST)
            self.assertIs(client.peer.phase, Phase.HANDSHAKE)
            client.say(extra + END)
            client.peer.accept(None)
            self.assertIs(client.peer.phase, Phase.OPEN)
            self.assertFalse([value for value in vars(client.peer).values() if isinstance(value, OpeningHandshake)])

    def selected(self, choice: str | None, offered: bytes) -> tuple[str | None, str | None]:
        """The subprotocol of the 101, and the one that the session hears to be selected instead of its choice."""
        client = Client(Harness(auth_subprotocol=True), "203.0.113.9")
        client.say(REQUEST + (b"Sec-WebSocket-Protocol: " + offered + b"\r\n" if offered else b"") + END)
        client.peer.accept(choice)
        lines = client.transport.written.decode().split("\r\n")
        found = [line.partition(": ")[2] for line in lines if line.startswith("Sec-WebSocket-Protocol:")]
        return found[0] if found else None, client.session.subprotocol

    def test_subprotocol(self) -> None:
        """The backend's choice stands; without one, a credential's subprotocol needs one that is selected."""
        self.assertEqual(self.selected(None, b"a"), (None, None))
        self.assertEqual(self.selected("a", b"a"), ("a", None))
        self.assertEqual(self.selected("b", b"a, b, bearer.YWJj"), ("b", None))
        self.assertEqual(self.selected(None, b"a, bearer.YWJj"), ("a", "a"))
        self.assertEqual(self.selected(None, b"bearer.YWJj"), ("bearer.YWJj", None))
