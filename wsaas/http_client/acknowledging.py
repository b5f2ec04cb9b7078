"""Acknowledges the beginning of an answer at once, so that the rest of it comes.

A server that writes head and body apart, such as Python's http.server and Django's, and leaves Nagle's algorithm on,
holds the body back until the head is acknowledged (RFC 9293, 3.7.4). Linux delays an acknowledgement by 40 ms, so that
it may travel with data (RFC 9293, 3.8.6.3), and there are none before the answer is whole. TCP_QUICKACK ends the wait.
It does not last (tcp(7)): requests that are sent bring the delay back. So it is set whenever a part of an answer came.

A TLS 1.3 server sends session tickets behind the handshake (RFC 8446, 4.6.1), and such a server holds back even the
head of its first answer until they are acknowledged: 42 ms more for each new connection.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

from twisted.protocols.tls import TLSMemoryBIOProtocol

from wsaas.internals import openssl_records
from wsaas.internals.tls_transport import RELIANCE, ClientTlsTransport, SteppingClientTlsTransport
from wsaas.net.transports import socket_of

# On Linux only; elsewhere nothing is acknowledged early.
QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)

# Reads of a TLS connection that are acknowledged at once: those of the handshake, of the tickets, of the first answer.
FIRST_READS = 8


class AcknowledgingTls(TLSMemoryBIOProtocol):
    """TLS whose first reads are acknowledged at once, whether or not they hold data of the application."""

    _reads = 0

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        if self._reads < FIRST_READS:
            self._reads += 1
            connection = socket_below(self)
            if connection is not None:
                acknowledge(connection)


class DirectAcknowledgingTls(AcknowledgingTls, ClientTlsTransport):
    """Fast path: the same, which writes directly, and reads a record by itself in one step."""


class SteppingAcknowledgingTls(AcknowledgingTls, SteppingClientTlsTransport):
    """Fast path: the same, which reads and writes records without pyOpenSSL."""


def acknowledging_tls() -> type[AcknowledgingTls]:
    """Return the class of the connections: a fast path, unless the installed libraries lack a name that it needs."""
    if not RELIANCE.holds():
        return AcknowledgingTls
    return SteppingAcknowledgingTls if openssl_records.RELIANCE.holds() else DirectAcknowledgingTls


def socket_below(transport: Any) -> socket.socket | None:
    """Return the socket of a transport, TLS or not; None if it has none, or this system has no TCP_QUICKACK."""
    return None if QUICKACK is None else socket_of(transport)


def acknowledge(connection: socket.socket) -> None:
    """Acknowledge the bytes that have come. An error does no harm: the rest of the answer then comes later."""
    assert QUICKACK is not None
    with suppress(OSError):
        connection.setsockopt(socket.IPPROTO_TCP, QUICKACK, 1)
