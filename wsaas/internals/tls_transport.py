"""Twisted's TLS transports, with direct writes: each TLS record goes to the socket at once.

They also read a record that comes by itself without asking OpenSSL for more. A server's sends the session tickets
together with the first answer, and can say goodbye without waiting for the client's.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator, IProtocolFactory, IReactorTime
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.policies import ProtocolWrapper
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from wsaas.internals import openssl_records
from wsaas.internals.direct_write import writer
from wsaas.internals.openssl_records import LONGEST_DATA, read_record, write_record
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
    names=tuple(
        f"twisted.protocols.tls:TLSMemoryBIOProtocol.{name}"
        for name in (
            "_aborted",
            "_checkHandshakeStatus",
            "_flushReceiveBIO",
            "_flushSendBIO",
            "_handshakeDone",
            "_lostTLSConnection",
            "_producer",
            "_tlsShutdownFinished",
            "_unbufferPendingWrites",
        )
    ),
    attributes=("_creatorCallable", "_tlsConnection", "_appSendBuffer"),
    sample=_sample,
)
"""The methods that move data between OpenSSL's buffers, the transport below and the protocol above, and the attributes
that say how far the connection is, or that makeConnection sets.
"""
_HEADER = 5
"""Bytes of a record's header: its type, a version, and two bytes of the length of what follows (RFC 8446, 5.1)."""
_from_bytes = int.from_bytes  # a method of a class is made anew each time
_LONGEST_READ = 2**15
"""Bytes to ask OpenSSL for, as Twisted does: more than a record can have."""


class _DirectWriting(TLSMemoryBIOProtocol):
    """Twisted's TLS transport, which writes each record to the socket at once instead of in a later turn."""

    _write_records: Callable[[bytes], None]

    def _flushSendBIO(self) -> None:
        try:
            records = self._tlsConnection.bio_read(2**15)
        except SSL.WantReadError:
            return  # no records wait
        self._write_records(records)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """End as the base class does, and leave the producer: it knows this transport, and only the garbage collector
        could free the two.
        """
        super().connectionLost(reason)
        self._producer = None


class _RecordReading(TLSMemoryBIOProtocol):
    """Fast path: Twisted's TLS transport, which reads a record that is all of a read in one step.

    Twisted reads until OpenSSL says, by an exception, that there is no more, and asks then, with another exception, if
    there is something to send. After one whole record that gave data of the peer's neither can be. OpenSSL does all
    the rest: this class only follows where records end. All else that comes, or that OpenSSL says, is Twisted's.

    Bound: a header that has not come whole, _HEADER - 1 bytes.
    """

    _to_come = 0
    """Bytes of the last record that are still to come."""
    _header = b""
    """The part of the next record's header that has come."""

    def dataReceived(self, data: bytes) -> None:
        if (
            self._to_come
            or self._header
            or _from_bytes(data[3:_HEADER], "big") != len(data) - _HEADER
            or not self._handshakeDone
            or self._lostTLSConnection
            or self._appSendBuffer
        ):
            self._follow(data)
            if self._handshakeDone:
                super().dataReceived(data)
            else:
                self._shake_hands(data)
            return
        try:
            received = self._read_record(self._tlsConnection, data)
        except (SSL.WantReadError, SSL.ZeroReturnError):  # it was no data of the application, but TLS's own
            self._flushReceiveBIO()
        except SSL.Error:
            self._tlsShutdownFinished(Failure())
        else:
            if not self._aborted:
                self.wrappedProtocol.dataReceived(received)

    def _shake_hands(self, data: bytes) -> None:
        """Read what comes before the handshake is done."""
        super().dataReceived(data)

    @staticmethod
    def _read_record(connection: SSL.Connection, record: bytes) -> bytes:
        connection.bio_write(record)
        return connection.recv(_LONGEST_READ)

    def _follow(self, data: bytes) -> None:
        """Follow the records to the end of `data`."""
        data = self._header + data
        at = self._to_come
        while len(data) - at >= _HEADER:
            at += _HEADER + (data[at + 3] << 8 | data[at + 4])
        self._header = data[at:]
        self._to_come = max(0, at - len(data))


class _RecordSteps(_RecordReading, _DirectWriting):
    """Fast path: both steps, reading and writing a record, without pyOpenSSL (`openssl_records`)."""

    _read_record = staticmethod(read_record)

    def write(self, bytes: bytes) -> None:
        """Write data: ITransport. What is no single record, or not to be written now, is for the base class."""
        if 0 < len(bytes) <= LONGEST_DATA and not (
            self.disconnecting or self._lostTLSConnection or self._appSendBuffer
        ):
            try:
                record = write_record(self._tlsConnection, bytes)
            except SSL.Error:
                pass  # the base class meets the same, and deals with it
            else:
                self._write_records(record)
                return
        super().write(bytes)


