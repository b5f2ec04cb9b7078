"""Requests to the other processes of the cluster: to the address that each has told the engine, and on this machine by
the socket of each.

    prefix -> a socket here, else the table, else the engine -> its Sibling -> HttpResponse, or what is Missing

What could not be reached, or did not answer, is looked up once more: the engine knows if it is over meanwhile.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.logger import Logger, LogLevel

from wsaas.cluster.member import Fate
from wsaas.cluster.siblings import (
    MAX_AT_ONCE,
    PATIENT_AT_ONCE,
    Done,
    Missing,
    Sibling,
    SiblingRequest,
    SiblingResult,
    Siblings,
)
from wsaas.cluster.table import MemberRow, Table
from wsaas.http_client.exchange import HttpResponse
from wsaas.telemetry.log_limit import LogLimit

LOOK_UP_AGAIN = (b"GET", b"HEAD", b"DELETE")
"""Methods of requests that are answered 404 if their process is over by now, although it may have had them."""


class LookUp(Protocol):
    """Asks the engine what became of a process (`Member.look_up`)."""

    def __call__(self, prefix: str, /) -> Awaitable[Fate]: ...


Reach = Callable[[str], tuple[IStreamClientEndpoint, bytes]]
"""From an address, http or https, to the endpoint that connects to it and the value of Host. ValueError if none can."""


class Nodes:
    """The other processes of the cluster, by the prefixes of their ids.

    `head` is the header lines that say to them that this is one of them. `wall_clock()` is the time in seconds since
    the epoch. Bound: two Siblings for each row of the table, one of them for patient requests.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        table: Table,
        look_up: LookUp,
        reach: Reach,
        head: bytes,
        wall_clock: Callable[[], float],
        at_once: int = MAX_AT_ONCE,
    ) -> None:
        self._reactor = reactor
        self._table = table
        self._look_up = look_up
        self._reach = reach
        self._head = head
        self.wall_clock = wall_clock
        self._at_once = at_once
        self._siblings: dict[tuple[str, bool], tuple[str, Sibling]] = {}
        """By prefix, and whether it is for patient requests; each with its address."""
        self._limit = LogLimit(reactor)
        self._troubles: dict[str, str] = {}
        """The reasons why some of them were not reached. Bound: one for each row of the table."""
        self.beside: Siblings | None = None
        """The other processes of this node, if it has several."""

    def prefixes(self) -> list[str]:
        """Return the prefixes of all others, in order, and let go of those that are gone."""
        there = self._table.others()
        for key in [key for key in self._siblings if key[0] not in there]:
            self._siblings.pop(key)[1].retire()
        for prefix in self._troubles.keys() - there:
            del self._troubles[prefix]
        return there if self.beside is None else sorted({*there, *self.beside.prefixes()})

    def place(self, prefix: str) -> tuple[IStreamClientEndpoint, bytes] | None:
        """Return where a process is reached, and the header lines for it; None if that is not known: Places."""
        row = self._table.get(prefix)
        if row is None:
            return None
        try:
            endpoint, host = self._reach(row.address)
        except ValueError:
            return None
        return endpoint, b"Host: %b\r\n%b" % (host, self._head_for(prefix))

    def there(self, prefix: str) -> bool:
        """Say if the process of this prefix may be alive, as far as was heard."""
        return self._is_beside(prefix) or self._table.get(prefix) is not None

    def trouble(self, prefix: str) -> str | None:
        """Return the reason why a process was not reached when it was last asked; None if it was."""
        return self._troubles.get(prefix)

    def ask(self, prefix: str, request: SiblingRequest, done: Done) -> None:
        """Send a request to the process of this prefix; `done` is called once, perhaps before this returns."""
        if self.beside is not None and self._is_beside(prefix):
            self.beside.ask(prefix, request, lambda result: self._answered(prefix, request, result, done))
            return
        row = self._table.get(prefix)
        if row is not None:
            self._send(prefix, row, request, done)
            return

        def found(fate: Fate) -> None:
            row = self._table.get(prefix)
            if row is not None:
                self._send(prefix, row, request, done)
            else:
                done(Missing.OVER if fate is Fate.OVER else Missing.UNREACHABLE)

        self._looked_up(prefix, found)

    def probe(self, prefix: str, address: str, done: Callable[[str | None], object]) -> None:
        """Ask at an address if the process of this prefix is there; `done` hears the reason why not, or None."""
        try:
            endpoint, host = self._reach(address)
        except ValueError as error:
            done(str(error))
            return
        sibling = Sibling(self._reactor, endpoint, self.wall_clock, 1, host, self._head_for(prefix))

        def heard(result: SiblingResult) -> None:
            sibling.retire()
            if not isinstance(result, HttpResponse):
                done(sibling.trouble or "no answer in time")
            elif result.status != 200:
                done(f"the answer is {result.status}")
            else:
                done(None)

        sibling.ask(SiblingRequest(b"GET", b"/-/worker"), heard)

    async def close(self) -> None:
        """End all connections."""
        while self._siblings:
            await self._siblings.popitem()[1][1].close()

    def _is_beside(self, prefix: str) -> bool:
        return self.beside is not None and self.beside.there(prefix)

    def _send(self, prefix: str, row: MemberRow, request: SiblingRequest, done: Done) -> None:
        sibling = self._sibling(prefix, row, request.patience > 0)
        if sibling is None:
            done(Missing.UNREACHABLE)
        else:
            sibling.ask(request, lambda result: self._answered(prefix, request, result, done, sibling))

    def _answered(
        self, prefix: str, request: SiblingRequest, result: SiblingResult, done: Done, sibling: Sibling | None = None
    ) -> None:
        if isinstance(result, HttpResponse):
            self._troubles.pop(prefix, None)
            if result.status == 401:
                self._troubles[prefix] = "it does not take this node's API_TOKEN"
                row = self._table.get(prefix)
                self._limit.emit(
                    self._log,
                    LogLevel.error,
                    "token",
                    "the process {prefix} at {address} does not take this one's API_TOKEN: all need the same",
                    prefix=prefix,
                    address="" if row is None else row.address,
                )
                result = Missing.UNREACHABLE
            done(result)
        elif result is Missing.UNREACHABLE or (result is Missing.SILENT and request.method in LOOK_UP_AGAIN):
            missing = result

            def found(fate: Fate) -> None:
                if missing is Missing.UNREACHABLE and fate is not Fate.OVER and sibling is not None:
                    self._not_reached(prefix, sibling.trouble)
                done(Missing.OVER if fate is Fate.OVER else missing)

            self._looked_up(prefix, found)
        else:
            done(result)

    def _not_reached(self, prefix: str, reason: str) -> None:
        row = self._table.get(prefix)
        if row is not None:
            self._troubles[prefix] = reason
            self._limit.emit(
                self._log,
                LogLevel.warn,
                "unreached",
                "the process {prefix} of node {node} cannot be reached at {address}: {reason}",
                prefix=prefix,
                node=row.node,
                address=row.address,
                reason=reason,
            )

    def _looked_up(self, prefix: str, found: Callable[[Fate], object]) -> None:
        async def look() -> None:
            found(await self._look_up(prefix))

        Deferred.fromCoroutine(look()).addErrback(
            lambda failure: self._log.failure("a request to another process failed", failure)
        )

    def _sibling(self, prefix: str, row: MemberRow, patient: bool) -> Sibling | None:
        """Return the connections to a process; None if its address is none."""
        known = self._siblings.get((prefix, patient))
        if known is not None and known[0] == row.address:
            return known[1]
        if known is not None:
            known[1].retire()
        try:
            endpoint, host = self._reach(row.address)
        except ValueError as error:
            self._troubles[prefix] = str(error)
            self._limit.emit(
                self._log,
                LogLevel.error,
                "address",
                "the process {prefix} cannot be reached at {address}: {reason}",
                prefix=prefix,
                address=row.address,
                reason=str(error),
            )
            return None
        head = self._head_for(prefix)
        at_once = PATIENT_AT_ONCE if patient else self._at_once
        sibling = Sibling(self._reactor, endpoint, self.wall_clock, at_once, host, head)
        self._siblings[prefix, patient] = row.address, sibling
        return sibling

    def _head_for(self, prefix: str) -> bytes:
        return b"%bWSAAS-To: %b\r\n" % (self._head, prefix.encode("ascii"))
