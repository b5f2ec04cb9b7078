"""Server endpoints from Twisted's endpoint strings, of which `haproxy:` is read by our own parser of PROXY headers.

    haproxy:tcp:8080    haproxy:unix:/run/wsaas.socket    haproxy:ssl:443:...    (the header inside TLS)

Twisted's own hangs up on a short `PROXY UNKNOWN`, on a version 2 header whose first packet is short, and logs a
traceback for one that is malformed.
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
    """An endpoint on whose connections a PROXY header comes before anything else."""

    def __init__(self, endpoint: IStreamServerEndpoint) -> None:
        self._endpoint = endpoint

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Listen: IStreamServerEndpoint."""
        return self._endpoint.listen(ProxiedFactory(protocolFactory))


def server_endpoint(reactor: Any, description: str) -> IStreamServerEndpoint:
    """Return the endpoint of a string; raises what the parser of that string raises, which may be anything."""
    kind, colon, rest = description.partition(":")
    if colon and kind.lower() == "haproxy":
        return ProxiedEndpoint(server_endpoint(reactor, rest))
    endpoint: IStreamServerEndpoint = serverFromString(reactor, description)
    return endpoint
