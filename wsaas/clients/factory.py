"""Makes the clients' protocols, with Autobahn set up for a public port."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory
from autobahn.websocket.compress import PerMessageDeflateOffer, PerMessageDeflateOfferAccept
from twisted.internet.interfaces import IAddress, IReactorTime

from wsaas.clients.keepalive import Keepalive
from wsaas.clients.protocol import ClientProtocol
from wsaas.gateway.gateway import Gateway


def _deflate(offers: list[Any]) -> Any:
    """Accept the first permessage-deflate offer, without memory kept between messages (RFC 7692)."""
    for offer in offers:
        if isinstance(offer, PerMessageDeflateOffer):
            return PerMessageDeflateOfferAccept(offer, no_context_takeover=True, mem_level=4)
    return None


class ClientFactory(WebSocketServerFactory):
    """Accepts clients for one gateway.

    `allowed_origins` are serialised origins (RFC 6454, 6.2) in lower case without default ports; empty allows any.
    `ws_timeout` is in seconds, 0 turns the keepalive off. `now()` is the time in seconds since the epoch.
    """

    noisy = False

    def __init__(
        self,
        clock: IReactorTime,
        gateway: Gateway,
        *,
        ws_timeout: float,
        max_message_size: int,
        send_buffer: int,
        compression: bool,
        allowed_origins: tuple[str, ...],
        forward_headers: tuple[str, ...],
        now: Callable[[], float],
    ) -> None:
        super().__init__(reactor=clock, server="")
        self.clock = clock
        self.gateway = gateway
        self.ws_timeout = ws_timeout
        self.send_buffer = send_buffer
        self.now = now
        self.keepalive = Keepalive(clock, ws_timeout)
        self.forward_headers = frozenset(name.encode() for name in forward_headers) | {b"authorization"}
        self._allowed_origins = frozenset(allowed_origins)
        self._connections: set[ClientProtocol] = set()
        self.setProtocolOptions(
            versions=[13],
            webStatus=False,
            failByDrop=False,
            echoCloseCodeReason=True,
            openHandshakeTimeout=0,
            closeHandshakeTimeout=0,
            maxMessagePayloadSize=max_message_size,
            allowNullOrigin=True,
            perMessageCompressionAccept=_deflate if compression else None,
        )
        self._protocol = self._settled_protocol()

    def _settled_protocol(self) -> type[ClientProtocol]:
        """A protocol class that has Autobahn's settings as its own, so that they are not copied to each connection."""
        values = {name: getattr(self, name) for name in ClientProtocol.CONFIG_ATTRS}
        values["perMessageCompressionAccept"] = staticmethod(values["perMessageCompressionAccept"])
        return type("ClientProtocol", (ClientProtocol,), {**values, "CONFIG_ATTRS": [], "trackTimings": False})

    def buildProtocol(self, addr: IAddress | None) -> Any:
        protocol = self._protocol()
        protocol.factory = self
        self._connections.add(protocol)
        return protocol

    def gone(self, protocol: ClientProtocol) -> None:
        self._connections.discard(protocol)

    def allows_origin(self, origin: str | None) -> bool:
        """Whether a browser page of this origin may connect; who sends none is no browser."""
        return not self._allowed_origins or origin is None or _normal(origin) in self._allowed_origins


def _normal(origin: str) -> str:
    origin = origin.lower()
    for scheme, port in (("http://", ":80"), ("https://", ":443")):
        if origin.startswith(scheme):
            return origin.removesuffix(port)
    return origin
