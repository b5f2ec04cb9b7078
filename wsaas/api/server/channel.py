"""The API's end of a TCP connection: what is refused before a handler runs, how much is kept, and for how long.

    IDLE --first byte--> RECEIVING --whole request--> ANSWERING --answer written--> IDLE
                             |  refused                   `--connection: close--> CLOSING
                             `--answered--> LINGERING --its time is over--> CLOSING --> CLOSED

A request is refused as soon as its headers show what is wrong, or its body grows too long; the rest of it is
thrown away unread. A body is kept in memory, bounded by MAX_MESSAGE_SIZE, never on disk.
"""

# mypy: allow-untyped-calls
# (twisted.web is only partly annotated.)

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum, auto
from io import BytesIO
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IDelayedCall, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, datetimeToString
from twisted.web.server import Request

from wsaas.api.app import answer_failure
from wsaas.api.errors import INTERNAL_ERROR, MalformedRequest, answer_to
from wsaas.api.server.fast_path import FastPath
from wsaas.core.errors import GatewayError, MessageTooLong
from wsaas.core.fanout import FanOut
from wsaas.core.session import Session
from wsaas.internals.direct_write import can_write_through, write_through

if TYPE_CHECKING:
    from wsaas.api.server.site import ApiSite

# Seconds that a kept-alive connection may be silent.
IDLE_TIMEOUT = 60.0
# Seconds in which a refused client may read why. Closing at once, with bytes of it unread, would reset the connection.
LINGER = 2.0
# Seconds after which a client that does not take its last bytes is cut off.
CLOSE_TIMEOUT = 15.0
# No length has more digits: 999 PB. Python refuses to convert thousands of them.
LENGTH_DIGITS = 18

_FIELD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*")  # RFC 9110, 5.1 and 5.5


class Phase(Enum):
    """Where a connection stands; each but ANSWERING and CLOSED has a time limit that no byte extends."""

    IDLE = auto()
    RECEIVING = auto()
    ANSWERING = auto()
    LINGERING = auto()
    CLOSING = auto()
    CLOSED = auto()


class Body(BytesIO):
    """A request's body. Raises MessageTooLong instead of growing over `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        if self.tell() + len(data) > self._limit:
            raise too_long(self._limit)
        return super().write(data)


def too_long(limit: int) -> MessageTooLong:
    return MessageTooLong(f"a body has at most {limit} bytes (MAX_MESSAGE_SIZE)")


class ApiRequest(Request):
    """A request that goes straight to the site's one resource."""

    channel: ApiChannel
    defaultContentType = b"application/json"

    def process(self) -> None:
        """As in the base class, but no Server header, and no answer of its own to `*`."""
        self.site = self.channel.site
        self.setHeader(b"Date", datetimeToString())
        self.prepath, self.postpath = [], []
        try:
            self.render(self.site.resource)
        except Exception:
            self.processingFailed(Failure())

    def getRequestHostname(self) -> bytes:
        """One name for all: the routes are the same under each, and Klein fails at a Host that is no domain name."""
        return b"api"

    def processingFailed(self, reason: Failure) -> Failure:
        """Whatever gets past the error table is logged and answered in JSON too."""
        answer_failure(self, reason).finish(self)
        return reason


