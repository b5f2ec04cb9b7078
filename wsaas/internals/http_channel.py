"""An HTTPChannel of Twisted's that begins requests in turns of the reactor.

Twisted begins a request as soon as the one before is answered, in the same turn, and though the answers before are
unread: one read (64 KiB) may make hundreds of megabytes of answers, and all others wait meanwhile. Here a request that
is behind another one waits for a later turn, and for its client to have read the answers.
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
    """Return an object with the attributes of a channel and of what decodes its chunks."""
    decoder = http._ChunkedTransferDecoder(lambda data: None, lambda data: None)
    return SimpleNamespace(**{**vars(HTTPChannel()), **vars(decoder)})


MALFORMED = Reliance(
    part="answering what is no HTTP",
    plainly="Twisted answers it with a 400 without JSON",
    names=("twisted.web.http:HTTPChannel._respondToBadRequestAndDisconnect",),
)
"""The method that Twisted calls for a request that it cannot read."""

TRAILERS = Reliance(
    part="looking at what stands behind the last chunk of a request",
    plainly="a connection of the API ends behind a request in chunks",
    names=("twisted.web.http:_ChunkedTransferDecoder",),
    attributes=("_transferDecoder", "_trailerHeaders"),
    sample=_sample,
)
"""The attributes that hold the trailer section, which Twisted reads and does not look at."""


class TurnsChannel(HTTPChannel):
    """Lets requests wait: what is read while one is answered, or while answers are unread, or behind a request.

    Bounds: what waits is two reads (128 KiB) at most, for reading stops while anything waits; of answers there are
    those of one turn beyond what the transport takes before it says that it has enough (64 KiB).
    """

    transport: Any  # ITCPTransport and IPushProducer
    answering = False
    """Whether a request is being answered, at whose end `go_on` or `requestDone` is called. The heir keeps this."""
    over = False
    """Whether no further request will be begun. The heir keeps this."""
    _next_turn: IDelayedCall | None = None

    def connectionMade(self) -> None:
        super().connectionMade()
        self.held = False
        """Whether all that is read waits."""
        self.begun = False
        """Whether anything of a request was read that is not answered yet."""
        self.request_line: tuple[bytes, bytes, bytes] | None = None
        """Method, target and version of the request that is being read, as soon as they are there."""
        self._waiting = b""
        self._unread = False

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
        else:
            self.begun = True
            super().dataReceived(data)

    def lineReceived(self, line: bytes) -> None:
        first = self.request_line is None
        super().lineReceived(line)
        if first and not self.over:
            if line:
                method, target, version = line.split(b" ")  # Twisted has refused any other line
                self.request_line = method, target, version
            else:  # the blank line that old clients send behind a body is no request
                self.begun = False
                behind = self.clearLineBuffer()
                if behind:
                    self.wait(behind)

    def allContentReceived(self) -> None:
        self.request_line = None
        super().allContentReceived()

    def checkPersistence(self, request: Request, version: bytes) -> bool:
        """As in the base class, but a request whose trailers cannot be looked at is the last one: what another server
        would take for a request in them is none then.
        """
        persistent: bool = super().checkPersistence(request, version)
        if persistent and self.length is None and not TRAILERS.holds():
            request.responseHeaders.setRawHeaders(b"Connection", [b"close"])
            return False
        return persistent

    @property
    def trailers(self) -> Sequence[bytes]:
        """The lines behind the last chunk of a request that is whole; none where they cannot be looked at."""
        return getattr(self._transferDecoder, "_trailerHeaders", ()) if TRAILERS.holds() else ()

    def malformed(self) -> None:
        """Refuse what Twisted cannot read."""
        raise NotImplementedError

    def _respondToBadRequestAndDisconnect(self) -> None:
        self.malformed()

    # Turns

    def wait(self, data: bytes) -> None:
        """Leave `data`, which comes behind all that waits, to the next turn, or the first with all answers read.

        While a request is being answered nothing goes on.
        """
        self._waiting += data
        self.held = True
        self.transport.pauseProducing()
        if not self.answering:
            self.go_on()

    def go_on(self) -> None:
        """Have what waits served from the next turn on."""
        if self._next_turn is None:
            self._next_turn = self.callLater(0, self._take_turn)

    def pauseProducing(self) -> None:
        """The client leaves its answers unread (IPushProducer)."""
        super().pauseProducing()
        self.held = self._unread = True

    def resumeProducing(self) -> None:
        """The client has read its answers (IPushProducer)."""
        super().resumeProducing()
        self._unread = False
        if not self.over:
            self.wait(b"")

    def requestDone(self, request: Request) -> None:
        """Leave what came behind the request to a later turn."""
        later, self._waiting = self._waiting, b""
        self.held, self.begun = True, False
        super().requestDone(request)  # gives what it has kept to dataReceived
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
