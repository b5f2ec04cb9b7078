"""One keep-alive HTTP/1.1 connection to the backend: one request at a time, its answer parsed by llhttp.

Every connection is in one phase (phase.py), and has one deadline, whose meaning the phase gives: the exchange's own,
the end of idling, or of a close. response_parser.py bounds how much the gateway holds, the deadline for how long.
"""

from __future__ import annotations

import socket
from math import inf
from typing import cast

from twisted.internet import interfaces, protocol
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from zope.interface import implementer

from wsaas.http_client.acknowledging import acknowledge, socket_below
from wsaas.http_client.body_stream import BodyStream
from wsaas.http_client.causes import cause
from wsaas.http_client.deadline import Deadline
from wsaas.http_client.exchange import Exchange, Fault, Lost, NotSent, TimedOut
from wsaas.http_client.phase import Phase
from wsaas.http_client.pool_callbacks import PoolCallbacks
from wsaas.http_client.request_writer import RequestWriter
from wsaas.http_client.response_parser import LastResponse, ResponseParser
from wsaas.net.tls_client import refuses_certificate

CLOSE_TIMEOUT = 1.0  # seconds that a peer has to take part in a close

_Owner = PoolCallbacks["Connection"]
_IDLE, _BUSY, _GATHERED = Phase.IDLE, Phase.BUSY, Phase.GATHERED


