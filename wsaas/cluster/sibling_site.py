"""The API as the other processes of this gateway reach it, on this process's own socket, or over the network.

    every route of the API         for the connections of this process alone
    GET /-/groups                  the sizes of all groups
    GET /-/worker                  what this process says of itself in /-/cluster
    GET /-/events                  the events of this process

A request whose WSAAS-To names another process is refused with 421: this one has only got its address.

A request whose WSAAS-Expires is over is refused with 408: its sender has told its client already that no answer came.
A process that was stopped therefore does nothing late that was given up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any

from twisted.web.iweb import IRequest
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET

from wsaas.api.access import Access
from wsaas.api.app import Api
from wsaas.api.aws_dialect import plain
from wsaas.api.errors import INTERNAL_ERROR, RequestTimeout, answer_to
from wsaas.api.groups import ALL_GROUPS
from wsaas.api.params import Query
from wsaas.api.responses import OK, ApiResponse
from wsaas.api.routes import add_routes
from wsaas.api.server.context import ApiContext
from wsaas.api.server.fast_path import FastPath, Forward, Head
from wsaas.api.server.site import ApiSite
from wsaas.cluster.siblings import MISDIRECTED
from wsaas.core.fanout import FanOut
from wsaas.core.router import Router
from wsaas.core.session import Session

_EXPIRES, _TO = b"\r\nWSAAS-Expires: ", b"\r\nWSAAS-To: "
_MAX_DIGITS = 15
REQUEST_TIMEOUT = 10.0
"""Seconds within which a request comes whole."""
NOT_HERE = ApiResponse(
    MISDIRECTED, {"code": "MISDIRECTED", "message": "this is another process than the one that WSAAS-To names"}
)


class SiblingFastPath(FastPath):
    """The fast path of requests that expire. `wall_clock()` is the time in seconds since the epoch."""

    takes_lone = False  # WSAAS-Expires makes nearly each header block another, and `serve` looks at it

    def __init__(
        self,
        router: Router,
        access: Access,
        max_message_size: int,
        wall_clock: Callable[[], float],
        prefix: str | None = None,
        may_answer: Callable[[], bool] | None = None,
    ) -> None:
        super().__init__(router, access, max_message_size, may_answer=may_answer, dialect=plain)
        self._wall_clock = wall_clock
        self._prefix = None if prefix is None else prefix.encode("ascii")
        self._first_expiry = inf
        """The moment until which every header block that is remembered is good."""

    def serve(self, data: bytes, any_host: bool, now: float) -> tuple[bytes, bytes, FanOut[Session] | Forward | None]:
        """Serve the requests, as far as they are for here. One that is expired is left to the slow path."""
        if self._wall_clock() >= self._first_expiry:
            self.forget()
            self._first_expiry = inf
        return super().serve(data, any_host, now)

    def remember(self, fields: bytes, any_host: bool) -> Head | None:
        """Read a header block that is not remembered yet; None if its requests must take the slow path."""
        expires = expiry_of(fields)
        if self._prefix is not None and _value(fields, _TO) != self._prefix:
            return None
        if expires is not None:
            if expires <= self._wall_clock():
                return None
            self._first_expiry = min(self._first_expiry, expires)
        return super().remember(fields, any_host)


def expiry_of(fields: bytes) -> float | None:
    """Return the moment that WSAAS-Expires names in these header lines, in seconds since the epoch."""
    value = _value(fields, _EXPIRES)
    return int(value) / 1000 if value.isdigit() and len(value) <= _MAX_DIGITS else None


def _value(fields: bytes, name: bytes) -> bytes:
    """Return the value of the first header line that begins so; empty if there is none."""
    return (b"\r\n" + fields).partition(name)[2].partition(b"\r\n")[0]


class Expiry(Resource):
    """Refuses requests that are expired, or for a process of another prefix; hands on the others."""

    isLeaf = True

    def __init__(self, inside: IResource, wall_clock: Callable[[], float], prefix: str | None = None) -> None:
        super().__init__()
        self._inside = inside
        self._wall_clock = wall_clock
        self._prefix = prefix

    def render(self, request: IRequest) -> Any:
        """Answer the request: IResource."""
        values = request.requestHeaders.getRawHeaders(b"wsaas-expires", [])
        expires = expiry_of(b"\r\n".join(b"WSAAS-Expires: " + value for value in values))
        if expires is not None and expires <= self._wall_clock():
            late = answer_to(RequestTimeout("the request came after its WSAAS-Expires")) or INTERNAL_ERROR
            late.finish(request)
            return NOT_DONE_YET
        if self._prefix is not None and request.getHeader("wsaas-to") != self._prefix:
            NOT_HERE.finish(request)
            return NOT_DONE_YET
        return self._inside.render(request)


def sibling_site(
    reactor: Any,
    router: Router,
    *,
    max_message_size: int,
    about: Callable[[], Mapping[str, object]],
    wall_clock: Callable[[], float],
    tokens: Sequence[str] = (),
    prefix: str | None = None,
    may_answer: Callable[[], bool] | None = None,
    add_more: Callable[[Api], object] | None = None,
) -> ApiSite:
    """The API for the socket of this process. `about()` is what the process says of itself; `add_more` adds routes.

    It asks for no token on a socket that is for its owner only. Over the network it asks for one of `tokens`, and for
    its `prefix`. While `may_answer()` is false, requests about connections are refused.
    """
    access = Access(tokens)
    api = Api(access, router.counters, may_answer=may_answer, dialect=plain)
    add_routes(api, router, reactor)

    @api.route(ALL_GROUPS.decode("ascii"), "GET")
    async def groups(request: IRequest, query: Query) -> ApiResponse:
        return ApiResponse(200, OK | {"groups": router.group_sizes()})

    @api.route("/-/worker", "GET")
    async def worker(request: IRequest, query: Query) -> ApiResponse:
        return ApiResponse(200, {**OK, **about()})

    if add_more is not None:
        add_more(api)
    fast_path = SiblingFastPath(router, access, max_message_size, wall_clock, prefix, may_answer)
    context = ApiContext(reactor, access, max_message_size, REQUEST_TIMEOUT, router.counters, fast_path, plain)
    return ApiSite(Expiry(api.resource(), wall_clock, prefix), context)
