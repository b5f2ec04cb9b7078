"""The gateway's own HTTP client, put together for a trial."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from zope.interface import implementer

from wsaas.backend.sender import PoolSender
from wsaas.http_client.pool import Pool
from wsaas.http_client.target import Target
from wsaas.net.tls_client import ClientFiles


@implementer(IStreamClientEndpoint)
class CountingEndpoint:
    """An endpoint that counts the connections that it is asked for."""

    def __init__(self, endpoint: IStreamClientEndpoint) -> None:
        self._endpoint = endpoint
        self.opened = 0

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect: IStreamClientEndpoint."""
        self.opened += 1
        return self._endpoint.connect(protocolFactory)


class Caller:
    """Sends webhooks to one address, as a gateway does. ValueError, naming the setting, if the address is none."""

    def __init__(self, reactor: Any, address: str, files: ClientFiles, timeout: float, concurrency: int) -> None:
        target = Target.from_address(reactor, address, files)
        self.address = target.url
        self._endpoint = CountingEndpoint(target.endpoint)
        self._pool = Pool(reactor, self._endpoint, target.host, max_idle=concurrency)
        self.sender = PoolSender(self._pool, target, timeout)

    def opened(self) -> int:
        """Return the number of connections to the backend so far."""
        return self._endpoint.opened

    def close(self) -> Deferred[None]:
        """Close all connections."""
        return self._pool.close()