@implementer(interfaces.IHandshakeListener)
class Connection(protocol.Protocol):
    """One connection. Over TLS it sends nothing before the handshake is done and the backend's certificate checked."""

    def __init__(
        self, owner: _Owner, clock: IReactorTime, idle_timeout: float, last: LastResponse | None = None
    ) -> None:
        self._owner = owner
        self._seconds = clock.seconds  # each exchange reads it
        self._idle_timeout = idle_timeout
        self._phase = Phase.OPENING
        self._opening: Deferred[Connection] | None = None
        self._exchange: Exchange | None = None
        self._gathered: Exchange | None = None
        self._writer: RequestWriter | None = None
        self._acknowledging: socket.socket | None = None
        self._deadline = Deadline(clock, self._deadline_reached)
        self._used = False
        self._parser = ResponseParser(last)
        self._last = last or LastResponse()  # which stays empty
        self._body: BodyStream | None = None
        """The body that is read while it comes, from its head on."""
        self._silence = 0.0

    # Calls of the pool

    def opened(self) -> Deferred[Connection]:
        """Fire once the connection can be used; fail with NotSent. Cancelling the Deferred drops the connection."""
        if self._phase is Phase.OPENING:
            self._opening = Deferred(self._give_up)
            return self._opening
        if self._phase is Phase.IDLE:
            return succeed(self)
        return fail(NotSent("the connection was closed at once"))

    def begin(self, exchange: Exchange) -> None:
        """Send a request over this connection, which must be idle: now, or soon if the pool gathers requests."""
        exchange.connection = self
        parser, deadline = self._parser, self._deadline
        if parser.received or parser.terms != exchange.terms:
            parser.expect(exchange.terms)
        exchange.sent += 1
        if (moment := exchange.deadline) < deadline.rings_at:
            deadline.move(moment)
        else:  # as `move` does, without the call
            deadline.moment = moment
        if exchange.timing is not None:
            exchange.timing.begun = self._seconds()
        if (waiting := self._owner.waiting) is None:
            self._phase, self._exchange = _BUSY, exchange
            self._writer.write(exchange.request)  # type: ignore[union-attr]  # set by connectionMade
        else:
            self._phase, self._gathered = _GATHERED, exchange
            waiting.append(self)

    def write_request(self) -> None:
        """Write the request, which has waited to be written with others; do nothing if it waits no more."""
        if self._phase is _GATHERED:
            self._phase, self._exchange, self._gathered = _BUSY, self._gathered, None
            self._writer.write(self._exchange.request)  # type: ignore[union-attr]

    def take_back(self, words: str, again: bool) -> None:
        """End the connection, for this reason, before its request is written, and write it to a new one if `again`."""
        exchange = self._gathered
        self.drop()
        if exchange is not None:
            exchange.connection = None
            self._owner.unwritten(exchange, words, again)

    def drop(self) -> None:
        """End the connection at once. The exchange on it hears nothing more."""
        if self._phase is not Phase.GONE:
            self._phase = Phase.CLOSING
            self._exchange = self._gathered = self._body = None
            cast(interfaces.ITCPTransport, self.transport).abortConnection()

    def close(self) -> None:
        """End the connection in good order, or after CLOSE_TIMEOUT without it. An exchange on it hears nothing more."""
        self.write_request()  # if it waits
        self._phase, self._exchange = Phase.CLOSING, None
        self._deadline.move(self._seconds() + CLOSE_TIMEOUT)
        cast(interfaces.ITCPTransport, self.transport).loseConnection()

    def break_off(self, fault: Fault) -> None:
        """End the connection at once, and its exchange, or the body that comes, with this fault."""
        exchange, body = self._exchange or self._gathered, self._body
        self.drop()
        if exchange is not None:
            exchange.end(fault)
        elif body is not None:
            body.ended(fault)

    # Calls of a body that is read while it comes

    def pause_body(self) -> None:
        self._deadline.move(inf)
        cast(interfaces.IPushProducer, self.transport).pauseProducing()

    def resume_body(self) -> None:
        self._deadline.move(self._seconds() + self._silence)
        cast(interfaces.IPushProducer, self.transport).resumeProducing()

    # Calls of the transport

    def connectionMade(self) -> None:
        self._acknowledging = socket_below(self.transport)
        self._writer = RequestWriter(self.transport)
        if not interfaces.ISSLTransport.providedBy(self.transport):
            self.handshakeCompleted()

    def handshakeCompleted(self) -> None:
        if self._phase is not Phase.OPENING:
            return
        if interfaces.ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
        self._phase = Phase.IDLE
        self._deadline.move(self._seconds() + self._idle_timeout)
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.callback(self)

    def dataReceived(self, data: bytes) -> None:
        exchange, last = self._exchange, self._last
        if exchange is not None:
            if exchange.timing is not None and exchange.timing.first_byte is None:
                exchange.timing.first_byte = self._seconds()
            if data == last.data and self._finish_alike(exchange, last):
                return
        elif self._phase is not _BUSY:
            if self._phase is _IDLE:  # the answer to no request must not answer the next one
                self._owner.retired(self)
                self.drop()
            elif self._phase is _GATHERED:  # nor one that is not written yet
                self.take_back("the backend sent something before the request", self._used)
            return
        fault = self._parser.feed(data)
        if self._parser.streaming:
            self._stream(fault)
        elif fault is not None:
            self.break_off(fault)
        elif self._parser.whole:
            self._finish()
        elif self._acknowledging is not None:
            acknowledge(self._acknowledging)

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        phase, self._phase = self._phase, Phase.GONE
        exchange, body, opening = self._exchange or self._gathered, self._body, self._opening
        self._exchange = self._gathered = self._body = self._opening = None
        self._parser.stop()
        self._writer = self._acknowledging = None
        self._deadline.end()
        if phase is Phase.IDLE:
            self._owner.retired(self)
        self._owner.lost(self)
        if opening is not None:
            opening.errback(NotSent(cause(reason.value)))
        if exchange is not None:
            self._cut_short(exchange, reason.value, phase)
        elif body is not None:
            ends = self._parser.ends_with_connection and isinstance(reason.value, ConnectionDone)
            body.ended(None if ends else Lost(f"the answer is cut short: {cause(reason.value)}"))

    # Steps

    def _give_up(self, opening: Deferred[Connection]) -> None:
        self._opening = None
        self.drop()

    def _stream(self, fault: Fault | None) -> None:
        """Pass on what has come of a body that is read while it comes: the exchange ends with its head."""
        body, exchange = self._body, self._exchange
        if body is None:
            if exchange is None:
                return
            body = self._body = BodyStream(self)
            self._silence, self._exchange, exchange.connection = exchange.silence, None, None
            self.pause_body()
            exchange.end(self._parser.streamed(body))
            if not body.wanted:  # it was cancelled, or nobody cares
                self.drop()
                return
        part = self._parser.take_body()
        if part:
            body.received(part)
        if self._body is None:  # the consumer has given it up
            return
        if fault is not None:
            self.break_off(fault)
        elif self._parser.whole:
            self._finish()
        elif not body.paused:
            self._deadline.move((now := self._seconds()) + self._silence)
            if body.follows_soon(now) and self._acknowledging is not None:
                acknowledge(self._acknowledging)

    def _finish_alike(self, exchange: Exchange, last: LastResponse) -> bool:
        """Fast path: end an exchange with the same answer as the last, without the parser; return False if it must."""
        parser, deadline = self._parser, self._deadline
        if parser.received or parser.terms not in last.terms or self._writer.unwritten:  # type: ignore[union-attr]
            return False
        self._exchange, self._used, self._phase = None, True, _IDLE
        now = self._seconds()
        if (moment := now + self._idle_timeout) < deadline.rings_at:
            deadline.move(moment)
        else:  # as `move` does, without the call
            deadline.moment = moment
        self._owner.freed(self)
        exchange.connection = None
        exchange.end(last.answer, now)
        return True

    def _finish(self) -> None:
        """End the exchange with its answer. The connection is free before that: it may be used again at once."""
        exchange, body = self._exchange, self._body
        self._exchange = self._body = None
        if body is not None and body.paused:
            cast(interfaces.IPushProducer, self.transport).resumeProducing()
        answer = self._parser.answer()
        self._used = True
        unwritten = self._writer.unwritten  # type: ignore[union-attr]  # set by connectionMade
        if self._parser.reusable and not unwritten:
            self._phase = _IDLE
            self._deadline.move(self._seconds() + self._idle_timeout)
            self._owner.freed(self)
        elif answer.truncated or unwritten:
            self.drop()
        else:
            self.close()
        if exchange is not None:
            exchange.connection = None
            exchange.end(answer)
        elif body is not None:
            body.ended(None)

    def _cut_short(self, exchange: Exchange, error: BaseException | None, phase: Phase) -> None:
        """End an exchange whose connection is gone, out of this phase, before the whole answer came."""
        exchange.connection = None
        if phase is _GATHERED:
            self._owner.unwritten(exchange, cause(error), self._used)
        elif self._parser.received == 0:
            if self._used:
                self._owner.stale(exchange)
            elif exchange.sent == 1 and refuses_certificate(error):
                exchange.end(NotSent(cause(error)))
            else:
                exchange.end(Lost(f"no answer: {cause(error)}"))
        elif self._parser.ends_with_connection and isinstance(error, ConnectionDone):
            exchange.end(self._parser.answer())
        else:
            exchange.end(Lost(f"the answer is cut short: {cause(error)}"))

    def _deadline_reached(self) -> None:
        if self._phase is Phase.BUSY:
            self.break_off(TimedOut("no whole answer in time" if self._body is None else "no further part in time"))
        elif self._phase is Phase.GATHERED:
            self.take_back("its time was over before it was written", False)
        elif self._phase is Phase.IDLE:
            self._owner.retired(self)
            self.close()
        elif self._phase is Phase.CLOSING:
            self.drop()
