"""Twisted's TLS transport for a server, over which each record is written to the socket at once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator, IProtocolFactory, IReactorTime
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.policies import ProtocolWrapper
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from zope.interface import implementer

from wsaas.internals.direct_write import can_write_through, write_through
from wsaas.internals.supported import Reliance


@implementer(IOpenSSLServerConnectionCreator)
class _AnyServer:
    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Make a server's side of a connection that nobody uses."""
        return SSL.Connection(SSL.Context(SSL.TLS_SERVER_METHOD))


def _sample() -> object:
    """Return an object with the attributes of a TLS transport of Twisted's and of its factory."""
    factory = TLSMemoryBIOFactory(_AnyServer(), False, Factory.forProtocol(Protocol))
    transport = TLSMemoryBIOProtocol(factory, Protocol())
    transport.makeConnection(object())  # nothing is written before a ClientHello
    return SimpleNamespace(**{**vars(factory), **vars(transport)})


RELIANCE = Reliance(
    part="writing records of TLS directly",
    plainly="Twisted's TLS transports write, each a turn of the reactor later",
    names=("twisted.protocols.tls:TLSMemoryBIOProtocol._flushSendBIO",),
    attributes=("_creatorCallable", "_tlsConnection", "_appSendBuffer"),
    sample=_sample,
)
"""The method that empties OpenSSL's buffer into the transport below, and all that makeConnection sets."""


class DirectTlsTransport(TLSMemoryBIOProtocol):
    """Twisted's TLS transport, of which the socket below is given each record at once, not in a turn of its own."""

    _through = False

    def makeConnection(self, transport: Any) -> None:
        """Begin as the base class does for a server, which has nothing to say before the ClientHello; without a loop
        over the transport's interfaces, to which ProtocolWrapper sees anyway.
        """
        self._through = can_write_through(transport)
        self._tlsConnection = self.factory._creatorCallable(self)
        self._appSendBuffer: list[bytes] = []
        Protocol.makeConnection(self, transport)
        self.factory.registerProtocol(self)
        ProtocolWrapper.makeConnection(self, transport)

    def _flushSendBIO(self) -> None:
        if not self._through:
            super()._flushSendBIO()
            return
        try:
            records = self._tlsConnection.bio_read(2**15)
        except SSL.WantReadError:
            return  # there are none
        write_through(self.transport, records)


def tls_server_factory(
    creator: IOpenSSLServerConnectionCreator, factory: IProtocolFactory, clock: IReactorTime
) -> TLSMemoryBIOFactory:
    """Return a factory that puts a server's TLS below the protocols of another factory.

    Its transports write at once, unless the installed Twisted lacks what that needs. (A TLSMemoryBIOFactory's own
    choice keeps small writes for a turn of the reactor, to make one record of them: of a frame for a client there is
    hardly ever another.)
    """
    made = TLSMemoryBIOFactory(creator, False, factory, clock=clock)
    made.protocol = DirectTlsTransport if RELIANCE.holds() else TLSMemoryBIOProtocol
    return made
