"""Writes requests to a connection's transport, and knows whether all of the last one is written."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.interfaces import IPushProducer, ISSLTransport, ISystemHandle
from zope.interface import implementer

from wsaas.internals.direct_write import has_written_all

# Bytes of the longest request that is not watched: Twisted tells a producer when more than this waits.
WATCHED_LENGTH = 65536


@implementer(IPushProducer)
class RequestWriter:
    """`unwritten` says that more of a request waits in the transport than the transport likes."""

    def __init__(self, transport: Any) -> None:
        self.unwritten = False
        self._transport = transport
        self._plain_socket = self._socket = _plain_socket(transport)
        """The socket, while requests go to it at once."""

    def write(self, request: bytes) -> None:
        """Write the request to the socket at once: the transport would wait a turn of the reactor. What the socket
        does not take goes through the transport, and so does everything after it until all of that is written.
        """
        if self._socket is None and self._plain_socket is not None and has_written_all(self._transport):
            self._socket = self._plain_socket
        if self._socket is not None:
            try:
                sent = self._socket.send(request)
            except OSError:  # the socket is full or broken: Twisted meets the same and deals with it
                sent = 0
            if sent == len(request):
                return
            self._socket = None
            request = request[sent:]
        if len(request) > WATCHED_LENGTH and not self.unwritten:
            self._transport.registerProducer(self, True)
            self._transport.write(request)
            if not self.unwritten:
                self._transport.unregisterProducer()
        else:
            self._transport.write(request)

    def pauseProducing(self) -> None:
        """Note that a part of the request waits: IPushProducer."""
        self.unwritten = True

    def resumeProducing(self) -> None:
        """Note that the request is written: IPushProducer."""
        if self.unwritten:
            self.unwritten = False
            self._transport.unregisterProducer()

    def stopProducing(self) -> None:
        """Do nothing: the connection is lost, and its protocol is told."""


def _plain_socket(transport: Any) -> socket.socket | None:
    """Return the socket below a transport that has no TLS, if it has one."""
    if ISSLTransport.providedBy(transport) or not ISystemHandle.providedBy(transport):
        return None
    handle = transport.getHandle()
    return handle if isinstance(handle, socket.socket) else None
