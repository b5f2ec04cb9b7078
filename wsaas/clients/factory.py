"""Accepts clients, and sets Autobahn up for a public port."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory
from autobahn.websocket.compress import PerMessageDeflateOffer, PerMessageDeflateOfferAccept
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.logger import Logger, LogLevel

from wsaas.clients.admission import Admission
from wsaas.clients.backpressure import Backpressure
from wsaas.clients.connection import ClientConnection
from wsaas.clients.context import (
    CloseFastPath,
    ConnectionContext,
    FrameFastPath,
    HeadFastPath,
    MessageFastPath,
    MessagesFastPath,
    OwnedConnection,
    ScanFastPath,
)
from wsaas.clients.deadlines import Deadlines
from wsaas.clients.frames import SMALL, Encoder, measure, take_only, take_several
from wsaas.clients.handshake.fast_path import read_common, scan
from wsaas.clients.handshake.pending import PendingHandshakes
from wsaas.clients.handshake.policy import HandshakePolicy
from wsaas.clients.keepalive import Keepalive
from wsaas.clients.lingering_close import LOOK
from wsaas.clients.progress import unacknowledged
from wsaas.core.gateway import Gateway
from wsaas.core.refusal import RefusalReason
from wsaas.internals.autobahn import NO_KEY, AutobahnCodec, frame_protocol
from wsaas.net.reject import RejectedConnection
from wsaas.telemetry.log_limit import LogLimit

_log = Logger()


def _deflate(offers: list[Any]) -> Any:
    """Accept the first permessage-deflate offer, without memory kept between messages (RFC 7692)."""
    for offer in offers:
        if isinstance(offer, PerMessageDeflateOffer):
            return PerMessageDeflateOfferAccept(offer, no_context_takeover=True, mem_level=4)
    return None


class ClientFactory(WebSocketServerFactory):
    """Makes the connections of one gateway's clients. It is a factory of Autobahn's, for the codecs that they need.

    `ws_timeout` is in seconds, 0 turns the keepalive off; `message_rate` is in frames a second, 0 for no limit.
    `wall_clock()` is the time in seconds since the epoch; for `passed_since` see ConnectionContext. None instead of a
    fast path switches it off.

    Bound: as many connections as admission has slots.
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
        passed_since: Callable[[float], float] | None = None,
        scan_fast_path: ScanFastPath | None = scan,
        head_fast_path: HeadFastPath | None = read_common,
        frame_fast_path: FrameFastPath | None = measure,
        close_fast_path: CloseFastPath | None = None,
        message_fast_path: MessageFastPath | None = take_only,
        messages_fast_path: MessagesFastPath | None = take_several,
    ) -> None:
        super().__init__(reactor=clock, server="")
        self.admission = admission
        self.keepalive = Keepalive(clock, ws_timeout)
        self.backpressure = Backpressure()
        self._connections: set[OwnedConnection] = set()
        self._leaving: set[OwnedConnection] = set()
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
        self.protocol = frame_protocol(self)
        self.context = ConnectionContext(
            clock=clock,
            seconds=clock.seconds,
            wall_clock=wall_clock,
            passed_since=passed_since or (lambda moment: clock.seconds() - moment),
            gateway=gateway,
            policy=policy,
            pending=PendingHandshakes(clock, handshake_timeout),
            keepalive=self.keepalive,
            owner=self,
            encoder=Encoder(),
            make_codec=self._make_codec,
            looks=Deadlines(clock, LOOK, lambda lingering: lingering.look()),
            scan_fast_path=scan_fast_path,
            head_fast_path=head_fast_path,
            frame_fast_path=frame_fast_path,
            close_fast_path=close_fast_path,
            # These two take messages of up to SMALL bytes without a look at the limit.
            message_fast_path=message_fast_path if max_message_size >= SMALL else None,
            messages_fast_path=messages_fast_path if max_message_size >= SMALL else None,
            ws_timeout=ws_timeout,
            handshake_timeout=handshake_timeout,
            max_message_size=max_message_size,
            message_rate=message_rate,
            send_buffer=send_buffer,
            compression=compression,
            backpressure=self.backpressure,
        )

    def buildProtocol(self, addr: IAddress | None) -> Any:
        if self.admission.full:
            self.context.pending.make_room()
        slot = self.admission.acquire()
        host: str | None = None if addr is None else getattr(addr, "host", "")
        if slot is None:
            self.log_rejection(host or "", RefusalReason.TOO_MANY_CONNECTIONS)
            return RejectedConnection()
        connection = ClientConnection(self.context, slot, host)
        self._connections.add(connection)
        return connection

    def _make_codec(self, key: str = NO_KEY, subprotocol: str | None = None, offer: str | None = None) -> AutobahnCodec:
        """Make Autobahn's side of one connection, whose protocol is of this factory."""
        return AutobahnCodec(super().buildProtocol(None), key, subprotocol, offer)

    def session_over(self, connection: OwnedConnection) -> None:
        """Keep a client in mind whose session is over, as something may still wait for it."""
        self._leaving.add(connection)

    @property
    def owes(self) -> bool:
        """Return True while a client whose session is over has not taken all that was written to it."""
        return any(unacknowledged(connection.transport) for connection in self._leaving)

    def gone(self, connection: OwnedConnection) -> None:
        self._connections.discard(connection)
        self._leaving.discard(connection)

    @property
    def handshaking(self) -> bool:
        """Say if the request head of any client has not come yet."""
        return bool(self.context.pending)

    def log_rejection(self, address: str, reason: RefusalReason) -> None:
        """Log that a client was refused for want of room: one line for many of a kind."""
        self._log_limit.emit(
            _log,
            LogLevel.warn,
            reason.name,
            "turning clients away, {code}: {count} so far, the last from {client}",
            code=reason.name,
            count=self.admission.refused[reason],
            client=address,
        )
