"""The others, asked when the engine renews no lease: does one of them have it, and whose leases are out?

one has the engine            it renews this process's lease (relay)
most nodes have no lease       nobody can claim this process, and it goes on (votes)
neither                       it may be claimed, and is silent once its own lease is out
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger, LogLevel
from twisted.web.iweb import IRequest

from wsaas.api.app import Api
from wsaas.api.params import Query
from wsaas.api.responses import OK, ApiResponse
from wsaas.cluster.engine_connection import EngineAway, EngineRefused
from wsaas.cluster.member import Member
from wsaas.cluster.nodes import Nodes
from wsaas.cluster.siblings import SiblingRequest, SiblingResult
from wsaas.core.errors import BadRequest
from wsaas.core.ids import PREFIX_LENGTH
from wsaas.http_client.exchange import HttpResponse
from wsaas.telemetry.log_limit import LogLimit

PEER_TIMEOUT = 1.0
"""Seconds within which a process answers whether it has a lease, and whether it lives; and for which that counts."""
ASK_EVERY = 0.25
"""Seconds between two questions to one process, while the right ends soon."""
SOON = 1.5
"""Seconds before the end of the right in which the others are asked."""
LEASE, RELAY = "/-/lease", "/-/relay"


class Votes:
    """Asks the others for process `member`, and answers them. Bound: one entry for each voter."""

    _log = Logger()

    def __init__(self, reactor: Any, member: Member, nodes: Nodes, boottime: Callable[[], float]) -> None:
        self._member = member
        self._nodes = nodes
        self._boottime = boottime
        self._clock: IReactorTime = reactor
        self._ticking: IDelayedCall | None = None
        self._pending: set[str] = set()
        self._without: dict[str, float] = {}
        """The moments in which the others were asked that said, when they last answered, that they have no lease."""
        self._relaying = False
        self._limit = LogLimit(reactor)
        self.granted: Callable[[], object] = bool
        """Called when the others have given the right."""

    def ask(self) -> None:
        """Ask all others whenever the right ends soon, until `stop`."""
        if self._ticking is None and self._member.right.joined:
            self._tick()

    def stop(self) -> None:
        """Ask no more: the engine answers."""
        if self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None
        self._without.clear()

    async def alive(self, prefix: str) -> bool:
        """Say if the process of this prefix answers."""
        return _content(await self._send(prefix, b"GET", LEASE)) is not None

    def add_routes(self, api: Api) -> None:
        """Add the routes by which the others ask this process."""

        @api.route(LEASE, "GET")
        async def lease(request: IRequest, query: Query) -> ApiResponse:
            right = self._member.right
            if right.fenced:
                return ApiResponse(503, {"code": "FENCED", "message": "this process was claimed, and ends"})
            return ApiResponse(200, {**OK, "leased": right.leased(self._boottime())})

        @api.route(RELAY, "POST")
        async def relay(request: IRequest, query: Query) -> ApiResponse:
            try:
                fields = json.loads(request.content.read())
                prefix = str(fields["prefix"])[:PREFIX_LENGTH]
                words = (prefix, str(fields["view"]), str(fields["row"]), int(fields["known"]))
            except (ValueError, TypeError, KeyError, RecursionError):
                raise BadRequest("this is not a renewal") from None
            member = self._member
            try:
                answer = await member.engine.run(member.scripts.renew, member.keys.state(prefix), words)
            except (EngineAway, EngineRefused) as error:
                return ApiResponse(503, {"code": "AWAY", "message": str(error)})
            return ApiResponse(200, {**OK, "answer": _texts(answer)})

    def _tick(self) -> None:
        """Ask those that have no question, if the right ends soon."""
        right, now = self._member.right, self._boottime()
        self._ticking = None if right.fenced else self._clock.callLater(ASK_EVERY, self._tick)
        if right.fenced or right.until() - now > SOON:
            return
        for prefix in sorted(right.voters() - self._pending):
            self._pending.add(prefix)
            Deferred.fromCoroutine(self._ask_one(prefix)).addErrback(self._failed)
        self._count()

    async def _ask_one(self, prefix: str) -> None:
        asked = self._boottime()
        content = _content(await self._send(prefix, b"GET", LEASE))
        self._pending.discard(prefix)
        if self._ticking is None or content is None:
            return
        if content.get("leased"):
            self._without.pop(prefix, None)
            if not self._relaying:
                self._relaying = True
                try:
                    await self._relay(prefix)
                finally:
                    self._relaying = False
        else:
            self._without[prefix] = asked
            self._count()

    def _count(self) -> None:
        """See if enough have no lease, by what they said within the last second."""
        right, now = self._member.right, self._boottime()
        without = {prefix: asked for prefix, asked in self._without.items() if now - asked < PEER_TIMEOUT}
        if right.voted(min(without.values(), default=now), now, without):
            self._limit.emit(
                self._log,
                LogLevel.warn,
                "votes",
                "the engine renews no lease of {count} of the {all} processes that were known: going on without it",
                count=len(without) + 1,
                all=len(right.voters()) + 1,
            )
            self.granted()
        elif not right.may_speak(now):
            self._limit.emit(
                self._log,
                LogLevel.error,
                "silent",
                "no lease, and only {count} of the {all} processes that were known say that they have none, either: "
                "another may claim this one, so webhooks are held and pushes refused (503) until the engine is back",
                count=len(without) + 1,
                all=len(right.voters()) + 1,
            )

    async def _relay(self, prefix: str) -> bool:
        """Have another process renew the lease of this one; return if it did."""
        sent, view, words = self._member.renewal()
        body = json.dumps(dict(zip(("prefix", "view", "row", "known"), words, strict=True))).encode("ascii")
        content = _content(await self._send(prefix, b"POST", RELAY, body))
        if content is None or not isinstance(content.get("answer"), list):
            return False
        done = self._member.relayed(sent, view, _bytes(content["answer"]))
        if done:
            self._limit.emit(
                self._log,
                LogLevel.warn,
                "relay",
                "the engine is away from this process only: {prefix} renews its lease",
                prefix=prefix,
            )
            self.granted()
        return done

    def _send(self, prefix: str, method: bytes, target: str, body: bytes = b"") -> Deferred[SiblingResult]:
        heard: Deferred[SiblingResult] = Deferred()
        request = SiblingRequest(method, target.encode("ascii"), b"", body, PEER_TIMEOUT)
        self._nodes.ask(prefix, request, heard.callback)
        return heard

    def _failed(self, failure: Any) -> None:
        self._log.failure("the others could not be asked", failure)


def _content(result: SiblingResult) -> Mapping[str, Any] | None:
    if not isinstance(result, HttpResponse) or result.status != 200:
        return None
    try:
        content = json.loads(result.body)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _texts(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return [_texts(each) for each in value] if isinstance(value, list) else value


def _bytes(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("latin-1")
    return [_bytes(each) for each in value] if isinstance(value, list) else value
