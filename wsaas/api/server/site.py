"""The API as an endpoint listens with it: its routes, and the connections that are let in."""

# mypy: allow-untyped-calls
# (twisted.web is only partly annotated.)

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.web.resource import IResource
from twisted.web.server import Site

from wsaas.api.access import Access
from wsaas.api.app import Api, add_connection_routes
from wsaas.api.groups import add_group_routes
from wsaas.api.health import add_ops_routes
from wsaas.api.server.channel import ApiChannel, ApiRequest
from wsaas.api.server.fast_path import FastPath
from wsaas.api.server.limits import Body
from wsaas.net.reject import RejectedConnection

if TYPE_CHECKING:
    from wsaas.core.router import Router


class ApiSite(Site):
    """A site of HTTP/1.1 that keeps no access log: the path holds an id, and who reads an id may push to it."""

    protocol = ApiChannel  # type: ignore[assignment]
    requestFactory = ApiRequest
    noisy = False
    most_connections = 1000
    """Connections at once. Who comes beyond is dropped at once: the file it would hold belongs to a client."""

    def __init__(
        self,
        reactor: IReactorTime,
        resource: IResource,
        access: Access,
        max_message_size: int,
        request_timeout: float,
        fast_path: FastPath | None = None,
    ) -> None:
        super().__init__(resource, reactor=reactor, parsePOSTFormSubmission=False)
        # The channel has limits of its own: Twisted's starts again with every byte.
        self.timeOut = None
        self.access = access
        self.fast_path = fast_path
        self.max_message_size = max_message_size
        self.request_timeout = request_timeout
        self.connections = 0

    def buildProtocol(self, addr: IAddress | None) -> Any:
        return super().buildProtocol(addr) if self.connections < self.most_connections else RejectedConnection()

    def startFactory(self) -> None:
        """Open no access log, and run no clock for one."""

    def getContentFile(self, length: int | None) -> Body:
        """Return the place for a request's body (twisted.web.server.Request.gotLength asks)."""
        return Body(self.max_message_size)

    def acceptableProtocols(self) -> list[bytes]:
        """Return what TLS may negotiate: not HTTP/2, which goes past all the limits here."""
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
) -> ApiSite:
    """The API, for an endpoint to listen with. A request must arrive within `request_timeout` seconds as a whole.

    The host of `local_address` is the name by which it may be called without a token, beside those of loopback.
    """
    access = Access(tokens, [urlsplit(local_address).hostname or "localhost"])
    api = Api(access)
    add_connection_routes(api, router)
    add_group_routes(api, router, reactor)
    add_ops_routes(api, ready)
    fast_path = FastPath(router, access, max_message_size, reactor)
    return ApiSite(reactor, api.resource(), access, max_message_size, request_timeout, fast_path)
