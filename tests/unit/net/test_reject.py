"""wsaas.net.reject."""

from __future__ import annotations

from twisted.internet.protocol import Factory
from twisted.internet.ssl import CertificateOptions
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase

from wsaas.net.reject import RejectedConnection


class CutOffTests(SynchronousTestCase):
    def test_plain(self) -> None:
        """The connection is ended at once, and nothing is said."""
        transport = StringTransport()
        RejectedConnection().makeConnection(transport)
        self.assertTrue(transport.disconnected)
        self.assertEqual(transport.value(), b"")

    def test_over_tls(self) -> None:
        """The same where TLS stands between."""
        factory = TLSMemoryBIOFactory(
            CertificateOptions(), False, Factory.forProtocol(RejectedConnection), MemoryReactorClock()
        )
        transport = StringTransport()
        factory.buildProtocol(None).makeConnection(transport)
        self.assertTrue(transport.disconnected)
        self.assertEqual(transport.value(), b"")
