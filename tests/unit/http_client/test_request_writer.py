"""Requests on their way into a transport."""

from __future__ import annotations

import contextlib
from typing import Any

from twisted.internet.interfaces import ISSLTransport, ISystemHandle
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import directlyProvides

from tests.support.backend_wires import SocketTransport, Wire
from wsaas.http_client.request_writer import WATCHED_LENGTH, RequestWriter


class RequestWriterTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.transport = SocketTransport()
        self.far = self.transport.peer
        self.addCleanup(self.transport.handle.close)
        self.addCleanup(self.far.close)

    def test_direct(self) -> None:
        """A request goes to the socket at once, and none of it to the transport."""
        writer = RequestWriter(self.transport)
        writer.write(b"one")
        self.assertEqual((self.far.recv(10), self.transport.value()), (b"one", b""))

    def test_remainder(self) -> None:
        """What the socket does not take goes through the transport, and so does everything after it, in order."""
        writer = RequestWriter(self.transport)
        request = bytes(range(256)) * 20_000
        writer.write(request)
        taken = b""
        while len(taken) < len(request) - len(self.transport.value()):
            taken += self.far.recv(1 << 20)
        writer.write(b"next")
        self.assertTrue(taken + self.transport.value() == request + b"next")

    def test_direct_again(self) -> None:
        """Requests go to the socket again once the transport has written all that the socket did not take."""
        transport: Any = self.transport
        transport.dataBuffer, transport._tempDataLen = b"", 0
        writer = RequestWriter(transport)
        writer.write(bytes(5_000_000))
        transport._tempDataLen = len(transport.value())
        for _ in range(2):
            transport.clear()
            writer.write(b"next")
            self.assertEqual(transport.value(), b"next")
            transport.dataBuffer, transport._tempDataLen = b"a part", 0
        with contextlib.suppress(BlockingIOError):
            while self.far.recv(1 << 20):
                pass
        transport.dataBuffer = b""
        transport.clear()
        writer.write(b"again")
        self.assertEqual((self.far.recv(10), transport.value()), (b"again", b""))

    def test_tls(self) -> None:
        """Nothing goes past TLS."""
        directlyProvides(self.transport, ISSLTransport, ISystemHandle)
        RequestWriter(self.transport).write(b"secret")
        self.assertEqual(self.transport.value(), b"secret")
        self.assertRaises(BlockingIOError, self.far.recv, 10)

    def test_unwritten(self) -> None:
        """A long request that waits in the transport is unwritten until the transport says that it is gone."""
        transport = Wire()
        transport.slow = True
        writer = RequestWriter(transport)
        writer.write(bytes(WATCHED_LENGTH))
        self.assertFalse(writer.unwritten)
        writer.write(bytes(WATCHED_LENGTH + 1))
        self.assertTrue(writer.unwritten)
        writer.resumeProducing()
        writer.stopProducing()
        self.assertEqual((writer.unwritten, transport.producer), (False, None))
