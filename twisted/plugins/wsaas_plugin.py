"""What twistd reads to know `twistd wsaas` and `wsaas-tls:`; the rest is imported once it is asked for."""

from __future__ import annotations

from typing import Any

from twisted.application.service import ServiceMaker
from twisted.internet.interfaces import IStreamServerEndpoint, IStreamServerEndpointStringParser
from twisted.plugin import IPlugin
from zope.interface import implementer

wsaas = ServiceMaker("WSAAS", "wsaas.tap", "WebSockets as a service: a gateway for plain HTTP backends", "wsaas")


@implementer(IPlugin, IStreamServerEndpointStringParser)
class _TlsParser:
    """The parser of endpoint strings that begin with `wsaas-tls:`."""

    prefix = "wsaas-tls"

    def parseStreamServer(self, reactor: Any, *args: Any, **kwargs: Any) -> IStreamServerEndpoint:
        from wsaas.net.tls_endpoint import endpoint_from

        return endpoint_from(reactor, *args, **kwargs)


tls = _TlsParser()
