"""How a client takes what it is sent, over real sockets."""

from __future__ import annotations

import socket
from typing import Any

from tests.support.sockets import Over, SocketTestCase, pair
from wsaas.clients.progress import Progress, unacknowledged
from wsaas.internals.direct_write import unsent
from wsaas.net.transports import innermost


class ProgressTests(SocketTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        self.transport.connected = 1

    def fill(self) -> int:
        """Write more than the kernel takes; how much that was."""
        size = 20_000_000
        self.transport.write(bytes(size))
        left = size + 1
        while unsent(self.transport) < left:
            left = unsent(self.transport)
            self.transport.doWrite()
        self.assertGreater(left, 0)
        return size

    def take(self, size: int) -> None:
        """The far end reads so much, and the kernels have told each other."""
        before = unacknowledged(self.transport)
        while size > 0:
            size -= len(self.far.recv(size))
        for _ in range(1000):
            if unacknowledged(self.transport) < before:
                return
            self.far.recv(1)
        self.fail("nothing was taken")

    def test_nothing(self) -> None:
        """A client that has taken all has nothing to take."""
        self.assertEqual(unacknowledged(self.transport), 0)
        self.transport.write(b"hello")
        self.assertEqual(unacknowledged(self.transport), 5)
        self.transport.doWrite()
        self.far.recv(5)
        self.assertEqual(unacknowledged(self.transport), 0)
        self.assertFalse(Progress(self.transport).goes_on())

    def test_all_buffers(self) -> None:
        """What it has not taken is counted, wherever it is: in the transport, or in the kernel."""
        written = self.fill()
        held = unacknowledged(self.transport)
        self.assertTrue(written - 1_000_000 < held <= written, (held, written))
        self.take(100_000)
        self.assertLess(unacknowledged(self.transport), held)

    def test_goes_on(self) -> None:
        """Each time it takes something that is seen, under whatever layers, though more is written meanwhile."""
        self.fill()
        for transport in (self.transport, Over(Over(self.transport))):
            self.assertIs(innermost(transport), self.transport)
            taking = Progress(transport)
            for _ in range(3):
                self.assertFalse(taking.goes_on())
                self.take(50_000)
                self.transport.write(bytes(500_000))
                self.assertTrue(taking.goes_on())
            self.assertFalse(taking.goes_on())

    def test_unix(self) -> None:
        """Of a UNIX socket the kernel knows what is unread."""
        near, far = socket.socketpair()
        self.addCleanup(near.close)
        self.addCleanup(far.close)
        self.transport.socket = near
        near.send(bytes(1000))
        taking = Progress(self.transport)
        self.assertGreaterEqual(unacknowledged(self.transport), 1000)
        self.assertFalse(taking.goes_on())
        far.recv(1000)
        self.assertTrue(taking.goes_on())
        self.assertEqual(unacknowledged(self.transport), 0)

    def test_cannot_tell(self) -> None:
        """A transport that is closed, or is none of Twisted's, counts as one that holds nothing."""
        _, accepted = pair(self)
        accepted.close()
        self.transport.socket = accepted
        nothing: Any = object()
        for transport in (self.transport, nothing):
            self.assertEqual((unacknowledged(transport), Progress(transport).goes_on()), (0, False))
        del self.transport.socket
        self.assertEqual(unacknowledged(self.transport), 0)