class ApiChannel(HTTPChannel):
    """One connection of the API."""

    site: ApiSite
    transport: ITCPTransport
    _phase = Phase.CLOSED
    _limit: IDelayedCall | None = None
    _behind_a_cast: bytes | None = None
    """What came behind a push to many that is still under way: one read (64 KiB), for then reading stops."""

    def connectionMade(self) -> None:
        super().connectionMade()
        self.site.connections += 1
        self._through = can_write_through(self.transport)
        self._enter(Phase.IDLE)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.site.connections -= 1
        self._enter(Phase.CLOSED)
        super().connectionLost(reason)

    def dataReceived(self, data: bytes) -> None:
        if self._phase in (Phase.LINGERING, Phase.CLOSING, Phase.CLOSED):
            return
        if self._behind_a_cast is not None:
            self._behind_a_cast += data
            self._networkProducer.pauseProducing()
            return
        if self._phase is Phase.IDLE and self.site.fast_path is not None and not self._waitingForTransport:
            answers, data, cast = self.site.fast_path.serve(data)
            if answers:
                self._idle_since = self.site.reactor.seconds()
                self._write(answers)
            if cast is not None:
                self._behind_a_cast = data
                self._networkProducer.pauseProducing()
                self._enter(Phase.ANSWERING)
                self.site.reactor.callLater(0, self._advance, cast)
                return
            if not data:
                return
        super().dataReceived(data)
        self._notice_begin()

    def lineReceived(self, line: bytes) -> None:
        if line[:1] in (b" ", b"\t"):
            self._refuse(MalformedRequest("a header may not be continued on a second line"))
        else:
            super().lineReceived(line)

    def lineLengthExceeded(self, line: bytes) -> None:
        self._respondToBadRequestAndDisconnect()

    def headerReceived(self, line: bytes) -> bool:
        if not _FIELD.fullmatch(line):
            self._respondToBadRequestAndDisconnect()
            return False
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length" and len(value.strip()) > LENGTH_DIGITS:
            self._refuse(too_long(self.site.max_message_size))
            return False
        valid: bool = super().headerReceived(line)
        return valid

    def allHeadersReceived(self) -> None:
        try:
            self._examine(self.requests[-1])
        except GatewayError as refusal:
            # The caller goes on to read a body: of unknown length, so that it calls nothing a complete request.
            self.length = None
            self._refuse(refusal)
        else:
            super().allHeadersReceived()

    def rawDataReceived(self, data: bytes) -> None:
        try:
            super().rawDataReceived(data)
        except MessageTooLong as refusal:
            self._refuse(refusal)

    def allContentReceived(self) -> None:
        # Twisted keeps at most 64 KiB of trailers, and does not look at them.
        if all(_FIELD.fullmatch(trailer) for trailer in getattr(self._transferDecoder, "_trailerHeaders", ())):
            self._enter(Phase.ANSWERING)
            super().allContentReceived()
        else:
            self._refuse(MalformedRequest("what comes behind the last chunk must be header lines, if anything"))

    def requestDone(self, request: Request) -> None:
        if self._phase is Phase.ANSWERING:
            self._enter(Phase.IDLE)
        super().requestDone(request)

    def loseConnection(self) -> None:
        if self._phase not in (Phase.CLOSING, Phase.CLOSED):
            self._enter(Phase.CLOSING)
            super().loseConnection()

    def _examine(self, request: Request) -> None:
        """Raise what is wrong with a request of which the headers are there and the body is not."""
        headers = request.requestHeaders
        hosts = headers.getRawHeaders(b"host", [])
        if len(hosts) > 1 or (not hosts and self._version != b"HTTP/1.0"):
            raise MalformedRequest("send one Host header")
        codings = headers.getRawHeaders(b"transfer-encoding", [])
        if any(coding.lower() != b"chunked" for coding in codings):
            raise MalformedRequest("Transfer-Encoding: chunked is the only one")
        if codings and self._version == b"HTTP/1.0":
            raise MalformedRequest("HTTP/1.0 has no Transfer-Encoding")
        if not self._path.startswith(b"/"):
            raise MalformedRequest("the request target must begin with a slash")
        if self.length != 0:
            # Without a body, the gate in front of the routes says the same and the connection lives on.
            self.site.access.check(self._path.partition(b"?")[0], headers)
        if self.length is not None and self.length > self.site.max_message_size:
            raise too_long(self.site.max_message_size)

    def _refuse(self, error: GatewayError) -> None:
        """Answer before the request is complete, and take nothing more from this client."""
        self._enter(Phase.LINGERING)
        self._buffer = b""
        answer = answer_to(error) or INTERNAL_ERROR
        self.transport.write(answer.last_words(body_wanted=getattr(self, "_command", b"") != b"HEAD"))

    def _respondToBadRequestAndDisconnect(self) -> None:
        self._refuse(MalformedRequest("this is not a request of HTTP/1.1 (RFC 9112), or its headers are too long"))

    def _notice_begin(self) -> None:
        """The first byte of a request starts its time, also when it came together with the request before."""
        begun = bool(self.requests or self._buffer)
        if self._phase is Phase.IDLE and begun:
            self._enter(Phase.RECEIVING)
        elif self._phase is Phase.RECEIVING and not begun:
            self._enter(Phase.IDLE)

    def _write(self, answers: bytes) -> None:
        if self._through:
            write_through(self.transport, answers)
        else:
            self.transport.write(answers)

    def _advance(self, cast: FanOut[Session]) -> None:
        """One batch of a push to many that went the short way; others have their turn before the next."""
        if cast.advance():
            self.site.reactor.callLater(0, self._advance, cast)
        elif self._phase is Phase.ANSWERING:  # else the connection is gone
            data, self._behind_a_cast = self._behind_a_cast or b"", None
            self._enter(Phase.IDLE)
            self._write(FastPath.told(cast))
            if not self._waitingForTransport:
                self._networkProducer.resumeProducing()
            if data:
                self.dataReceived(data)

    def _idle_too_long(self) -> None:
        """What went the short way has not touched the timer."""
        left = self._idle_since + IDLE_TIMEOUT - self.site.reactor.seconds()
        if left > 0:
            self._limit = self.callLater(left, self._idle_too_long)
        else:
            self.loseConnection()

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._idle_since = self.site.reactor.seconds()
        if self._limit is not None and self._limit.active():
            self._limit.cancel()
        self._limit = None
        limit = self._limits().get(phase)
        if limit is not None:
            self._limit = self.callLater(*limit)

    def _limits(self) -> dict[Phase, tuple[float, Callable[[], None]]]:
        return {
            Phase.IDLE: (IDLE_TIMEOUT, self._idle_too_long),
            Phase.RECEIVING: (self.site.request_timeout, self.loseConnection),
            Phase.LINGERING: (LINGER, self.loseConnection),
            Phase.CLOSING: (CLOSE_TIMEOUT, self.transport.abortConnection),
        }
