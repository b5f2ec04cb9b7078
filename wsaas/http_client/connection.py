"""One keep-alive HTTP/1.1 connection to the backend: one request at a time, its answer parsed by llhttp.

OPENING -> IDLE <-> BUSY -> GONE         OPENING: connected, the TLS handshake is under way
             \\________\\-> CLOSING -> GONE     CLOSING: given up, waiting for the transport to say so

Every connection is in exactly one of these phases, and has one timer, whose meaning the phase gives: the exchange's
deadline, the end of idling, or the end of patience with a close. parser.py bounds what a backend can make us hold, the
deadline for how long.
"""

from __future__ import annotations

import socket
from enum import Enum
from math import inf
from typing import Protocol, cast

from twisted.internet import protocol
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IConsumer,
    IDelayedCall,
    IHandshakeListener,
    IPushProducer,
    IReactorTime,
    ISSLTransport,
    ISystemHandle,
    ITCPTransport,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from wsaas.http_client.acknowledging import acknowledge, socket_below
from wsaas.http_client.exchange import Exchange, Fault, Lost, NotSent, TimedOut, cause, refuses_certificate
from wsaas.http_client.response_parser import LastResponse, ResponseParser

# A longer request is watched until it is written: Twisted tells a producer when this much is waiting.
WATCHED_LENGTH = 65536
# Seconds that a peer has to take part in a close.
LINGER = 1.0


class PoolCallbacks(Protocol):
    """Who uses the connections."""

    def freed(self, connection: Connection) -> None:
        """An exchange is over and the connection is good for another."""

    def retired(self, connection: Connection) -> None:
        """The connection was idle and must not be used again."""

    def lost(self, connection: Connection) -> None:
        """The connection is no more."""

    def stale(self, exchange: Exchange) -> None:
        """A reused connection ended before a byte of an answer came; the exchange wants another."""


class Phase(Enum):
    """See the head of this module."""

    OPENING = "opening"
    IDLE = "idle"
    BUSY = "busy"
    CLOSING = "closing"
    GONE = "gone"


_IDLE, _BUSY = Phase.IDLE, Phase.BUSY


