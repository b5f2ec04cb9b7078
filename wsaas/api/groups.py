"""The routes of many connections at once: broadcast and groups."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.web.iweb import IRequest

from wsaas.api.app import Api
from wsaas.api.pages import groups_answer, ids_answer
from wsaas.api.params import (
    CLOSE,
    EXCEPT,
    MAX_PAGE_OF_GROUPS,
    PAGE,
    Query,
    close_parameters,
    excepted,
    message,
    page_parameters,
)
from wsaas.api.responses import OK, ApiResponse
from wsaas.core.fanout import FanOut
from wsaas.core.router import Router
from wsaas.core.session import Session

if TYPE_CHECKING:
    from wsaas.api.elsewhere import Elsewhere
    from wsaas.api.merging import Gathered

T = TypeVar("T")
ALL_GROUPS = b"/-/groups"
"""Target at which a process tells another the sizes of all its groups, by name."""
JOIN_PATIENCE = 5.0
"""Seconds for which a join may wait, more than any answer may, until the group is known to other processes."""


def add_group_routes(api: Api, router: Router, reactor: Any, elsewhere: Elsewhere | None = None) -> None:
    """Add `/broadcast`, `/groups` and the paths below it.

    Processes `elsewhere` are asked as this one was, at the same time, and the answers are put together.
    """

    async def finish(fan_out: FanOut[T]) -> FanOut[T]:
        """Take all steps of a fan-out, with a turn of the reactor for other work between two of them."""
        while fan_out.step():
            await deferLater(reactor, 0)
        return fan_out

    def gather(request: IRequest, group: str | None = None) -> Awaitable[Gathered] | None:
        return None if elsewhere is None else elsewhere.gather(request, group=group)

    async def counts(own: Mapping[str, int], others: Awaitable[Gathered] | None) -> ApiResponse:
        return ApiResponse(200, {**OK, **own}) if others is None else (await others).counts(own)

    async def sent(fan_out: FanOut[Session], others: Awaitable[Gathered] | None) -> ApiResponse:
        await finish(fan_out)
        return await counts({"sent": fan_out.sent, "skipped": fan_out.skipped}, others)

    @api.route("/broadcast", "PUT", repeatable=EXCEPT)
    async def broadcast(request: IRequest, query: Query) -> ApiResponse:
        fan_out = router.broadcast(*message(request), excepted(query))
        return await sent(fan_out, gather(request))

    @api.route("/groups", "GET", once=PAGE)
    async def groups(request: IRequest, query: Query) -> ApiResponse:
        limit, after = page_parameters(query, MAX_PAGE_OF_GROUPS)
        if elsewhere is None:
            return groups_answer(router.group_page(limit, after), limit)
        others = await elsewhere.gather(request, ALL_GROUPS)
        return others.groups(router.group_sizes(), limit, after)

    @api.route("/groups/<name:group>", "PUT", repeatable=EXCEPT)
    async def push(request: IRequest, query: Query, group: str) -> ApiResponse:
        fan_out = router.push_to_group(group, *message(request), excepted(query))
        return await sent(fan_out, gather(request, group))

    @api.route("/groups/<name:group>", "GET", once=PAGE)
    async def members(request: IRequest, query: Query, group: str) -> ApiResponse:
        limit, after = page_parameters(query)
        page = router.member_page(group, limit, after)
        if elsewhere is None:
            return ids_answer("members", page, limit)
        return (await elsewhere.gather(request)).ids("members", page, limit)

    @api.route("/groups/<name:group>", "DELETE", once=CLOSE, repeatable=EXCEPT)
    async def close(request: IRequest, query: Query, group: str) -> ApiResponse:
        fan_out = router.close_group(group, *close_parameters(query), excepted(query))
        others = gather(request, group)
        await finish(fan_out)
        return await counts({"closed": fan_out.sent}, others)

    @api.route("/groups/<name:group>/<id:id>", "PUT", patience=JOIN_PATIENCE)
    async def join(request: IRequest, query: Query, group: str, id: str) -> ApiResponse:
        known: Deferred[None] = Deferred()
        router.join(id, group, lambda: known.callback(None))
        await known
        return ApiResponse(200, OK)

    @api.route("/groups/<name:group>/<id:id>", "DELETE")
    async def leave(request: IRequest, query: Query, group: str, id: str) -> ApiResponse:
        router.leave(id, group)
        return ApiResponse(200, OK)
