"""TLS of Twisted's whose records go to the socket at once; and what is used where Twisted differs."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Factory
from twisted.internet.ssl import CertificateOptions
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.trial.unittest import SynchronousTestCase

from wsaas.internals import supported, tls_transport
from wsaas.internals.supported import Reliance
from wsaas.internals.tls_transport import RELIANCE, DirectTlsTransport, tls_server_factory


class FallbackTests(SynchronousTestCase):
    def chosen(self, reliance: Reliance) -> Any:
        """The transport's class, with this to rely on."""
        self.patch(supported, "_judged", {})
        self.patch(supported, "_log", Silent())
        self.patch(tls_transport, "RELIANCE", reliance)
        return tls_server_factory(CertificateOptions(), Factory(), Clock()).protocol

    def test_direct(self) -> None:
        """With Twisted as it is, transports write at once."""
        self.assertIs(self.chosen(RELIANCE), DirectTlsTransport)

    def test_plain(self) -> None:
        """Whichever of the names is gone, Twisted's own transport is taken."""
        for name in RELIANCE.names:
            lacking = Reliance("x", "plainly", names=(f"{name}_renamed",))
            self.assertIs(self.chosen(lacking), TLSMemoryBIOProtocol)
        for name in RELIANCE.attributes:
            lacking = Reliance("x", "plainly", attributes=(f"{name}_renamed",), sample=RELIANCE.sample)
            self.assertIs(self.chosen(lacking), TLSMemoryBIOProtocol)


class Silent:
    def warn(self, text: str, **fields: object) -> None:
        pass
