"""The route of Prometheus's scrapes, and the one by which a worker asks another for its readings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from twisted.web.iweb import IRequest

from wsaas.api.app import Api
from wsaas.api.params import Query
from wsaas.api.responses import OK, ApiResponse, RawResponse

Scrape = Callable[[str], Awaitable[tuple[bytes, str]]]
"""Returns the exposition that an Accept header asks for, and its media type."""
SAMPLES = b"/-/samples"
"""Target at which a process tells another its readings."""


def add_metrics_route(api: Api, scrape: Scrape) -> None:
    """Add the route."""

    @api.route("/-/metrics", "GET")
    async def metrics(request: IRequest, query: Query) -> ApiResponse:
        accept = b", ".join(request.requestHeaders.getRawHeaders(b"accept", []))
        body, media_type = await scrape(accept.decode("latin-1"))
        return RawResponse(200, {}, raw=body, of_type=media_type)


def add_samples_route(api: Api, samples: Callable[[], Awaitable[Mapping[str, object]]]) -> None:
    """Add the route for the other workers."""

    @api.route(SAMPLES.decode("ascii"), "GET")
    async def read(request: IRequest, query: Query) -> ApiResponse:
        return ApiResponse(200, {**OK, **await samples()})
