"""The API's end of a TCP connection: refuses requests before a handler runs, and bounds what is kept and for how long.

    IDLE --first byte--> RECEIVING --whole request--> ANSWERING --answer written--> IDLE
                             |  refused                   `--connection: close--> CLOSING
                             `--answered--> LINGERING --its time is over--> CLOSING --> CLOSED

A request is refused as soon as its headers show that it is wrong, or its body grows too long. The rest of the request
is thrown away unread. A body is kept in memory, never on disk, and MAX_MESSAGE_SIZE bounds it.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.address import UNIXAddress
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.server import Request, Site

from wsaas.api.errors import INTERNAL_ERROR, MalformedRequest, RequestTimeout, answer_to
from wsaas.api.refused_pushes import count_refused
from wsaas.api.server.context import ApiContext
from wsaas.api.server.fast_path import FastPath
from wsaas.api.server.limits import (
    CLOSE_TIMEOUT,
    FIELD,
    IDLE_TIMEOUT,
    LINGER_TIMEOUT,
    MAX_LENGTH_DIGITS,
    MAX_NAME_LENGTH,
    OVER,
    Phase,
    check_head,
    line_in_origin_form,
    too_long,
)
from wsaas.api.server.partial_push import PartialPush
from wsaas.api.server.request_log import client_of
from wsaas.api.sigv4 import SignedRequest
from wsaas.core.errors import GatewayError, MessageTooLong
from wsaas.core.fanout import FanOut
from wsaas.core.session import Session
from wsaas.internals.direct_write import writer
from wsaas.internals.http_channel import TurnsChannel
from wsaas.net.http_grammar import OWS

_IDLE = Phase.IDLE  # Enum looks its members up anew each time


class ApiChannel(TurnsChannel):
    """One connection of the API.

    Requests are begun in turns of the reactor: a turn serves requests of the fast path, with FRAMES_PER_TURN frames in
    all, or one other request. Bounds: a body has MAX_MESSAGE_SIZE, a head 16 KiB (Twisted's), the rest TurnsChannel's.
    """

    site: Site
    context: ApiContext
    _phase = Phase.CLOSED
    _limit: IDelayedCall | None = None
    _partial: PartialPush | None = None
    """A push of the fast path that is not whole yet; only while RECEIVING."""
    _serve_lone: Callable[[bytes, float], bytes] | None = None
    """Serves a push that is all of a read (`LonePush.serve`)."""
    _named_host: bytes | None = None  # the host of a target in absolute-form

    def connectionMade(self) -> None:
        super().connectionMade()
        self.context.connections.add(self)
        self._write = writer(self.transport)
        self._any_host = isinstance(self.transport.getHost(), UNIXAddress)  # no web page reaches a UNIX socket
        self._seconds, fast_path = self.context.clock.seconds, self.context.fast_path
        if fast_path is not None and fast_path.lone:
            self._serve_lone = fast_path.lone[self._any_host].serve
        self._enter(Phase.IDLE)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.context.connections.discard(self)
        self._enter(Phase.CLOSED)
        super().connectionLost(reason)

    def dataReceived(self, data: bytes) -> None:
        if self._serve_lone is not None and self._phase is _IDLE and not self.held:
            now = self._seconds()
            answer = self._serve_lone(data, now)
            if answer:
                self._idle_since, self.after_blank_line = now, False
                self._write(answer)
                return
        if self._partial is not None and self._phase is Phase.RECEIVING:
            data = self._partial.feed(data)
            if not data:
                return
            self._partial, self.begun = None, False
            self._enter(Phase.IDLE)
        if self._phase is _IDLE and not self.held and self.context.fast_path is not None:
            now = self.context.clock.seconds()
            answers, data, later = self.context.fast_path.serve(data, self._any_host, now)
            if answers:
                self._idle_since, self.after_blank_line = now, False
                self._write(answers)
            if later is not None:
                self.after_blank_line = False
                if isinstance(later, FanOut):
                    self._enter(Phase.ANSWERING)
                    self.wait(data)
                    self.context.clock.callLater(0, self._step, later)
                else:  # it takes so little that two timers would be a tenth of it: that of IDLE goes on
                    self._phase, self.answering, self._idle_since = Phase.ANSWERING, True, now
                    if data:
                        self.wait(data)
                    later(self._forwarded)
                return
            if not data:
                return
            if lacking := self.context.fast_path.lacking(data, self._any_host):
                self._partial, self.begun = PartialPush(data, lacking), True
                self._enter(Phase.RECEIVING)
                return
            if answers:
                self.wait(data)
                return
        super().dataReceived(data)
        if not self.held:
            self._notice_begin()

    def lineReceived(self, line: bytes) -> None:
        if line[:1] in (b" ", b"\t"):
            self._refuse(MalformedRequest("a header may not be continued on a second line"))
        else:
            if self.request_line is None:
                line, self._named_host = line_in_origin_form(line)
            super().lineReceived(line)

    def lineLengthExceeded(self, line: bytes) -> None:
        self.malformed()

    def headerReceived(self, line: bytes) -> bool:
        name, _, value = line.partition(b":")
        if not FIELD.fullmatch(line) or len(name) > MAX_NAME_LENGTH:
            self.malformed()
            return False
        if name.lower() == b"content-length" and len(value.strip(OWS)) > MAX_LENGTH_DIGITS:
            self._refuse(too_long(self.context.max_message_size))
            return False
        valid: bool = super().headerReceived(line)
        return valid

    def allHeadersReceived(self) -> None:
        try:
            self._examine(self.requests[-1])
        except GatewayError as refusal:
            # Twisted goes on to read a body. With an unknown length it never takes the request for whole.
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
        if all(FIELD.fullmatch(trailer) for trailer in self.trailers):  # Twisted keeps 64 KiB of them at most
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
        """Raise the error of a request whose headers are whole, before its body is read."""
        assert self.request_line is not None
        method, target, version = self.request_line
        check_head(target, version, request.requestHeaders, self._named_host)
        if self.length != 0:
            # A request without a body has nothing to be left unread: Gate refuses it, and the connection lives on.
            signed = SignedRequest(method, target, None)
            path = target.partition(b"?")[0]
            self.context.access.check(path, request.requestHeaders, self._any_host, signed)
        if self.length is not None and self.length > self.context.max_message_size:
            raise too_long(self.context.max_message_size)

    def _refuse(self, error: GatewayError) -> None:
        """Answer a request before it is whole, and read no more requests of this connection."""
        partial, self._partial = self._partial, None
        if partial is not None:  # of the fast path, which does not set `request_line`
            super().dataReceived(partial.so_far())
        method, target = (b"-", b"-") if self.request_line is None else self.request_line[:2]
        count_refused(self.context.counters, method, target, error)
        self._enter(Phase.LINGERING)
        self.clearLineBuffer()
        answer = self.context.dialect(method, target, answer_to(error) or INTERNAL_ERROR)
        written = answer.serialize(last=True, body_wanted=method != b"HEAD")
        self._write(written)
        if self.context.request_log is not None:
            client = client_of(self.transport.getPeer())
            self.context.request_log.answered(method, target, answer.status, len(written), 0.0, client)

    def malformed(self) -> None:
        self._refuse(MalformedRequest("this is not a request of HTTP/1.1 (RFC 9112), or its headers are too long"))

    def _notice_begin(self) -> None:
        """Start the time of a request at its first byte, even if that came in one read with the request before."""
        if self._phase is Phase.IDLE and self.begun:
            self._enter(Phase.RECEIVING)
        elif self._phase is Phase.RECEIVING and not self.begun:
            self._enter(Phase.IDLE)

    def _step(self, fan_out: FanOut[Session]) -> None:
        """Take one step of a fan-out of the fast path; other connections have their turn before the next."""
        if fan_out.step():
            self.context.clock.callLater(0, self._step, fan_out)
        elif self._phase is Phase.ANSWERING:  # else the connection is gone
            self._enter(Phase.IDLE)
            self._write(FastPath.answered(fan_out))
            self.go_on()

    def _forwarded(self, answer: bytes) -> None:
        """Write the answer to a push that another process was asked for."""
        if self._phase is Phase.ANSWERING:  # else the connection is gone
            self._phase, self.answering, self._idle_since = _IDLE, False, self.context.clock.seconds()
            self._write(answer)
            if self.held:
                self.go_on()

    def _idle_too_long(self) -> None:
        """Close the connection if it has been idle for long enough; the fast path does not touch the timer, nor does a
        push that another process was asked for.
        """
        left = self._idle_since + IDLE_TIMEOUT - self.context.clock.seconds()
        if left > 0:
            self._limit = self.callLater(left, self._idle_too_long)
        else:
            self.loseConnection()

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self.answering, self.over = phase is Phase.ANSWERING, phase in OVER
        self._idle_since = self.context.clock.seconds()
        if self._limit is not None and self._limit.active():
            self._limit.cancel()
        self._limit = None
        limit = self._limits().get(phase)
        if limit is not None:
            self._limit = self.callLater(*limit)

    def _limits(self) -> dict[Phase, tuple[float, Callable[[], None]]]:
        within = self.context.request_timeout
        slow = RequestTimeout(f"a request must come whole within {within:g} s of its first byte: send it faster")
        return {
            Phase.IDLE: (IDLE_TIMEOUT, self._idle_too_long),
            Phase.RECEIVING: (within, lambda: self._refuse(slow)),
            Phase.LINGERING: (LINGER_TIMEOUT, self.loseConnection),
            Phase.CLOSING: (CLOSE_TIMEOUT, self.transport.abortConnection),
        }
