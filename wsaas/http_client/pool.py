"""Keep-alive connections to the one backend: the newest idle one first, a new one when none is idle.

There are at most as many connections as exchanges under way plus `max_idle`; the caller bounds the exchanges. The pool
queues nothing, pipelines nothing, and repeats nothing, with one exception: the backend may close a kept-alive
connection in the moment in which it is used (RFC 9112, 9.3.1). An exchange whose connection ends so, before one byte of
an answer, is sent once more on a new connection.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from wsaas.http_client.causes import cause
from wsaas.http_client.connection import Connection
from wsaas.http_client.exchange import Exchange, Fault, HttpResponse, IsStream, Lost, NotSent, TimedOut, Timing
from wsaas.http_client.response_parser import LastResponse
from wsaas.internals.direct_read import read_directly

SILENCED = "this process may not send at the moment"
_log = Logger()


class Pool:
    """HTTP/1.1 exchanges with one origin. `host` is the Host header's value; durations are seconds.

    Bound: connections as the exchanges under way, which the caller bounds, and `max_idle`.

    Fast path: an answer in the same bytes as the last one is not parsed again, unless `remember` is False.

    `may_write()` is asked again where time has passed since the exchange was begun: None if it is never False.
    """

    def __init__(
        self,
        clock: IReactorTime,
        endpoint: IStreamClientEndpoint,
        host: bytes,
        *,
        max_idle: int,
        idle_timeout: float = 30.0,
        connect_timeout: float = 5.0,
        remember: bool = True,
        may_write: Callable[[], bool] | None = None,
    ) -> None:
        self.clock = clock
        self.host = host
        self._endpoint = endpoint
        self._factory = _Connections(self, clock, idle_timeout, LastResponse() if remember else None)
        self._max_idle = max_idle
        self._connect_timeout = connect_timeout
        self._may_write = may_write
        # Nothing here decodes an answer, so none may be compressed. Without the header any may be (RFC 9110, 12.5.3).
        self.after_path = b" HTTP/1.1\r\nHost: " + host + b"\r\nAccept-Encoding: identity\r\nContent-Length: "
        """The part of each request between its path and the length of its body."""
        self.waiting: list[Connection] | None = None
        self._idle: list[Connection] = []
        self._connections: set[Connection] = set()
        self._connecting: set[Exchange] = set()
        self._closed = False
        self._closing: list[Deferred[None]] = []

    def exchange(
        self,
        method: bytes,
        path: bytes,
        head: bytes,
        body: bytes,
        limit: int,
        timeout: float,
        done: Callable[[HttpResponse | Fault], object],
        timing: Timing | None = None,
        streams: IsStream | None = None,
    ) -> Exchange:
        """Send one request. `done` is called with the answer or a Fault, perhaps before this returns.

        `head` is ready header lines, each ending in CRLF, without Host, Accept-Encoding, Content-Length, Connection and
        Expect. Of the answer's body at most `limit` bytes are kept. `timeout` is for all of it together: connecting,
        sending, and the answer to its last byte. The method must not be HEAD or CONNECT, whose answers are framed
        otherwise. A `timing` is filled in on the way.

        An answer for whose head `streams` is true is a StreamedResponse, as soon as its head is there; for its body
        `timeout` is the time between two parts of it.
        """
        request = b"%b %b%b%d\r\n%b\r\n%b" % (method, path, self.after_path, len(body), head, body)
        exchange = Exchange(request, limit, self.clock.seconds() + timeout, done, timing, streams, timeout)
        self.begin(exchange)
        return exchange

    def begin(self, exchange: Exchange) -> None:
        """Send the request of an exchange, over the newest idle connection or a new one."""
        if self._idle:
            self._idle.pop().begin(exchange)
        else:
            self._connect(exchange)

    def together(self, work: Callable[[], object]) -> None:
        """Do the work, and then write the requests that were made by it, in a row.

        Each write wakes the backend, which may take the processor at once, and evicts what the work still needs from
        the processor's caches. Bound: as many requests wait as connections carry one, until the work is done, and their
        deadlines, which were set when they were made, go on. What the work raises is raised.

        A request whose connection ends meanwhile, or gets bytes that can be no answer to it, was not sent: it is
        written to a new connection, or is NotSent if that was one. A write that fails ends its own exchange alone.
        """
        if self.waiting is not None:
            work()
            return
        self.waiting = []
        try:
            work()
        finally:
            self.write_waiting()

    def write_waiting(self) -> None:
        """Write the requests that wait, and from now on each at once."""
        waiting, self.waiting = self.waiting, None
        may_write = self._may_write is None or self._may_write()
        for connection in waiting or ():
            try:
                if may_write:
                    connection.write_request()
                else:
                    connection.take_back(SILENCED, False)
            except Exception:  # the others are written all the same
                _log.failure("a request to {host} could not be written", host=self.host.decode("ascii", "replace"))
                self.clock.callLater(0, connection.break_off, Lost("the request could not be written"))

    def close(self) -> Deferred[None]:
        """End all connections. Exchanges under way fail, later ones at once. Fires when the last connection is gone."""
        self._closed = True
        for exchange in list(self._connecting):
            if exchange.connecting is not None:
                exchange.connecting.cancel()
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
        for connection in self._connections.difference(idle):
            connection.break_off(Lost("the connection pool was closed"))
        if not self._connections:
            return succeed(None)
        closed: Deferred[None] = Deferred()
        self._closing.append(closed)
        return closed

    # Connecting.

    def _connect(self, exchange: Exchange) -> None:
        if self._closed:
            self._unconnected(exchange, "the connection pool is closed", False)
            return
        self._connecting.add(exchange)
        left = exchange.deadline - self.clock.seconds()
        exchange.connecting = connecting = self._endpoint.connect(self._factory).addCallback(_opened)
        timer = self.clock.callLater(max(0.0, min(left, self._connect_timeout)), self._too_late, connecting)
        connecting.addCallbacks(
            self._connected, self._failed, callbackArgs=(exchange, timer), errbackArgs=(exchange, timer)
        )

    @staticmethod
    def _too_late(connecting: Deferred[Connection]) -> None:
        connecting.cancel()

    def _connected(self, connection: Connection, exchange: Exchange, timer: IDelayedCall) -> None:
        timer.cancel()
        self._connecting.discard(exchange)
        exchange.connecting = None
        read_directly(connection)
        if self._may_write is None or self._may_write():
            connection.begin(exchange)
        else:
            self.freed(connection)
            self._unconnected(exchange, SILENCED, False)

    def _failed(self, failure: Failure, exchange: Exchange, timer: IDelayedCall) -> None:
        self._connecting.discard(exchange)
        exchange.connecting = None
        expired = not timer.active()
        if not expired:
            timer.cancel()
        words = "connect timeout" if expired else cause(failure.value)
        self._unconnected(exchange, "the connection pool was closed" if self._closed else words, expired)

    @staticmethod
    def _unconnected(exchange: Exchange, words: str, expired: bool) -> None:
        """End an exchange for which there is no connection. If it was sent before, on a connection that ended, the
        backend may have received it.
        """
        fault: Fault
        if not exchange.sent:
            fault = NotSent(words)
        elif expired:
            fault = TimedOut(f"no answer, and then no new connection: {words}")
        else:
            fault = Lost(f"no answer, and then no new connection: {words}")
        exchange.end(fault)

    # PoolCallbacks, which the connections call.

    def made(self, connection: Connection) -> None:
        """Count a new connection."""
        self._connections.add(connection)

    def freed(self, connection: Connection) -> None:
        """Keep a connection for the next exchange, or close it if `max_idle` are kept."""
        if len(self._idle) < self._max_idle and not self._closed:
            self._idle.append(connection)
        else:
            connection.close()

    def retired(self, connection: Connection) -> None:
        """Give no further exchange to a connection that was idle and ends."""
        if connection in self._idle:
            self._idle.remove(connection)

    def lost(self, connection: Connection) -> None:
        """Forget a connection that is gone."""
        self._connections.discard(connection)
        if self._closed and not self._connections:
            closing, self._closing = self._closing, []
            for closed in closing:
                closed.callback(None)

    def unwritten(self, exchange: Exchange, words: str, again: bool) -> None:
        """Send an exchange whose request was not written on a new connection if `again`, or end it."""
        exchange.sent -= 1
        if again:
            self._connect(exchange)
        else:
            self._unconnected(exchange, words, False)

    def stale(self, exchange: Exchange) -> None:
        """Send an exchange again, on a new connection, which cannot be stale."""
        exchange.send_again()
        self._connect(exchange)


def _opened(connection: object) -> Deferred[Connection]:
    assert isinstance(connection, Connection)
    return connection.opened()


class _Connections(Factory):
    """Builds the pool's connections."""

    noisy = False

    def __init__(self, pool: Pool, clock: IReactorTime, idle_timeout: float, last: LastResponse | None) -> None:
        self._pool = pool
        self._clock = clock
        self._idle_timeout = idle_timeout
        self._last = last

    def buildProtocol(self, addr: IAddress | None) -> Connection:
        connection = Connection(self._pool, self._clock, self._idle_timeout, self._last)
        self._pool.made(connection)
        return connection
