"""The routes of many connections at once: broadcast and groups."""

from __future__ import annotations

from typing import Any, TypeVar

from twisted.internet.task import deferLater
from twisted.web.iweb import IRequest

from wsaas.api.app import Api
from wsaas.api.params import (
    CLOSE,
    EXCEPT,
    MAX_PAGE_OF_GROUPS,
    PAGE,
    Query,
    close_parameters,
    excepted,
    message,
    next_after,
    page_parameters,
)
from wsaas.api.responses import OK, ApiResponse
from wsaas.core.fanout import FanOut
from wsaas.core.router import Router
from wsaas.core.session import Session

T = TypeVar("T")


def add_group_routes(api: Api, router: Router, reactor: Any) -> None:
    """Add `/broadcast`, `/groups` and the paths below it."""

    async def finish(fan_out: FanOut[T]) -> FanOut[T]:
        """Take all steps of a fan-out, with a turn of the reactor for other work between two of them."""
        while fan_out.step():
            await deferLater(reactor, 0)
        return fan_out

    async def sent(fan_out: FanOut[Session]) -> ApiResponse:
        await finish(fan_out)
        return ApiResponse(200, OK | {"sent": fan_out.sent, "skipped": fan_out.skipped})

    @api.route("/broadcast", "PUT", repeatable=EXCEPT)
    async def broadcast(request: IRequest, query: Query) -> ApiResponse:
        return await sent(router.broadcast(*message(request), excepted(query)))

    @api.route("/groups", "GET", once=PAGE)
    async def groups(request: IRequest, query: Query) -> ApiResponse:
        limit, after = page_parameters(query, MAX_PAGE_OF_GROUPS)
        page = router.group_page(limit, after)
        return ApiResponse(
            200,
            {
                "count": page.count,
                "groups": [{"name": name, "members": members} for name, members in page.items],
                "next": next_after([name for name, _ in page.items], limit),
            },
        )

    @api.route("/groups/<name:group>", "PUT", repeatable=EXCEPT)
    async def push(request: IRequest, query: Query, group: str) -> ApiResponse:
        return await sent(router.push_to_group(group, *message(request), excepted(query)))

    @api.route("/groups/<name:group>", "GET", once=PAGE)
    async def members(request: IRequest, query: Query, group: str) -> ApiResponse:
        limit, after = page_parameters(query)
        page = router.member_page(group, limit, after)
        return ApiResponse(200, {"count": page.count, "members": page.items, "next": next_after(page.items, limit)})

    @api.route("/groups/<name:group>", "DELETE", once=CLOSE, repeatable=EXCEPT)
    async def close(request: IRequest, query: Query, group: str) -> ApiResponse:
        fan_out = await finish(router.close_group(group, *close_parameters(query), excepted(query)))
        return ApiResponse(200, OK | {"closed": fan_out.sent})

    @api.route("/groups/<name:group>/<id:id>", "PUT")
    async def join(request: IRequest, query: Query, group: str, id: str) -> ApiResponse:
        router.join(id, group)
        return ApiResponse(200, OK)

    @api.route("/groups/<name:group>/<id:id>", "DELETE")
    async def leave(request: IRequest, query: Query, group: str, id: str) -> ApiResponse:
        router.leave(id, group)
        return ApiResponse(200, OK)
