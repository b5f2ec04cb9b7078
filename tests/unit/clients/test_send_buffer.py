"""What waits for one client, over a real socket."""

from __future__ import annotations

import os
import socket
from types import SimpleNamespace
from typing import Any

from tests.support.sockets import SocketTestCase
from wsaas.clients.backpressure import Backpressure
from wsaas.clients.send_buffer import SendBuffer


class OutboxTests(SocketTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.drains = 0
        self.transport.connected = 1
        self.outbox = SendBuffer(self.transport, 300_000, lambda: 1.0, self, Backpressure())
        self.transport.registerProducer(self.outbox, True)

    def drained(self) -> None:
        self.drains += 1

    def test_directly(self) -> None:
        """A message that the socket takes is there at once."""
        self.assertTrue(self.outbox.offer(b"hello"))
        self.assertEqual(self.far.recv(100), b"hello")
        self.assertEqual((self.reactor.writers, self.outbox.waiting), ([], 0))

    def test_what_is_left(self) -> None:
        """What the socket does not take waits, as much as there is room for; all that was taken arrives, in order; then
        messages are written directly again, those of a fan-out too.
        """
        session: Any = SimpleNamespace(fan_out_entry=None)
        self.outbox.join_fan_out(session)
        self.assertEqual(session.fan_out_entry, self.transport.fileno())
        sent = b""
        for number in range(1000):
            piece = bytes([number % 256]) * 10_000
            if not self.outbox.offer(piece):
                break
            sent += piece
        self.assertTrue(self.outbox.paused and self.outbox.full_since == 1.0)
        self.assertLessEqual(self.outbox.waiting, 300_000)
        self.assertIsNone(session.fan_out_entry)
        self.assertEqual(self.received(len(sent)), sent)
        self.transport.doWrite()
        self.assertEqual((self.drains, self.outbox.waiting, self.outbox.full_since), (1, 0, None))
        self.reactor.writers.clear()
        self.assertTrue(self.outbox.offer(b"directly"))
        self.assertEqual((self.far.recv(100), self.reactor.writers), (b"directly", []))
        self.assertEqual(session.fan_out_entry, self.transport.fileno())

    def test_a_file_that_is_anothers(self) -> None:
        """Once the connection is given up, in good order or not, nothing is written to the file it had: it may be
        another client's by then.
        """
        session: Any = SimpleNamespace(fan_out_entry=None)
        near, far = socket.socketpair()
        self.addCleanup(far.close)
        far.setblocking(False)
        os.dup2(near.fileno(), self.transport.fileno())
        near.close()
        self.transport.connected = 0
        self.outbox.join_fan_out(session)
        self.outbox.let_go()
        self.assertIsNone(session.fan_out_entry)
        self.outbox.offer(b"late")
        self.outbox.stopProducing()
        self.assertFalse(self.outbox.offer(b"later"))
        self.outbox.write(b"last")
        self.assertRaises(BlockingIOError, far.recv, 100)
        self.assertEqual(self.outbox.waiting, len(b"last"))

    def test_lost(self) -> None:
        """A connection that is lost has no room, though nothing waits."""
        self.assertTrue(self.outbox.room(1))
        self.outbox.stopProducing()
        self.assertFalse(self.outbox.room(1))
