"""What twistd reads to know `twistd wsaas` and `wsaas-tls:`; the rest is imported once it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.service import ServiceMaker
from twisted.internet.interfaces import IStreamServerEndpoint, IStreamServerEndpointStringParser
from twisted.plugin import IPlugin
from zope.interface import implementer


class _Maker(ServiceMaker):
    """The gateway's ServiceMaker. No signal ends the process any more once it is asked for its options: to import them
    takes a while.
    """

    @property
    def options(self) -> Callable[[], Any]:
        from wsaas.internals.signals import Signals
        from wsaas.internals.standard_streams import open_standard_streams

        def options() -> Any:
            open_standard_streams()
            signals = Signals()
            signals.hold()
            from wsaas.tap import Options

            made = Options()
            made.signals = signals
            return made

        return options


wsaas = _Maker("WSAAS", "wsaas.tap", "WebSockets as a service: a gateway for plain HTTP backends", "wsaas")


@implementer(IPlugin, IStreamServerEndpointStringParser)
class _TlsParser:
    """The parser of endpoint strings that begin with `wsaas-tls:`."""

    prefix = "wsaas-tls"

    def parseStreamServer(self, reactor: Any, *args: Any, **kwargs: Any) -> IStreamServerEndpoint:
        from wsaas.net.tls_endpoint import endpoint_from

        return endpoint_from(reactor, *args, **kwargs)


tls = _TlsParser()