class DirectTlsTransport(_DirectWriting):
    """A server's TLS transport with direct writes."""

    def makeConnection(self, transport: Any) -> None:
        """Begin as the base class does for a server, which writes nothing before the ClientHello.

        The base class's loop over the transport's interfaces is left out: ProtocolWrapper provides them as well.
        """
        self._write_records = writer(transport)
        self._tlsConnection = self.factory._creatorCallable(self)
        self._appSendBuffer: list[bytes] = []
        ProtocolWrapper.makeConnection(self, transport)


class RecordTlsTransport(_RecordReading, DirectTlsTransport):
    """A server's TLS transport with direct writes, which reads a record by itself in one step.

    The session tickets of TLS 1.3, with which the handshake ends for a server, wait for the first answer, and leave
    with it in one write: a client needs them for its next connection only. Bound: some 600 bytes.
    """

    def _shake_hands(self, data: bytes) -> None:
        """Do what Twisted's dataReceived does during the handshake; but behind it, write nothing that can wait."""
        connection = self._tlsConnection
        connection.bio_write(data)
        self._checkHandshakeStatus()
        if not self._handshakeDone:
            return
        if self._appSendBuffer:
            self._unbufferPendingWrites()
        if connection.get_protocol_version() != SSL.TLS1_3_VERSION:  # the client waits for the handshake's last bytes
            self._flushReceiveBIO()
            return
        while not self._lostTLSConnection:
            try:
                received = connection.recv(_LONGEST_READ)
            except SSL.WantReadError:
                return
            except SSL.ZeroReturnError:  # it says so again to Twisted
                self._flushReceiveBIO()
            except SSL.Error:
                self._tlsShutdownFinished(Failure())
            else:
                if not self._aborted:
                    self.wrappedProtocol.dataReceived(received)
        self._flushSendBIO()

    def say_goodbye(self, last: bytes) -> tuple[bytes, bool]:
        """Return the records of the last words and of close_notify, to be written, and whether this side may close then
        (RFC 8446, 6.1). Without records nothing has changed: TLS cannot end at this moment.
        """
        if not self._handshakeDone or self._lostTLSConnection or self.disconnecting or self._appSendBuffer:
            return b"", False
        said = True
        records: list[bytes] = []
        writes, self._write_records = self._write_records, records.append
        try:
            if last:
                self.write(last)
            try:
                self._tlsConnection.shutdown()
            except SSL.Error:
                said = False
            self._flushSendBIO()
        finally:
            self._write_records = writes
        return b"".join(records), said

    def hear_no_more(self) -> None:
        """Hand no more data to the application: the goodbye is written."""
        self._lostTLSConnection = True


class SteppingTlsTransport(_RecordSteps, RecordTlsTransport):
    """A server's TLS transport that reads and writes records without pyOpenSSL."""


class ClientTlsTransport(_RecordReading, _DirectWriting):
    """A client's TLS transport with direct writes, which reads a record by itself in one step."""

    def makeConnection(self, transport: Any) -> None:
        """Begin as the base class does: with the ClientHello."""
        self._write_records = writer(transport)
        super().makeConnection(transport)


class SteppingClientTlsTransport(_RecordSteps, ClientTlsTransport):
    """A client's TLS transport that reads and writes records without pyOpenSSL."""


def tls_server_factory(
    creator: IOpenSSLServerConnectionCreator,
    factory: IProtocolFactory,
    clock: IReactorTime,
    transport: type[DirectTlsTransport] | None = None,
) -> TLSMemoryBIOFactory:
    """Return a factory that puts server TLS below the protocols of another factory.

    The transports write each record at once, unless the installed Twisted lacks a name in `RELIANCE`. Neither kind
    buffers small writes, as TLSMemoryBIOFactory's default protocol does to join them: a frame is hardly ever followed
    by another in the same turn. A `transport` of DirectTlsTransport switches the fast path of reading off.
    """
    made = TLSMemoryBIOFactory(creator, False, factory, clock=clock)
    if transport is None:
        transport = SteppingTlsTransport if openssl_records.RELIANCE.holds() else RecordTlsTransport
    made.protocol = transport if RELIANCE.holds() else TLSMemoryBIOProtocol
    return made
