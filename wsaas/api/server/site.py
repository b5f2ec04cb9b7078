"""The API as a factory for endpoints: its routes, and how many connections it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.web.resource import IResource
from twisted.web.server import Site

from wsaas.api.access import Access
from wsaas.api.app import Api
from wsaas.api.documents import add_document_routes
from wsaas.api.health import Members, add_ops_routes
from wsaas.api.routes import add_routes
from wsaas.api.server.channel import ApiChannel
from wsaas.api.server.context import ApiContext
from wsaas.api.server.fast_path import FastPath
from wsaas.api.server.limits import Body
from wsaas.api.server.request import ApiRequest
from wsaas.api.server.request_log import RequestLog, client_of
from wsaas.api.sigv4 import Signatures
from wsaas.core.router import Router
from wsaas.net.reject import RejectedConnection

if TYPE_CHECKING:
    from wsaas.api.elsewhere import Elsewhere


class ApiSite(Site):
    """A site of HTTP/1.1. It has no access log of Twisted's: a path holds an id, with which any reader could push."""

    protocol = ApiChannel  # type: ignore[assignment]
    requestFactory = ApiRequest
    noisy = False
    max_connections = 1000
    """Connections at once. One more is dropped at once: the file that it would hold belongs to a client."""

    def __init__(self, resource: IResource, context: ApiContext) -> None:
        super().__init__(resource, reactor=context.clock, parsePOSTFormSubmission=False)
        # ApiChannel has limits of its own: Twisted's starts again with every byte.
        self.timeOut = None
        self.context = context

    def buildProtocol(self, addr: IAddress | None) -> Any:
        if len(self.context.connections) >= self.max_connections:
            return RejectedConnection()
        channel = super().buildProtocol(addr)
        channel.context = self.context
        return channel

    def startFactory(self) -> None:
        """Open no access log of Twisted's, and run no clock for one."""

    def log(self, request: Any) -> None:
        """Log a request that is answered, if that is wanted (for twisted.web.http.Request.finish)."""
        if self.context.request_log is not None:
            self.context.request_log.answered(
                request.method,
                request.uri,
                request.code,
                request.sentLength,
                self.context.clock.seconds() - request.whole_at,
                client_of(request.getClientAddress()),
            )

    def getContentFile(self, length: int | None) -> Body:
        """Return the place for a request's body (for twisted.web.server.Request.gotLength)."""
        return Body(self.context.max_message_size)

    def acceptableProtocols(self) -> list[bytes]:
        """Return the protocols that TLS may negotiate: not HTTP/2, which would go past all the limits here."""
        return [b"http/1.1"]


def api_site(
    reactor: IReactorTime,
    router: Router,
    *,
    tokens: tuple[str, ...],
    local_address: str = "http://localhost",
    max_message_size: int,
    ready: Callable[[], bool],
    request_timeout: float = 10.0,
    fast_path: type[FastPath] | None = FastPath,
    elsewhere: Elsewhere | None = None,
    members: Members | None = None,
    members_name: str = "workers",
    may_answer: Callable[[], bool] | None = None,
    add_more: Callable[[Api], object] | None = None,
    signatures: Signatures | None = None,
    request_log: RequestLog | None = None,
) -> ApiSite:
    """Return the API as a factory for endpoints. A whole request has `request_timeout` seconds to arrive.

    `fast_path` serves most pushes; with None every request takes the slow path. Without tokens, requests may name the
    host of `local_address`, or loopback. `elsewhere` are the other processes of this gateway, None if there are none;
    `members()` lists all of them, under `members_name`. While `may_answer()` is false, requests about connections are
    refused. `add_more` adds routes of this site alone, which other processes cannot ask for. `signatures` checks those
    of the AWS dialect, None if there is no key pair. With a `request_log` every request takes the slow path, and is
    logged.
    """
    access = Access(tokens, [urlsplit(local_address).hostname or "localhost"], signatures)
    api = Api(access, router.counters, elsewhere, may_answer)
    add_routes(api, router, reactor, elsewhere)
    add_ops_routes(api, ready, members, members_name)
    add_document_routes(api)
    if add_more is not None:
        add_more(api)
    fast = None
    if fast_path is not None and request_log is None:
        fast = fast_path(router, access, max_message_size, elsewhere, may_answer)
    context = ApiContext(
        reactor, access, max_message_size, request_timeout, router.counters, fast, request_log=request_log
    )
    return ApiSite(api.resource(), context)
