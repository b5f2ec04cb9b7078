"""Writing straight to the socket."""

from __future__ import annotations

from types import SimpleNamespace

from twisted.internet import tcp, unix
from twisted.internet.testing import StringTransport

from tests.support.sockets import SocketTestCase
from wsaas.internals import direct_write, supported
from wsaas.internals.direct_write import RELIANCE, can_write_through, write_through, writer
from wsaas.internals.supported import Reliance


class WritingTests(SocketTestCase):
    def test_which(self) -> None:
        """Plain TCP as this Twisted has it can be written through; anything else is left to its own write."""
        self.assertTrue(can_write_through(self.transport))
        kinds = (tcp.Server, tcp.Client, unix.Server)
        self.assertEqual([can_write_through(object.__new__(kind)) for kind in kinds], [True] * 3)
        self.assertFalse(can_write_through(StringTransport()))

    def test_at_once(self) -> None:
        """Data that the socket takes is sent at once, without a turn of the reactor."""
        write_through(self.transport, b"hello")
        self.assertEqual(self.far.recv(100), b"hello")
        self.assertEqual(self.reactor.writers, [])

    def test_writer(self) -> None:
        """A function made for the transport writes at once; where a name is gone, the transport itself writes."""
        writer(self.transport)(b"at once")
        self.assertEqual((self.far.recv(100), self.reactor.writers), (b"at once", []))
        self.patch(supported, "_judged", {})
        self.patch(supported, "_log", SimpleNamespace(warn=lambda text, **fields: None))
        for name in RELIANCE.attributes:
            supported._judged.clear()
            lacking = Reliance("x", "plainly", attributes=(f"{name}_renamed",), sample=RELIANCE.sample)
            self.patch(direct_write, "RELIANCE", lacking)
            writer(self.transport)(b"later")
            self.assertEqual(self.reactor.writers[:1], [self.transport])
            self.transport.doWrite()
            self.assertEqual(self.far.recv(100), b"later")
            self.reactor.writers.clear()

    def test_order(self) -> None:
        """Data that the socket does not take waits in the transport, and later data waits behind it."""
        pieces = [bytes([number]) * 100_000 for number in range(60)]
        for piece in pieces:
            write_through(self.transport, piece)
        self.assertEqual(self.reactor.writers[:1], [self.transport])
        self.assertTrue(self.transport.dataBuffer or self.transport._tempDataLen)
        sent = b"".join(pieces)
        self.assertEqual(self.received(len(sent)), sent)
        self.transport.doWrite()
        write_through(self.transport, b"at once again")
        self.assertEqual(self.far.recv(100), b"at once again")

    def test_broken(self) -> None:
        """A broken connection is met by the transport, as with its own write."""
        self.far.close()
        for _ in range(3):
            write_through(self.transport, b"x" * 1000)
        self.assertTrue(self.reactor.writers)

    def test_closing(self) -> None:
        """After loseConnection nothing gets past what waits."""
        self.transport.loseConnection()
        write_through(self.transport, b"late")
        self.far.setblocking(False)
        self.assertRaises(BlockingIOError, self.far.recv, 10)
