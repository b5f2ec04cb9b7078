"""Makes the clients' protocols, with Autobahn set up for a public port."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory
from autobahn.websocket.compress import PerMessageDeflateOffer, PerMessageDeflateOfferAccept
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.logger import Logger, LogLevel

from wsaas.clients.admission import Admission
from wsaas.clients.connection import ClientProtocol
from wsaas.clients.context import ConnectionContext, OwnedConnection
from wsaas.clients.fanout import DirectFanOut
from wsaas.clients.frames import Encoder
from wsaas.clients.handshake.policy import HandshakePolicy
from wsaas.clients.keepalive import Keepalive
from wsaas.clients.progress import unacknowledged
from wsaas.core.gateway import Gateway
from wsaas.core.refusal import RefusalReason
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
        policy: HandshakePolicy,
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
        self.admission = admission
        self.keepalive = Keepalive(clock, ws_timeout)
        self.fan_out = DirectFanOut()
        self._clock = clock
        self._connections: set[OwnedConnection] = set()
        self._leaving: set[OwnedConnection] = set()
        self._opening: dict[OwnedConnection, float] = {}
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
        self.context = ConnectionContext(
            clock=clock,
            wall_clock=wall_clock,
            gateway=gateway,
            policy=policy,
            keepalive=self.keepalive,
            owner=self,
            encoder=Encoder(),
            direct_fds=self.fan_out.direct_fds,
            ws_timeout=ws_timeout,
            handshake_timeout=handshake_timeout,
            message_rate=message_rate,
            send_buffer=send_buffer,
            compression=compression,
        )
        self._protocol = self._settled_protocol()

    def _settled_protocol(self) -> type[ClientProtocol]:
        """Make a protocol class that has the context and Autobahn's settings as its own, which are then not copied to
        each connection.
        """
        values = {name: getattr(self, name) for name in ClientProtocol.CONFIG_ATTRS}
        values["perMessageCompressionAccept"] = staticmethod(values["perMessageCompressionAccept"])
        return type(
            "ClientProtocol",
            (ClientProtocol,),
            {**initial_values(), **values, "context": self.context, "CONFIG_ATTRS": [], "trackTimings": False},
        )

    def buildProtocol(self, addr: IAddress | None) -> Any:
        now = self._clock.seconds()
        if self.admission.full:
            self._make_room(now)
        visit = self.admission.enter()
        if visit is None:
            self.log_rejection(getattr(addr, "host", ""), RefusalReason.TOO_MANY_CONNECTIONS)
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

    def head_received(self, connection: OwnedConnection) -> None:
        """Note that the request head is complete: the connection is no longer a candidate for eviction."""
        self._opening.pop(connection, None)

    def session_over(self, connection: OwnedConnection) -> None:
        """Remember a client whose session is over: it may still have something to take."""
        self._leaving.add(connection)

    @property
    def owes(self) -> bool:
        """Say whether any client whose session is over has still something to take."""
        return any(unacknowledged(connection.transport) for connection in self._leaving)

    def gone(self, connection: OwnedConnection) -> None:
        self._connections.discard(connection)
        self._leaving.discard(connection)
        self._forget(connection)

    def _forget(self, connection: OwnedConnection) -> None:
        self._opening.pop(connection, None)
        connection.visit.leave()

    def log_rejection(self, address: str, reason: RefusalReason) -> None:
        """Log that a client was refused for want of room, but not each one."""
        self._log_limit.emit(
            _log,
            LogLevel.warn,
            reason.name,
            "turning clients away, {code}: {count} so far, the last from {address}",
            code=reason.name,
            count=self.admission.turned_away[reason],
            address=address,
        )
