"""Twisted's TLS transport for a server, with direct writes: each TLS record goes to the socket at once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator, IProtocolFactory, IReactorTime
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.policies import ProtocolWrapper
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from zope.interface import implementer

from wsaas.internals.direct_write import writer
from wsaas.internals.supported import Reliance


@implementer(IOpenSSLServerConnectionCreator)
class _AnyServer:
    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Make the server's side of a connection that is never used."""
        return SSL.Connection(SSL.Context(SSL.TLS_SERVER_METHOD))


def _sample() -> object:
    """Return an object with the attributes of Twisted's TLS transport and of its factory."""
    factory = TLSMemoryBIOFactory(_AnyServer(), False, Factory.forProtocol(Protocol))
    transport = TLSMemoryBIOProtocol(factory, Protocol())
    transport.makeConnection(object())  # a server writes nothing before the ClientHello
    return SimpleNamespace(**{**vars(factory), **vars(transport)})


RELIANCE = Reliance(
    part="writing TLS records directly",
    plainly="Twisted's TLS transports write, a turn of the reactor later",
    names=("twisted.protocols.tls:TLSMemoryBIOProtocol._flushSendBIO",),
    attributes=("_creatorCallable", "_tlsConnection", "_appSendBuffer"),
    sample=_sample,
)
"""The method that moves records from OpenSSL's buffer to the transport below, and the attributes that makeConnection
sets.
"""


class DirectTlsTransport(TLSMemoryBIOProtocol):
    """Twisted's TLS transport, which writes each record to the socket at once instead of in a later turn."""

    def makeConnection(self, transport: Any) -> None:
        """Begin as the base class does for a server, which writes nothing before the ClientHello.

        The base class's loop over the transport's interfaces is left out: ProtocolWrapper provides them as well.
        """
        self._write_records = writer(transport)
        self._tlsConnection = self.factory._creatorCallable(self)
        self._appSendBuffer: list[bytes] = []
        Protocol.makeConnection(self, transport)
        self.factory.registerProtocol(self)
        ProtocolWrapper.makeConnection(self, transport)

    def _flushSendBIO(self) -> None:
        try:
            records = self._tlsConnection.bio_read(2**15)
        except SSL.WantReadError:
            return  # no records wait
        self._write_records(records)


def tls_server_factory(
    creator: IOpenSSLServerConnectionCreator, factory: IProtocolFactory, clock: IReactorTime
) -> TLSMemoryBIOFactory:
    """Return a factory that puts server TLS below the protocols of another factory.

    The transports write each record at once, unless the installed Twisted lacks a name in `RELIANCE`. Neither kind
    buffers small writes, as TLSMemoryBIOFactory's default protocol does to join them: a frame is hardly ever followed
    by another in the same turn.
    """
    made = TLSMemoryBIOFactory(creator, False, factory, clock=clock)
    made.protocol = DirectTlsTransport if RELIANCE.holds() else TLSMemoryBIOProtocol
    return made
