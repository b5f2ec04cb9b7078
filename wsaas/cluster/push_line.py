"""Pushes to connections of another process: one connection to it, and many pushes in one write.

    nothing is under way      a push is sent at once
    else                      it waits, and goes out with all that wait, once those under way are answered, or as many
                              wait as go out in one write

The connection is a pipeline (RFC 9112, 9.3.2): answers come in the order of the requests. The other process reads what
was sent together in one go, serves it on its fast path, and answers it with one write. Answers are passed on as they
came. A push that was sent and not answered is never sent again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IProtocol, IStreamClientEndpoint, ITCPTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from wsaas.cluster.push_answers import AnswerReader
from wsaas.cluster.siblings import FORWARD_TIMEOUT, MISDIRECTED, REFUSED_LATE, STEP, Missing
from wsaas.http_client.deadline import Deadline
from wsaas.http_client.request_writer import RequestWriter

LONGEST_MESSAGE = 16384
"""Bytes of the longest message that takes this way. A longer one would keep those behind it waiting."""
MAX_PUSHES = 64
"""Pushes that are sent in one write, at most."""
MAX_BYTES = 32768
"""Bytes of messages that are sent in one write, at most; a read takes twice as many."""
MAX_WRITES = 3
"""Writes of which pushes are under way to one process, at most."""
IDLE_TIMEOUT = 30.0
"""Seconds without a push after which the connection is closed: before the other process would close it."""
STUCK_TIMEOUT = 5 * FORWARD_TIMEOUT
"""Seconds after which a connection without an answer is given up, and the next push gets a new one."""

_NOT_CARRIED_OUT = (b"%d" % REFUSED_LATE, b"%d" % MISDIRECTED, b"401")

Done = Callable[[bytes], object]
"""Takes the whole answer to a push."""


class _Push:
    """A push on its way. `done` is None once it has been answered; its place in the pipeline stays."""

    __slots__ = ("binary", "deadline", "done", "id", "payload")

    def __init__(self, id: str, payload: bytes, binary: bool, deadline: float, done: Done) -> None:
        self.id = id
        self.payload = payload
        self.binary = binary
        self.deadline = deadline
        self.done: Done | None = done


class _Connection(Protocol):
    """The connection of a line. Tells the line what comes, and of its end."""

    writer: RequestWriter

    def __init__(self, line: PushLine) -> None:
        self._line = line

    def connectionMade(self) -> None:
        self.writer = RequestWriter(self.transport)

    def dataReceived(self, data: bytes) -> None:
        self._line.received(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._line.disconnected(self)

    def abort(self) -> None:
        """End the connection at once."""
        cast(ITCPTransport, self.transport).abortConnection()


class _Connections(Factory):
    """Builds the connection of a line."""

    noisy = False

    def __init__(self, line: PushLine) -> None:
        self._line = line

    def buildProtocol(self, addr: IAddress | None) -> _Connection:
        return _Connection(self._line)


class PushLine:
    """The pushes to one process. `there()` says if it may be alive; `over()` is called when it is not.

    `missing(reason)` returns the answer to a push that the process does not answer. The caller bounds the pushes that
    wait: one for each connection of the API.
    """

    def __init__(
        self,
        reactor: Any,
        endpoint: IStreamClientEndpoint,
        wall_clock: Callable[[], float],
        there: Callable[[], bool],
        over: Callable[[], object],
        missing: Callable[[Missing], bytes],
        head: bytes = b"Host: localhost\r\n",
    ) -> None:
        self._reactor = reactor
        self._head = head
        self._endpoint = endpoint
        self._wall_clock = wall_clock
        self._there = there
        self._over = over
        self._missing = missing
        self._factory = _Connections(self)
        self._connection: _Connection | None = None
        self._connecting: Deferred[IProtocol] | None = None
        self._waiting: deque[_Push] = deque()
        self._waiting_bytes = 0
        self._under_way: deque[_Push] = deque()
        self._writes: deque[int] = deque()
        """The pushes of each write that are not answered yet."""
        self._deadline = Deadline(reactor, self._deadline_reached)
        self._stuck_at = 0.0
        self._answers = AnswerReader()
        self._expires = 0
        self._heads = (b"", b"")
        self._closed = False

    def push(self, id: str, payload: bytes, binary: bool, done: Done) -> None:
        """Send a push as soon as it can be sent; `done` gets its answer, within FORWARD_TIMEOUT."""
        push = _Push(id, payload, binary, self._reactor.seconds() + FORWARD_TIMEOUT, done)
        self._waiting.append(push)
        self._waiting_bytes += len(payload)
        if self._connection is not None:
            if not self._under_way or self._is_full():
                self._send()
        elif self._connecting is None:
            self._connect()

    def close(self) -> None:
        """End the connection. Pushes that are not sent yet get their answer, and so do those under way."""
        self._closed = True
        self._deadline.end()
        self._give_up(self._waiting, Missing.UNREACHABLE)
        if self._connecting is not None:
            self._connecting.cancel()
        self._abort()

    # Calls of the connection

    def received(self, data: bytes) -> None:
        """Take answers, whole or in parts."""
        under_way = self._under_way
        try:
            answers = self._answers.feed(data)
        except ValueError:
            self._abort()
            return
        if len(answers) > len(under_way):  # an answer to nothing must not answer the next push
            self._abort()
            return
        writes, left = self._writes, len(answers)
        while left and writes[0] <= left:
            left -= writes.popleft()
        if writes:
            writes[0] -= left
            self._stuck_at = self._reactor.seconds() + STUCK_TIMEOUT
        for answer in answers:
            push = under_way.popleft()
            if push.done is not None:
                if answer[9:12] in _NOT_CARRIED_OUT:
                    answer = self._missing(Missing.UNREACHABLE)
                push.done(answer)
        if self._waiting and (not under_way or self._is_full()):
            self._send()
        elif not under_way:
            self._deadline.move(self._reactor.seconds() + IDLE_TIMEOUT)

    def disconnected(self, connection: _Connection) -> None:
        """Note the end of the connection: what is under way may have been carried out."""
        if connection is self._connection:
            self._let_go()

    # Steps

    def _connect(self) -> None:
        if self._closed or not self._is_there():
            self._give_up(self._waiting, Missing.UNREACHABLE)
            return
        self._deadline.move(self._waiting[0].deadline)
        self._connecting = connecting = self._endpoint.connect(self._factory)
        connecting.addCallbacks(self._connected, self._not_connected)

    def _connected(self, connection: IProtocol) -> None:
        self._connecting = None
        self._connection = cast(_Connection, connection)
        if self._closed:
            self._connection.abort()
        elif self._waiting:
            self._send()
        else:
            self._deadline.move(self._reactor.seconds() + IDLE_TIMEOUT)

    def _not_connected(self, failure: Failure) -> None:
        self._connecting = None
        self._give_up(self._waiting, Missing.UNREACHABLE)

    def _is_full(self) -> bool:
        """Say if so much waits that it need not wait for more, and few writes are under way."""
        full = self._waiting_bytes >= MAX_BYTES or len(self._waiting) >= MAX_PUSHES
        return full and len(self._writes) < MAX_WRITES

    def _send(self) -> None:
        """Send what waits, as far as there is room in one write."""
        if not self._is_there():
            return
        waiting, under_way, now = self._waiting, self._under_way, self._reactor.seconds()
        first = waiting[0].deadline
        # The oldest push is the first to be given up: none is carried out after that.
        expires = int((self._wall_clock() + first - now) / STEP)
        if expires != self._expires:
            self._expires = expires
            head = b" HTTP/1.1\r\n%bWSAAS-Expires: %d\r\n" % (self._head, int(expires * 1000 * STEP))
            binary = head + b"Content-Type: application/octet-stream\r\n"
            self._heads = head + b"Content-Length: ", binary + b"Content-Length: "
        requests: list[bytes] = []
        heads, room = self._heads, MAX_BYTES
        while waiting and len(requests) < MAX_PUSHES and (room >= len(waiting[0].payload) or not requests):
            push = waiting.popleft()
            payload = push.payload
            room -= len(payload)
            self._waiting_bytes -= len(payload)
            under_way.append(push)
            requests.append(
                b"PUT /%b%b%d\r\n\r\n%b" % (push.id.encode("ascii"), heads[push.binary], len(payload), payload)
            )
        if not self._writes:  # else what is under way is older
            self._deadline.move(first)
            self._stuck_at = now + STUCK_TIMEOUT
        self._writes.append(len(requests))
        assert self._connection is not None
        self._connection.writer.write(requests[0] if len(requests) == 1 else b"".join(requests))

    def _is_there(self) -> bool:
        """Say if the process may be alive. If it is not, all that waits is answered, and nothing will follow."""
        if self._there():
            return True
        self._over()
        self._give_up(self._waiting, Missing.OVER)
        return False

    def _give_up(self, pushes: deque[_Push], reason: Missing) -> None:
        if reason is Missing.UNREACHABLE and not self._there():
            reason = Missing.OVER
        while pushes:
            push = pushes.popleft()
            if pushes is self._waiting:
                self._waiting_bytes -= len(push.payload)
            if push.done is not None:
                push.done(self._missing(reason))

    def _abort(self) -> None:
        if self._connection is not None:
            self._connection.abort()
            self._let_go()

    def _let_go(self) -> None:
        """Be without a connection: what is under way may have been carried out; what waits gets another connection."""
        self._connection, self._answers = None, AnswerReader()
        self._writes.clear()
        self._give_up(self._under_way, Missing.SILENT)
        if self._waiting and self._connecting is None:
            self._connect()

    def _deadline_reached(self) -> None:
        now = self._reactor.seconds()
        late = [push for push in self._under_way if push.done is not None and push.deadline <= now]
        for push in late:
            done, push.done = push.done, None
            if done is not None:
                done(self._missing(Missing.SILENT))
        unsent: deque[_Push] = deque()
        while self._waiting and self._waiting[0].deadline <= now:
            unsent.append(self._waiting.popleft())
            self._waiting_bytes -= len(unsent[-1].payload)
        self._give_up(unsent, Missing.UNREACHABLE)
        if self._under_way and self._stuck_at <= now:
            self._abort()
        elif self._under_way or self._waiting:
            left = [push.deadline for push in (*self._under_way, *self._waiting) if push.done is not None]
            self._deadline.move(min(left[:1] + ([self._stuck_at] if self._under_way else [])))
        else:
            self._abort()  # it has been idle for long
