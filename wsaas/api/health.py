"""The probes of orchestrators and load balancers, under `/-/`."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence

from twisted.web.iweb import IRequest

from wsaas.api.app import Api
from wsaas.api.errors import NotReady
from wsaas.api.params import Query
from wsaas.api.responses import OK, ApiResponse
from wsaas.core.gateway import Gateway

Members = Callable[[], Awaitable[Sequence[Mapping[str, object]]]]


def add_ops_routes(api: Api, ready: Callable[[], bool], members: Members | None = None, name: str = "workers") -> None:
    """Add the probes, and the list of workers, or nodes, if there are `members`; `name` is what they are.

    `ready()` tells whether clients should be sent here; not during the start or the drain.
    """

    @api.route("/-/healthy", "GET")
    async def healthy(request: IRequest, query: Query) -> ApiResponse:
        return ApiResponse(200, OK)

    @api.route("/-/ready", "GET")
    async def readiness(request: IRequest, query: Query) -> ApiResponse:
        if not ready():
            raise NotReady(
                "the gateway starts, drains, or cannot take clients, as its log says: send clients elsewhere"
            )
        return ApiResponse(200, OK)

    if members is not None:

        @api.route("/-/cluster", "GET")
        async def cluster(request: IRequest, query: Query) -> ApiResponse:
            assert members is not None
            return ApiResponse(200, {name: await members()})


def process_row(number: int, ready: bool, gateway: Gateway) -> dict[str, object]:
    """Return what /-/cluster says of this process: its number, pid, state, the prefix of its ids, its connections."""
    return {
        "worker": number,
        "pid": os.getpid(),
        "state": "ready" if ready else "unready",
        "prefix": gateway.prefix,
        "connections": gateway.registry.count,
    }
