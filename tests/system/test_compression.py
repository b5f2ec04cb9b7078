"""COMPRESSION: permessage-deflate (RFC 7692)."""

from __future__ import annotations

from typing import ClassVar

from tests.support.system_case import Settings, SharedTestCase, eventually
from tests.support.websocket_client import closing


class OnTests(SharedTestCase):
    settings: ClassVar[Settings] = {"COMPRESSION": "on", "MAX_MESSAGE_SIZE": "100000"}

    def test_both_ways(self) -> None:
        """A client that offers it gets it, and messages are the same with it, both ways."""
        connection = self.client(compression="deflate")
        self.assertEqual([each.name for each in connection.protocol.extensions], ["permessage-deflate"])
        text = "the same again, " * 1000
        connection.send(text)
        eventually(lambda: self.stage.messages)
        self.assertEqual(self.stage.bodies, [text.encode()])
        self.assertEqual(self.api.push(self.connection_id(), text).status, 200)
        self.assertEqual(connection.recv(timeout=10), text)

    def test_not_offered(self) -> None:
        """A client that does not offer it does without."""
        connection = self.client()
        self.assertEqual(connection.protocol.extensions, [])
        connection.send("plain")
        eventually(lambda: self.stage.bodies == [b"plain"])

    def test_bomb(self) -> None:
        """MAX_MESSAGE_SIZE is for what comes out: a few bytes that would become many end with 1009, undelivered."""
        connection = self.client(compression="deflate")
        connection.send("0" * 50_000_000)
        self.assertEqual(closing(connection)[0], 1009)
        self.assertEqual(self.ended()["cause"], "too_big")
        self.assertEqual(self.stage.messages, [])


class OffTests(SharedTestCase):
    def test_off(self) -> None:
        """By default an offer is not taken up."""
        self.assertEqual(self.client(compression="deflate").protocol.extensions, [])
