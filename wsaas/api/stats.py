"""The figures of the gateway for people, `/-/stats`, and of one process for another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from twisted.web.iweb import IRequest

from wsaas.api.app import Api
from wsaas.api.params import Query
from wsaas.api.responses import OK, ApiResponse

FIGURES = b"/-/figures"
"""Target at which a process tells another its figures."""


def add_stats_route(api: Api, stats: Callable[[], Awaitable[Mapping[str, object]]]) -> None:
    """Add the route."""

    @api.route("/-/stats", "GET")
    async def read(request: IRequest, query: Query) -> ApiResponse:
        return ApiResponse(200, await stats())


def add_figures_route(api: Api, figures: Callable[[], Mapping[str, object]]) -> None:
    """Add the route for the other workers."""

    @api.route(FIGURES.decode("ascii"), "GET")
    async def read(request: IRequest, query: Query) -> ApiResponse:
        return ApiResponse(200, {**OK, **figures()})
