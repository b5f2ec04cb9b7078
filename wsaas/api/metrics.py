"""The route of Prometheus's scrapes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.web.iweb import IRequest

from wsaas.api.app import Api
from wsaas.api.params import Query
from wsaas.api.responses import ApiResponse, RawResponse

Scrape = Callable[[str], Awaitable[tuple[bytes, str]]]
"""Returns the exposition that an Accept header asks for, and its media type."""


def add_metrics_route(api: Api, scrape: Scrape) -> None:
    """Add the route."""

    @api.route("/-/metrics", "GET")
    async def metrics(request: IRequest, query: Query) -> ApiResponse:
        accept = b", ".join(request.requestHeaders.getRawHeaders(b"accept", []))
        body, media_type = await scrape(accept.decode("latin-1"))
        return RawResponse(200, {}, raw=body, of_type=media_type)
