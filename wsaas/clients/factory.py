"""Makes the clients' protocols, with Autobahn set up for a public port."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory
from autobahn.websocket.compress import PerMessageDeflateOffer, PerMessageDeflateOfferAccept
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.logger import Logger, LogLevel

from wsaas.clients.admission import FULL, Admission
from wsaas.clients.closing import Closing
from wsaas.clients.connection import ClientProtocol
from wsaas.clients.frames import Encoder
from wsaas.clients.handshake.opening import Opening
from wsaas.clients.handshake.policy import HandshakePolicy
from wsaas.clients.keepalive import Keepalive
from wsaas.clients.progress import unacknowledged
from wsaas.core.gateway import Gateway
from wsaas.core.model import Refused
from wsaas.internals.autobahn import initial_values, take_registered_close_codes
from wsaas.net.reject import RejectedConnection
from wsaas.telemetry.log_limit import LogLimit

_log = Logger()

PATIENCE = 1.0
"""Seconds after which a handshake that is not there yet gives up its place, if a newcomer would have none."""


def _deflate(offers: list[Any]) -> Any:
    """Accept the first permessage-deflate offer, without memory kept between messages (RFC 7692)."""
    for offer in offers:
        if isinstance(offer, PerMessageDeflateOffer):
            return PerMessageDeflateOfferAccept(offer, no_context_takeover=True, mem_level=4)
    return None


class ClientFactory(WebSocketServerFactory):
    """Accepts clients for one gateway.

    `ws_timeout` is in seconds, 0 turns the keepalive off; `message_rate` is in frames a second, 0 for no limit.
    `wall_clock()` is the time in seconds since the epoch.
    """

    noisy = False

    def __init__(
        self,
        clock: IReactorTime,
        gateway: Gateway,
        entrance: HandshakePolicy,
        admission: Admission,
        *,
        ws_timeout: float,
        handshake_timeout: float,
        max_message_size: int,
        message_rate: int,
        send_buffer: int,
        compression: bool,
        wall_clock: Callable[[], float],
    ) -> None:
        super().__init__(reactor=clock, server="")
        self.clock = clock
        self.gateway = gateway
        self.entrance = entrance
        self.admission = admission
        self.ws_timeout = ws_timeout
        self.handshake_timeout = handshake_timeout
        self.message_rate = message_rate
        self.send_buffer = send_buffer
        self.compression = compression
        self.wall_clock = wall_clock
        self.encoder = Encoder()
        self.keepalive = Keepalive(clock, ws_timeout)
        self._connections: set[Closing] = set()
        self._leaving: set[Closing] = set()
        self._opening: dict[Opening, float] = {}
        self._log_limit = LogLimit(clock)
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
        take_registered_close_codes()
        self._protocol = self._settled_protocol()

    def _settled_protocol(self) -> type[ClientProtocol]:
        """A protocol class that has Autobahn's settings as its own, so that they are not copied to each connection."""
        values = {name: getattr(self, name) for name in ClientProtocol.CONFIG_ATTRS}
        values["perMessageCompressionAccept"] = staticmethod(values["perMessageCompressionAccept"])
        return type(
            "ClientProtocol",
            (ClientProtocol,),
            {**initial_values(), **values, "CONFIG_ATTRS": [], "trackTimings": False},
        )

    def buildProtocol(self, addr: IAddress | None) -> Any:
        now = self.clock.seconds()
        if self.admission.full:
            self._make_room(now)
        visit = self.admission.enter()
        if visit is None:
            self.tell_turned_away(getattr(addr, "host", ""), Refused(503, FULL))
            return RejectedConnection()
        protocol = self._protocol()
        protocol.factory = self
        protocol.visit = visit
        self._connections.add(protocol)
        self._opening[protocol] = now
        return protocol

    def _make_room(self, now: float) -> None:
        """The handshake that takes longest goes: whoever opens connections and says nothing keeps nobody out."""
        slowest = next(iter(self._opening), None)
        if slowest is not None and now - self._opening[slowest] >= PATIENCE:
            self._forget(slowest)
            slowest.transport.abortConnection()

    def asked(self, protocol: Opening) -> None:
        """Note that the request head is complete: the connection is no longer a candidate for eviction."""
        self._opening.pop(protocol, None)

    def opened(self, protocol: ClientProtocol) -> None:
        self.keepalive.add(protocol)

    def leaving(self, protocol: Closing) -> None:
        """Remember a client whose session is over: it may still have something to take."""
        self._leaving.add(protocol)

    @property
    def owes(self) -> bool:
        """Say whether any client whose session is over has still something to take."""
        return any(unacknowledged(protocol.transport) for protocol in self._leaving)

    def gone(self, protocol: Closing) -> None:
        self.keepalive.remove(protocol)
        self._connections.discard(protocol)
        self._leaving.discard(protocol)
        self._forget(protocol)

    def _forget(self, protocol: Opening) -> None:
        self._opening.pop(protocol, None)
        protocol.visit.leave()

    def tell_turned_away(self, address: str, refusal: Refused) -> None:
        """Log that a client was refused for want of room, but not each one."""
        self._log_limit.emit(
            _log,
            LogLevel.warn,
            refusal.code,
            "turning clients away, {code}: {count} so far, the last from {address}",
            code=refusal.code,
            count=self.admission.turned_away[refusal.code],
            address=address,
        )
