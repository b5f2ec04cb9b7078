"""Server endpoints from Twisted's endpoint strings. `haproxy:` uses the PROXY parser of `proxy_protocol`.

    haproxy:tcp:8080    haproxy:unix:/run/wsaas.socket    haproxy:ssl:443:...    (the header inside TLS)

Twisted's own parser drops a connection that begins with a short `PROXY UNKNOWN`, or with a version 2 header that
arrives in pieces, and logs a traceback for a malformed header.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from zope.interface import implementer

from wsaas.net.proxy_protocol import ProxiedFactory


@implementer(IStreamServerEndpoint)
class ProxiedEndpoint:
    """An endpoint whose connections begin with a PROXY header."""

    def __init__(self, endpoint: IStreamServerEndpoint) -> None:
        self._endpoint = endpoint

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Listen: IStreamServerEndpoint."""
        return self._endpoint.listen(ProxiedFactory(protocolFactory))


def server_endpoint(reactor: Any, description: str) -> IStreamServerEndpoint:
    """Return the endpoint that the string describes.

    Errors are those of the string's parser. Parsers come from plugins and may raise any exception.
    """
    kind, colon, rest = description.partition(":")
    if colon and kind.lower() == "haproxy":
        return ProxiedEndpoint(server_endpoint(reactor, rest))
    endpoint: IStreamServerEndpoint = serverFromString(reactor, description)
    return endpoint
