"""The routes of many connections: the list of them, broadcast, and groups."""

# mypy: allow-untyped-calls
# (twisted.web is only partly annotated.)

from __future__ import annotations

from typing import Any, TypeVar

from twisted.internet.task import deferLater
from twisted.web.iweb import IRequest

from wsaas.api.app import Api
from wsaas.api.params import (
    CLOSE,
    EXCEPT,
    LONGEST_PAGE_OF_GROUPS,
    PAGE,
    Query,
    close_parameters,
    excepted,
    message,
    page_parameters,
)
from wsaas.api.responses import OK, ApiResponse
from wsaas.core.fanout import FanOut
from wsaas.core.registry import Registry
from wsaas.core.session import Session

T = TypeVar("T")


def add_group_routes(api: Api, registry: Registry, reactor: Any) -> None:
    """`/connections`, `/broadcast`, `/groups` and what is under it."""

    async def finish(cast: FanOut[T]) -> FanOut[T]:
        """A batch at a time, with a turn of the reactor for everybody else between them."""
        while cast.advance():
            await deferLater(reactor, 0)
        return cast

    async def sent(cast: FanOut[Session]) -> ApiResponse:
        await finish(cast)
        return ApiResponse(200, OK | {"sent": cast.sent, "skipped": cast.skipped})

    @api.route("/connections", "GET", once=PAGE)
    async def connections(request: IRequest, query: Query) -> ApiResponse:
        limit, after = page_parameters(query)
        ids = registry.page(limit, after)
        return ApiResponse(200, {"count": registry.count, "connections": ids, "next": _next(ids, limit)})

    @api.route("/broadcast", "PUT", repeatable=EXCEPT)
    async def broadcast(request: IRequest, query: Query) -> ApiResponse:
        return await sent(registry.broadcast(*message(request), excepted(query)))

    @api.route("/groups", "GET", once=PAGE)
    async def groups(request: IRequest, query: Query) -> ApiResponse:
        limit, after = page_parameters(query, LONGEST_PAGE_OF_GROUPS)
        page = registry.group_page(limit, after)
        return ApiResponse(
            200,
            {
                "count": registry.group_count,
                "groups": [{"name": name, "members": members} for name, members in page],
                "next": _next([name for name, _ in page], limit),
            },
        )

    @api.route("/groups/<name:group>", "PUT", repeatable=EXCEPT)
    async def push(request: IRequest, query: Query, group: str) -> ApiResponse:
        return await sent(registry.push_to_group(group, *message(request), excepted(query)))

    @api.route("/groups/<name:group>", "GET", once=PAGE)
    async def members(request: IRequest, query: Query, group: str) -> ApiResponse:
        limit, after = page_parameters(query)
        ids = registry.member_page(group, limit, after)
        return ApiResponse(200, {"count": registry.member_count(group), "members": ids, "next": _next(ids, limit)})

    @api.route("/groups/<name:group>", "DELETE", once=CLOSE, repeatable=EXCEPT)
    async def close(request: IRequest, query: Query, group: str) -> ApiResponse:
        cast = await finish(registry.close_group(group, *close_parameters(query), excepted(query)))
        return ApiResponse(200, OK | {"closed": cast.sent})

    @api.route("/groups/<name:group>/<id:id>", "PUT")
    async def join(request: IRequest, query: Query, group: str, id: str) -> ApiResponse:
        registry.join(id, group)
        return ApiResponse(200, OK)

    @api.route("/groups/<name:group>/<id:id>", "DELETE")
    async def leave(request: IRequest, query: Query, group: str, id: str) -> ApiResponse:
        registry.leave(id, group)
        return ApiResponse(200, OK)


def _next(page: list[str], limit: int) -> str | None:
    """What the next page is `after`; None if this was the last one."""
    return page[-1] if len(page) == limit else None
