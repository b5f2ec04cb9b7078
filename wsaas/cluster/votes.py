"""The others, asked when the engine does not answer: does one of them have it, and whose leases are out?

one has the engine            it renews this process's lease (relay)
more than half have no lease  nobody can claim this process, and it goes on (votes)
neither                       it may be claimed, and is silent once its own lease is out
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
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
"""Seconds within which a process answers whether it has a lease, and whether it lives."""
LEASE, RELAY = "/-/lease", "/-/relay"


class Votes:
    """Asks the others for process `member`, and answers them."""

    _log = Logger()

    def __init__(self, reactor: Any, member: Member, nodes: Nodes, boottime: Callable[[], float]) -> None:
        self._member = member
        self._nodes = nodes
        self._boottime = boottime
        self._asking = False
        self._limit = LogLimit(reactor)
        self.granted: Callable[[], object] = bool
        """Called when the others have given the right."""

    def ask(self) -> None:
        """Ask all others, unless that is under way."""
        right = self._member.right
        if not self._asking and right.joined and not right.fenced:
            self._asking = True
            Deferred.fromCoroutine(self._ask()).addErrback(self._failed).addCallback(self._asked)

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
            except (ValueError, TypeError, KeyError):
                raise BadRequest("this is not a renewal") from None
            member = self._member
            try:
                answer = await member.engine.run(member.scripts.renew, member.keys.state(prefix), words)
            except (EngineAway, EngineRefused) as error:
                return ApiResponse(503, {"code": "AWAY", "message": str(error)})
            return ApiResponse(200, {**OK, "answer": _texts(answer)})

    async def _ask(self) -> None:
        right, asked = self._member.right, self._boottime()
        voters = sorted(right.voters())
        answers = await DeferredList([Deferred.fromCoroutine(self._send_to(each)) for each in voters])
        without: list[str] = []
        for prefix, (_, content) in zip(voters, answers, strict=True):
            if content is None:
                continue
            if content.get("leased"):
                if await self._relay(prefix):
                    return
            else:
                without.append(prefix)
        if right.voted(asked, self._boottime(), without):
            self._limit.emit(
                self._log,
                LogLevel.warn,
                "votes",
                "the engine is away from {count} of the {all} processes that were known: going on without it",
                count=len(without) + 1,
                all=len(voters) + 1,
            )
            self.granted()
        elif not right.may_speak(self._boottime()):
            self._limit.emit(
                self._log,
                LogLevel.error,
                "silent",
                "no lease, and only {count} of the {all} processes that were known say that they have none, either: "
                "another may claim this one, so webhooks are held and pushes refused (503) until the engine is back",
                count=len(without) + 1,
                all=len(voters) + 1,
            )

    async def _send_to(self, prefix: str) -> Mapping[str, Any] | None:
        return _content(await self._send(prefix, b"GET", LEASE))

    async def _relay(self, prefix: str) -> bool:
        """Have another process renew the lease of this one; return if it did."""
        sent, words = self._member.renewal()
        body = json.dumps(dict(zip(("prefix", "view", "row", "known"), words, strict=True))).encode("ascii")
        content = _content(await self._send(prefix, b"POST", RELAY, body))
        if content is None or not isinstance(content.get("answer"), list):
            return False
        done = self._member.relayed(sent, words[1], _bytes(content["answer"]))
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

    def _asked(self, _: object) -> None:
        self._asking = False


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
