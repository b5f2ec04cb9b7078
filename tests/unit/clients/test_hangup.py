"""Seeing a hangup without reading."""

from __future__ import annotations

import socket
import struct
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support.client_harness import Harness
from tests.support.sockets import Over, pair
from wsaas.clients.hangup import hung_up
from wsaas.core.events import Cause


class Tcp:
    def __init__(self, handle: object) -> None:
        self.handle = handle

    def getHandle(self) -> object:
        return self.handle


class HangupTests(SynchronousTestCase):
    def test_alive(self) -> None:
        """An open connection, with or without something to read, is not hung up."""
        client, accepted = pair(self)
        self.assertFalse(hung_up(Tcp(accepted)))
        client.sendall(b"unread")
        self.assertFalse(hung_up(Over(Tcp(accepted))))

    def test_closed_behind_unread_data(self) -> None:
        """A close is seen though data that nobody read is before it."""
        client, accepted = pair(self)
        client.sendall(b"unread")
        client.close()
        self.assertTrue(hung_up(Tcp(accepted)))
        self.assertTrue(hung_up(Over(Over(Tcp(accepted)))))

    def test_reset(self) -> None:
        """So is a reset."""
        client, accepted = pair(self)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        self.assertTrue(hung_up(Tcp(accepted)))

    def test_cannot_tell(self) -> None:
        """A transport without a socket, or with a closed one, does not count as hung up."""
        _, accepted = pair(self)
        accepted.close()
        self.assertFalse(hung_up(Tcp(accepted)))
        self.assertFalse(hung_up(Tcp(None)))
        self.assertFalse(hung_up(object()))


class PausedClientTests(SynchronousTestCase):
    def paused_client(self) -> tuple[Harness, Any, socket.socket]:
        harness = Harness(ws_timeout=30.0)
        client = harness.open()
        far, near = pair(self)
        client.transport.getHandle = lambda: near  # type: ignore[attr-defined]
        client.peer.pause_reading()
        return harness, client, far

    def test_close_is_noticed(self) -> None:
        """A paused client that closes is reported lost within WS_TIMEOUT."""
        harness, client, far = self.paused_client()
        harness.clock.pump([1.0] * 60)
        self.assertEqual(client.session.calls, [])
        far.close()
        harness.clock.pump([1.0] * 30)
        self.assertEqual(client.session.calls, [("disconnected", Cause.NETWORK, 1006, "", False)])

    def test_reading_goes_on(self) -> None:
        """If there is room again meanwhile, what it sent before its close is read, and nobody gives it up."""
        harness, client, far = self.paused_client()
        far.close()
        for _ in range(10):
            harness.clock.pump([1.0] * 15)
            client.peer.resume_reading()
            client.peer.pause_reading()
        self.assertEqual(client.session.calls, [])
