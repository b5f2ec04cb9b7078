"""An HTTPChannel of Twisted's that begins pipelined requests in turns of the reactor.

Twisted begins the next request as soon as the one before is answered, in the same turn, even while the client has not
read the answers. One read (64 KiB) of pipelined requests may produce hundreds of megabytes of answers and block the
reactor meanwhile. Here a request that follows another one waits for a later turn, and until the client has read the
answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web import http
from twisted.web.http import HTTPChannel
from twisted.web.server import Request

from wsaas.internals.supported import Reliance


def _sample() -> object:
    """Return an object with the attributes of a channel and of its decoder of chunked bodies."""
    decoder = http._ChunkedTransferDecoder(lambda data: None, lambda data: None)
    return SimpleNamespace(**{**vars(HTTPChannel()), **vars(decoder)})


MALFORMED = Reliance(
    part="answering malformed requests",
    plainly="Twisted answers them with a 400 without JSON",
    names=("twisted.web.http:HTTPChannel._respondToBadRequestAndDisconnect",),
)
"""The method that Twisted calls for a request that it cannot parse."""

TRAILERS = Reliance(
    part="checking the trailers of a chunked request",
    plainly="the API closes the connection after a chunked request",
    names=("twisted.web.http:_ChunkedTransferDecoder",),
    attributes=("_transferDecoder", "_trailerHeaders"),
    sample=_sample,
)
"""The attributes that hold the trailer section, which Twisted reads and ignores."""


TLS_HANDSHAKE = b"\x16"
"""The first byte of a client that speaks TLS (RFC 8446, 5.1), and of no request."""
READ_AHEAD = 16384
"""Bytes behind a request that takes long, after which reading stops; as much as Twisted reads behind each request."""


class TurnsChannel(HTTPChannel):
    """Lets data wait that is read behind a request, while a request is being answered, or while answers are unread.

    Bounds: two reads (128 KiB) wait at most, because reading stops while data waits, or READ_AHEAD bytes of it after
    `read_on`. Unread answers are those of one turn, beyond the 64 KiB after which the transport asks to stop.
    """

    transport: Any  # ITCPTransport and IPushProducer
    answering = False
    """True while a request is being answered; its end calls `go_on` or `requestDone`. Set by the subclass."""
    over = False
    """True when no further request will be begun. Set by the subclass."""
    _next_turn: IDelayedCall | None = None

    def connectionMade(self) -> None:
        super().connectionMade()
        self.held = False
        """True while all data that is read must wait."""
        self.begun = False
        """True when a part of a request was read that is not answered yet."""
        self.after_blank_line = False
        """True if a blank line came behind the last request; a subclass that serves one past Twisted resets it."""
        self.request_line: tuple[bytes, bytes, bytes] | None = None
        """Method, target and version of the request that is being read; None before its first line is read."""
        self._waiting = b""
        self._unread = False
        self._reads_on = False

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._next_turn is not None:
            self._next_turn.cancel()
        super().connectionLost(reason)

    # Reading

    def dataReceived(self, data: bytes) -> None:
        if self.over:
            return
        if self.held or self.answering:
            self.wait(data)
        elif data.startswith(TLS_HANDSHAKE) and not self.begun:  # it has no line, and would be waited for
            self.malformed()
        else:
            self.begun = True
            super().dataReceived(data)

    def lineReceived(self, line: bytes) -> None:
        first = self.request_line is None
        if first and not line:
            self._blank_line()
            return
        super().lineReceived(line)
        if first and not self.over:
            method, target, version = line.split(b" ")  # Twisted has refused any other line
            self.request_line = method, target, version
            self.after_blank_line = False

    def _blank_line(self) -> None:
        """Ignore a blank line before a request, which old clients send behind a body (RFC 9112, 2.2); refuse a second
        one. Twisted counts them as well, but not the requests that a subclass serves past it.
        """
        if self.after_blank_line:
            self.malformed()
            return
        self.after_blank_line, self.begun = True, False
        behind = self.clearLineBuffer()
        if behind:
            self.wait(behind)

    def allContentReceived(self) -> None:
        self.request_line = None
        super().allContentReceived()

    def checkPersistence(self, request: Request, version: bytes) -> bool:
        """Return whether the connection stays open, as the base class does, which overlooks a `close` with a comma
        behind it, or in a second header. If trailers cannot be checked, a chunked request is the last one: another
        server might take its trailers for a request.
        """
        persistent: bool = super().checkPersistence(request, version)
        options = b",".join(request.requestHeaders.getRawHeaders(b"Connection", ())).lower().split(b",")
        unchecked = self.length is None and not TRAILERS.holds()
        if persistent and (unchecked or b"close" in [option.strip(b" \t") for option in options]):
            request.responseHeaders.setRawHeaders(b"Connection", [b"close"])
            return False
        return persistent

    @property
    def trailers(self) -> Sequence[bytes]:
        """The trailer lines of a complete chunked request; none if they cannot be checked."""
        return getattr(self._transferDecoder, "_trailerHeaders", ()) if TRAILERS.holds() else ()

    def malformed(self) -> None:
        """Refuse a request that Twisted cannot parse. The subclass overrides this."""
        raise NotImplementedError

    def _respondToBadRequestAndDisconnect(self) -> None:
        self.malformed()

    # Turns

    def wait(self, data: bytes) -> None:
        """Append `data` to the waiting data, and stop reading, unless `read_on` says otherwise.

        The data is parsed in the next turn in which no request is being answered and all answers are read.
        """
        self._waiting += data
        self.held = True
        if not (self._reads_on and self.answering) or len(self._waiting) > READ_AHEAD:
            self.transport.pauseProducing()
        if not self.answering:
            self.go_on()

    def read_on(self) -> None:
        """Read on until the present request is answered, which takes long: only while the connection is read is it
        noticed that the client has hung up.
        """
        self._reads_on = True

    def go_on(self) -> None:
        """Serve the waiting data from the next turn on."""
        if self._next_turn is None:
            self._next_turn = self.callLater(0, self._take_turn)

    def pauseProducing(self) -> None:
        """Hold further requests: the client does not read its answers (IPushProducer)."""
        super().pauseProducing()
        self.held = self._unread = True

    def resumeProducing(self) -> None:
        """Continue with the waiting data: the client has read its answers (IPushProducer)."""
        super().resumeProducing()
        self._unread = False
        if not self.over:
            self.wait(b"")

    def requestDone(self, request: Request) -> None:
        """Keep the data behind the finished request for a later turn."""
        later, self._waiting = self._waiting, b""
        self.held, self.begun, self._reads_on = True, False, False
        super().requestDone(request)  # passes the data that it has kept to dataReceived
        behind = self.clearLineBuffer() + later
        if not self.over and (behind or self._waiting or self._unread):
            self.wait(behind)
        else:
            self.held = False

    def _take_turn(self) -> None:
        self._next_turn = None
        if self._unread or self.over:
            return
        data, self._waiting, self.held = self._waiting, b"", False
        if data:
            self.dataReceived(data)
        if not (self.held or self.over):
            self.transport.resumeProducing()


def read_on(request: Any) -> None:
    """Have the connection of a request that takes long read on, so that it is noticed if the caller hangs up."""
    if isinstance(request.channel, TurnsChannel):
        request.channel.read_on()
