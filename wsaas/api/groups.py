"""The routes of many connections: the list of them, broadcast, and groups."""

# mypy: allow-untyped-calls
# (twisted.web is only partly annotated.)

from __future__ import annotations

import re
from typing import Any, TypeVar

from twisted.internet.task import deferLater
from twisted.web.iweb import IRequest

from wsaas.api.app import Api, close_parameters, is_binary, query_parameter
from wsaas.api.responses import OK, ApiResponse
from wsaas.core.errors import BadRequest
from wsaas.core.fanout import FanOut
from wsaas.core.registry import Registry
from wsaas.core.session import Session

T = TypeVar("T")

DEFAULT_PAGE = 1000
LONGEST_PAGE = 10_000


def add_group_routes(api: Api, registry: Registry, reactor: Any) -> None:
    """`/connections`, `/broadcast` and `/groups/`."""

    async def finish(cast: FanOut[T]) -> FanOut[T]:
        """A batch at a time, with a turn of the reactor for everybody else between them."""
        while cast.advance():
            await deferLater(reactor, 0)
        return cast

    async def sent(cast: FanOut[Session]) -> ApiResponse:
        await finish(cast)
        return ApiResponse(200, OK | {"sent": cast.sent, "skipped": cast.skipped})

    @api.route("/connections", "GET")
    async def connections(request: IRequest) -> ApiResponse:
        limit, after = _page_limit(request), query_parameter(request, "after") or ""
        ids = registry.page(limit, after)
        following = ids[-1] if len(ids) == limit else None
        return ApiResponse(200, {"count": registry.count, "connections": ids, "next": following})

    @api.route("/broadcast", "PUT")
    async def broadcast(request: IRequest) -> ApiResponse:
        but = query_parameter(request, "except")
        return await sent(registry.broadcast(request.content.read(), is_binary(request), but))

    @api.route("/groups/<name:group>", "PUT")
    async def push(request: IRequest, group: str) -> ApiResponse:
        but = query_parameter(request, "except")
        return await sent(registry.push_to_group(group, request.content.read(), is_binary(request), but))

    @api.route("/groups/<name:group>", "GET")
    async def members(request: IRequest, group: str) -> ApiResponse:
        ids = registry.members(group)
        return ApiResponse(200, {"count": len(ids), "members": ids})

    @api.route("/groups/<name:group>", "DELETE")
    async def close(request: IRequest, group: str) -> ApiResponse:
        cast = await finish(registry.close_group(group, *close_parameters(request)))
        return ApiResponse(200, OK | {"closed": cast.sent})

    @api.route("/groups/<name:group>/<id:id>", "PUT")
    async def join(request: IRequest, group: str, id: str) -> ApiResponse:
        registry.join(id, group)
        return ApiResponse(200, OK)

    @api.route("/groups/<name:group>/<id:id>", "DELETE")
    async def leave(request: IRequest, group: str, id: str) -> ApiResponse:
        registry.leave(id, group)
        return ApiResponse(200, OK)


def _page_limit(request: IRequest) -> int:
    limit = query_parameter(request, "limit")
    if limit is None:
        return DEFAULT_PAGE
    if not re.fullmatch("[0-9]{1,6}", limit, re.ASCII) or not 0 < int(limit) <= LONGEST_PAGE:
        raise BadRequest(f"limit: a number from 1 to {LONGEST_PAGE}")
    return int(limit)