@implementer(IHandshakeListener, IPushProducer)
class Connection(protocol.Protocol):
    """One connection. Over TLS it sends nothing before the handshake is done and the backend known to be itself."""

    def __init__(
        self, owner: PoolCallbacks, clock: IReactorTime, idle_timeout: float, last: LastResponse | None = None
    ) -> None:
        self._owner = owner
        self._clock = clock
        self._idle_timeout = idle_timeout
        self._phase = Phase.OPENING
        self._opening: Deferred[Connection] | None = None
        self._exchange: Exchange | None = None
        self._socket: socket.socket | None = None
        self._hurried: socket.socket | None = None
        self._timer: IDelayedCall | None = None
        self._timer_at = inf
        self._due = 0.0
        self._used = False
        self._watched = False
        self._parser = ResponseParser(last)

    # What the owner does with it.

    def opened(self) -> Deferred[Connection]:
        """Fires once the connection can be used; fails with NotSent. Cancelling it drops the connection."""
        if self._phase is Phase.OPENING:
            self._opening = Deferred(self._give_up)
            return self._opening
        if self._phase is Phase.IDLE:
            return succeed(self)
        return fail(NotSent("the connection was closed at once"))

    def begin(self, exchange: Exchange) -> None:
        """Send a request over an idle connection."""
        self._phase = _BUSY
        self._exchange = exchange
        exchange.connection = self
        self._parser.expect(exchange.limit)
        exchange.sent += 1
        self._due = exchange.deadline
        if self._due < self._timer_at:
            self._move_timer()
        self._write(exchange.request)

    def drop(self) -> None:
        """End the connection at once. An exchange on it hears nothing more."""
        if self._phase is not Phase.GONE:
            self._phase = Phase.CLOSING
            self._exchange = None
            cast(ITCPTransport, self.transport).abortConnection()

    def close(self) -> None:
        """End an idle connection in good order, or after LINGER without it."""
        self._phase = Phase.CLOSING
        self._set_due(self._clock.seconds() + LINGER)
        cast(ITCPTransport, self.transport).loseConnection()

    def break_off(self, fault: Fault) -> None:
        """End the connection at once, and its exchange with this fault."""
        exchange = self._exchange
        self.drop()
        if exchange is not None:
            exchange.end(fault)

    # What the transport tells.

    def connectionMade(self) -> None:
        self._hurried = socket_below(self.transport)
        if not ISSLTransport.providedBy(self.transport):
            if ISystemHandle.providedBy(self.transport):
                handle = self.transport.getHandle()
                self._socket = handle if isinstance(handle, socket.socket) else None
            self.handshakeCompleted()

    def handshakeCompleted(self) -> None:
        if self._phase is not Phase.OPENING:
            return
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
        self._phase = Phase.IDLE
        self._set_due(self._clock.seconds() + self._idle_timeout)
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.callback(self)

    def dataReceived(self, data: bytes) -> None:
        if self._phase is not _BUSY:
            if self._phase is Phase.IDLE:  # nobody asked: whatever it is, it must not answer the next request
                self._owner.retired(self)
                self.drop()
            return
        fault = self._parser.feed(data)
        if fault is not None:
            self.break_off(fault)
        elif self._parser.whole:
            self._finish()
        elif self._hurried is not None:
            acknowledge(self._hurried)

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        phase, self._phase = self._phase, Phase.GONE
        exchange, self._exchange = self._exchange, None
        opening, self._opening = self._opening, None
        self._parser.stop()
        self._socket = self._hurried = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if phase is Phase.IDLE:
            self._owner.retired(self)
        self._owner.lost(self)
        if opening is not None:
            opening.errback(NotSent(cause(reason.value)))
        if exchange is not None:
            self._cut_short(exchange, reason.value)

    def pauseProducing(self) -> None:
        """More of the request waits than the transport likes: IPushProducer."""
        self._watched = True

    def resumeProducing(self) -> None:
        """The request is written."""
        self._unwatch()

    def stopProducing(self) -> None:
        """The connection is lost; connectionLost says so as well."""

    # The rest.

    def _give_up(self, opening: Deferred[Connection]) -> None:
        self._opening = None
        self.drop()

    def _write(self, request: bytes) -> None:
        """Hand the request to the socket at once: Twisted would wait a turn of the reactor. What it does not take, and
        everything after that, goes the usual way.
        """
        if self._socket is not None:
            try:
                sent = self._socket.send(request)
            except OSError:  # it would block, or is broken: Twisted meets the same and deals with it
                sent = 0
            if sent == len(request):
                return
            self._socket = None
            request = request[sent:]
        if len(request) > WATCHED_LENGTH and not self._watched:
            consumer = cast(IConsumer, self.transport)
            consumer.registerProducer(self, True)
            cast(ITCPTransport, self.transport).write(request)
            if not self._watched:
                consumer.unregisterProducer()
        else:
            cast(ITCPTransport, self.transport).write(request)

    def _unwatch(self) -> None:
        if self._watched:
            self._watched = False
            cast(IConsumer, self.transport).unregisterProducer()

    def _finish(self) -> None:
        """The answer is here; the connection is free before anybody hears of it, and may be used again at once."""
        exchange, self._exchange = self._exchange, None
        answer = self._parser.answer()
        self._used = True
        if self._parser.reusable and not self._watched:
            self._phase = _IDLE
            self._due = self._clock.seconds() + self._idle_timeout
            if self._due < self._timer_at:
                self._move_timer()
            self._owner.freed(self)
        elif answer.truncated or self._watched:
            self.drop()
        else:
            self.close()
        if exchange is not None:
            exchange.connection = None
            exchange.end(answer)

    def _cut_short(self, exchange: Exchange, error: BaseException | None) -> None:
        """The connection is gone, with an exchange on it that has no whole answer."""
        exchange.connection = None
        if self._parser.received == 0:
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

    def _set_due(self, due: float) -> None:
        """Let `_strike` happen at `due`. The timer is moved only when it would ring too late: when it rings too early,
        it is set again. That makes it free for an exchange that is answered in time.
        """
        self._due = due
        if due < self._timer_at:
            self._move_timer()

    def _move_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = self._due
        self._timer = self._clock.callLater(max(0.0, self._due - self._clock.seconds()), self._strike)

    def _strike(self) -> None:
        self._timer, self._timer_at = None, inf
        if self._due > self._clock.seconds():
            self._set_due(self._due)
        elif self._phase is Phase.BUSY:
            self.break_off(TimedOut("no whole answer in time"))
        elif self._phase is Phase.IDLE:
            self._owner.retired(self)
            self.close()
        elif self._phase is Phase.CLOSING:
            self.drop()
