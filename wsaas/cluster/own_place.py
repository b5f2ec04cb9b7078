"""The place of this process as the others see it: do they know it, does its address lead to it, does its clock show the
engine's time, and does no other node have its name?
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest

from wsaas.api.app import Api
from wsaas.api.params import Query
from wsaas.api.responses import OK, ApiResponse
from wsaas.cluster.engine_connection import EngineAway, EngineRefused
from wsaas.cluster.member import Member
from wsaas.cluster.nodes import Nodes
from wsaas.cluster.siblings import SiblingRequest
from wsaas.cluster.table import MemberState
from wsaas.core.ids import PREFIX_LENGTH

NAMES_AFTER = 30.0
"""Seconds after the join until the names are compared: an earlier life of the same node is no member any more."""


MAX_SKEW = 0.5
"""Seconds between this machine's clock and the engine's, at most: requests between nodes count until a moment."""

GREETING, GREETING_TIMEOUT = "/-/greeting", 1.0
"""The route by which a process hears of a new one, and the seconds for which that one waits for the answer."""


class OwnPlace:
    """Greets the others at each join. After the first one it looks once, and logs what is wrong. `alone` says that the
    node has no other process.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime, member: Member, nodes: Nodes, alone: bool) -> None:
        self._clock = clock
        self._member = member
        self._nodes = nodes
        self._alone = alone
        self._looked = False
        self._later: IDelayedCall | None = None
        self._asking: Deferred[None] | None = None

    def greet(self, done: Callable[[], object]) -> None:
        """Have each of the others know this process, then call `done`: a push to many, through one of them, reaches the
        clients that come from now on.

        One that does not answer in time learns of this process with its next renewal, a second later at most. One that
        had this process's address is an earlier life of it: it is not asked, as this process would answer.
        """
        table, own = self._member.table, self._member.own_row().address
        unheard = {prefix for prefix in table.others() if (row := table.get(prefix)) is None or row.address != own}
        request = SiblingRequest(
            b"POST", f"{GREETING}?prefix={self._member.prefix}".encode("ascii"), within=GREETING_TIMEOUT
        )

        def heard(prefix: str, _: object) -> None:
            unheard.discard(prefix)
            if not unheard:
                done()

        if not unheard:
            done()
        for prefix in sorted(unheard):
            self._nodes.ask(prefix, request, partial(heard, prefix))

    def add_routes(self, api: Api) -> None:
        """Add the route by which a new process has this one know it. The engine says what it is."""

        @api.route(GREETING, "POST", once=("prefix",))
        async def greeted(request: IRequest, query: Query) -> ApiResponse:
            fate = await self._member.look_up((query.one("prefix") or "")[:PREFIX_LENGTH])
            return ApiResponse(200, {**OK, "fate": fate.name})

    def look(self) -> None:
        """Look, unless that was done."""
        if not self._looked:
            self._looked = True
            self._later = self._clock.callLater(NAMES_AFTER, self._compare_names)
            self._nodes.probe(self._member.prefix, self._member.own_row().address, self._probed)
            self._asking = Deferred.fromCoroutine(self._compare_clocks()).addErrback(self._no_answer)

    def stop(self) -> None:
        """Look no more."""
        self._looked = True
        if self._later is not None and self._later.active():
            self._later.cancel()
        if self._asking is not None:
            self._asking.cancel()

    def _probed(self, trouble: str | None) -> None:
        if trouble is not None:
            self._log.error(
                "this node does not reach itself at {address}, where the others are to reach it: {reason}. See "
                "CLUSTER_ENDPOINT, where it listens, and CLUSTER_ADDRESS, which is told to the others",
                address=self._member.own_row().address,
                reason=trouble,
            )

    async def _compare_clocks(self) -> None:
        """Compare the clocks, as far as the time that the engine's answer took allows."""
        before = self._nodes.wall_clock()
        seconds, microseconds = await self._member.engine.call("TIME")
        after = self._nodes.wall_clock()
        ahead = (before + after) / 2 - int(seconds) - int(microseconds) / 1e6
        if abs(ahead) > MAX_SKEW + (after - before) / 2:
            self._log.error(
                "the clock of this machine is {seconds:.1f} s {way} the engine's: nodes refuse requests of each "
                "other that come after their time, so set all clocks (NTP)",
                seconds=abs(ahead),
                way="ahead of" if ahead > 0 else "behind",
            )

    def _no_answer(self, failure: Failure) -> None:
        if failure.check(CancelledError, EngineAway, EngineRefused) is None:
            self._log.failure("the clocks could not be compared", failure)

    def _compare_names(self) -> None:
        own = self._member.own_row()
        for prefix, row in self._member.table.rows():
            apart = self._alone or _host(row.address) != _host(own.address)
            if row.node == own.node and row.state is not MemberState.LEFT and apart:
                self._log.error(
                    "the process {prefix} at {address} has the same NODE, {node}: both have one vote together, and "
                    "drain at the same time; give each node a name of its own",
                    prefix=prefix,
                    address=row.address,
                    node=own.node,
                )
                return


def _host(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None
