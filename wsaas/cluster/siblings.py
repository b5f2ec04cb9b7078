"""Requests to the other processes of this gateway: kept-alive connections to each, so many requests at once.

    request -> is the process there? -> a place among its requests -> its Pool -> HttpResponse, or what is Missing

A request that was sent and not answered is never sent again: it may have been carried out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.interfaces import IDelayedCall, IStreamClientEndpoint

from wsaas.cluster.sockets import SiblingSockets
from wsaas.http_client.exchange import Exchange, Fault, HttpResponse, Lost, NotSent
from wsaas.http_client.pool import Pool

FORWARD_TIMEOUT = 2.0
"""Seconds within which a process answers another, from the moment in which the request is known."""
MAX_AT_ONCE = 64
"""Requests that are with one process at once, at most; and the connections that are kept to it."""
PATIENT_AT_ONCE = 256
"""Of patient requests, which have places of their own: they keep no other request waiting."""
MAX_ANSWER = 1 << 26
"""Bytes of an answer: ten thousand ids, or the names of all groups."""
_HOST = b"localhost"
STEP = 0.25
"""Seconds between two values of WSAAS-Expires, which is rounded down: a head is the same for so long, and is parsed
once."""


class Missing(Enum):
    """Why there is no answer of a process."""

    OVER = "the process is over: it has no name any more"
    UNREACHABLE = "the request certainly did not reach the process"
    SILENT = "the process may have the request, and has not answered"


SiblingResult = HttpResponse | Missing
Done = Callable[[SiblingResult], object]


class Caller:
    """The caller of a patient request, that may leave before the answer: then the request has no place any more."""

    __slots__ = ("_give_up", "gone")

    def __init__(self) -> None:
        self.gone = False
        self._give_up: Callable[[], object] | None = None

    def waits(self, give_up: Callable[[], object] | None) -> None:
        """Note how the request is given up at this moment; None if there is nothing to give up."""
        self._give_up = give_up

    def leave(self) -> None:
        """Give the request up: its `done` need not be called any more."""
        self.gone = True
        give_up, self._give_up = self._give_up, None
        if give_up is not None:
            give_up()


@dataclass(frozen=True, slots=True)
class SiblingRequest:
    """A request as it is sent to a process: `head` is header lines, each ending in CRLF.

    A patient one may be answered so many seconds later than others; it must be begun as early. It has a `caller`, for
    whom alone it is worth its place. `within` are the seconds for the answer of one that is not.
    """

    method: bytes
    target: bytes
    head: bytes = b""
    body: bytes = b""
    patience: float = 0.0
    within: float = FORWARD_TIMEOUT
    caller: Caller | None = field(default=None, compare=False)


class SiblingPool(Pool):
    """A pool that repeats nothing by itself: what was sent once may have been carried out."""

    def stale(self, exchange: Exchange) -> None:
        """End an exchange whose reused connection ended before a byte of an answer came."""
        exchange.end(Lost("the process closed the connection without an answer"))


class _Waiting:
    """A request that has no place yet. It gives up at its deadline."""

    __slots__ = ("done", "request", "timer")

    def __init__(self, request: SiblingRequest, done: Done) -> None:
        self.request = request
        self.done = done
        self.timer: IDelayedCall | None = None


class Sibling:
    """One other process. The caller bounds the requests that wait for a place.

    `host` is the value of Host; `head` is header lines that each request has, each ending in CRLF.
    """

    def __init__(
        self,
        reactor: Any,
        endpoint: IStreamClientEndpoint,
        wall_clock: Callable[[], float],
        at_once: int,
        host: bytes = _HOST,
        head: bytes = b"",
    ) -> None:
        self._reactor = reactor
        self._wall_clock = wall_clock
        self._pool = SiblingPool(reactor, endpoint, host, max_idle=at_once, connect_timeout=FORWARD_TIMEOUT)
        self._head = head
        self._at_once = at_once
        self._under_way = 0
        self._waiting: deque[_Waiting] = deque()
        self._retired = False
        self.trouble = ""
        """The reason why a request last did not reach the process."""

    def ask(self, request: SiblingRequest, done: Done) -> None:
        """Send a request, as soon as there is a place for it; `done` hears of the answer within its time.

        A caller that leaves hears nothing more: the process sees the end of its connection, behind the request.
        """
        if request.caller is not None and request.caller.gone:
            return
        if self._under_way < self._at_once:
            self._send(request, self._reactor.seconds() + request.within, done)
            return
        waiting = _Waiting(request, done)
        waiting.timer = self._reactor.callLater(request.within, self._give_up, waiting)
        self._waiting.append(waiting)
        if request.caller is not None:
            request.caller.waits(lambda: self._forget(waiting))

    def retire(self) -> None:
        """End the connections once what is under way is answered: no request will follow."""
        self._retired = True
        if not self._under_way:
            self._pool.close()

    def close(self) -> Deferred[None]:
        """End all connections; what was under way fails."""
        return self._pool.close()

    def _give_up(self, waiting: _Waiting) -> None:
        self._waiting.remove(waiting)
        if waiting.request.caller is not None:
            waiting.request.caller.waits(None)
        self.trouble = "too many requests are with it"
        waiting.done(Missing.UNREACHABLE)

    def _forget(self, waiting: _Waiting) -> None:
        assert waiting.timer is not None
        waiting.timer.cancel()
        self._waiting.remove(waiting)

    def _send(self, request: SiblingRequest, deadline: float, done: Done) -> None:
        self._under_way += 1
        timeout = deadline - self._reactor.seconds()
        expires = int((self._wall_clock() + timeout) / STEP) * 1000 * STEP
        head = b"%b%bWSAAS-Expires: %d\r\n" % (request.head, self._head, expires)
        timeout += request.patience
        ended: Callable[[HttpResponse | Fault], object]
        caller = request.caller
        if caller is None:
            ended = partial(self._ended, done)
        else:
            caller.waits(lambda: self._left(exchange))
            ended = partial(self._answered, caller, done)
        exchange = self._pool.exchange(request.method, request.target, head, request.body, MAX_ANSWER, timeout, ended)

    def _answered(self, caller: Caller, done: Done, got: HttpResponse | Fault) -> None:
        caller.waits(None)
        self._ended(done, got)

    def _left(self, exchange: Exchange) -> None:
        exchange.leave()
        self._ended(_nobody, Lost("its caller has left"))

    def _ended(self, done: Done, got: HttpResponse | Fault) -> None:
        self._under_way -= 1
        if self._waiting:
            next = self._waiting.popleft()
            assert next.timer is not None
            deadline = next.timer.getTime()
            next.timer.cancel()
            self._send(next.request, deadline, next.done)
        if isinstance(got, HttpResponse):
            self.trouble = _TROUBLES.get(got.status, self.trouble)
        elif isinstance(got, NotSent):
            self.trouble = str(got)
        done(_result(got))
        if self._retired and not self._under_way:
            self._pool.close()


def _nobody(result: SiblingResult) -> None:
    """Hear an answer that nobody waits for."""


def _result(got: HttpResponse | Fault) -> SiblingResult:
    if isinstance(got, HttpResponse):
        # The process refused the request unread, as its time was over, or it is not the process that was meant.
        return Missing.UNREACHABLE if got.status in (REFUSED_LATE, MISDIRECTED) else got
    return Missing.UNREACHABLE if isinstance(got, NotSent) else Missing.SILENT


REFUSED_LATE = 408
"""Status of a request that came after its WSAAS-Expires: nothing was done."""
MISDIRECTED = 421
"""Status of a request for another process than the one that answers (RFC 9110, 15.5.20)."""
_TROUBLES = {
    REFUSED_LATE: "requests come after their time: it stood still, or its clock is ahead; "
    "compare the clocks of both machines (NTP)",
    MISDIRECTED: "another process has its address",
}


class Siblings:
    """The other processes of this gateway, by the prefixes of their ids.

    `at_once` bounds the requests that are with one of them. `wall_clock()` is the time in seconds since the epoch.
    Bound: two Siblings for each name in the directory, one of them for patient requests.
    """

    def __init__(
        self, reactor: Any, sockets: SiblingSockets, wall_clock: Callable[[], float], at_once: int = MAX_AT_ONCE
    ) -> None:
        self._reactor = reactor
        self._wall_clock = wall_clock
        self._sockets = sockets
        self._at_once = at_once
        self._siblings: dict[str, Sibling] = {}
        self._patient: dict[str, Sibling] = {}

    def prefixes(self) -> list[str]:
        """Return the prefixes of all others, in order, and forget those that are gone."""
        there = self._sockets.others()
        for prefix in {*self._siblings, *self._patient}.difference(there):
            self._retire(prefix)
        return there

    def ask(self, prefix: str, request: SiblingRequest, done: Done) -> None:
        """Send a request to the process of this prefix; `done` is called once, perhaps before this returns."""
        if not self._sockets.there(prefix):
            self._retire(prefix)
            done(Missing.OVER)
            return
        siblings, at_once = (self._patient, PATIENT_AT_ONCE) if request.patience else (self._siblings, self._at_once)
        sibling = siblings.get(prefix)
        if sibling is None:
            endpoint = UNIXClientEndpoint(self._reactor, self._sockets.path(prefix), FORWARD_TIMEOUT)
            sibling = siblings[prefix] = Sibling(self._reactor, endpoint, self._wall_clock, at_once)
        sibling.ask(request, lambda result: done(self._judged(prefix, result)))

    def there(self, prefix: str) -> bool:
        """Say if the process of this prefix may be alive."""
        return self._sockets.there(prefix)

    async def close(self) -> None:
        """End all connections."""
        for siblings in (self._siblings, self._patient):
            while siblings:
                await siblings.popitem()[1].close()

    def _retire(self, prefix: str) -> None:
        for siblings in (self._siblings, self._patient):
            sibling = siblings.pop(prefix, None)
            if sibling is not None:
                sibling.retire()

    def _judged(self, prefix: str, result: SiblingResult) -> SiblingResult:
        """Look again if there was no answer: a process that took its name away meanwhile is over."""
        if result is Missing.UNREACHABLE and not self._sockets.there(prefix):
            return Missing.OVER
        return result
