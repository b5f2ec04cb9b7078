"""The surroundings of a client's connection: all that it is given, so that it need not know its factory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.interfaces import IReactorTime

from wsaas.clients.backpressure import Backpressure
from wsaas.clients.deadlines import Deadlines
from wsaas.clients.frames import Encoder
from wsaas.clients.handshake.pending import PendingHandshakes
from wsaas.clients.handshake.policy import HandshakePolicy
from wsaas.clients.handshake.request_head import RequestHead
from wsaas.clients.keepalive import Keepalive
from wsaas.core.gateway import Gateway
from wsaas.core.model import Frame, Messages
from wsaas.core.refusal import RefusalReason
from wsaas.internals.autobahn import AutobahnCodec
from wsaas.internals.end_of_turn import Ending


class OwnedConnection(Protocol):
    """A connection as its owner sees it."""

    transport: Any


class Lingering(Protocol):
    """A connection that ends, as the timer of all those sees it."""

    def look(self) -> None:
        """Look at its client; see `LingeringClose`."""


class ConnectionOwner(Protocol):
    """The factory as a connection sees it. Each connection makes each call at most once, beside the log."""

    def session_over(self, connection: OwnedConnection) -> None:
        """Hear that the session is over, while the transport may still have something for the client to take."""

    def gone(self, connection: OwnedConnection) -> None:
        """Hear that the transport is closed, too: nothing is left of the connection."""

    def log_rejection(self, address: str, reason: RefusalReason) -> None:
        """Log that a client at this address was refused for want of room."""


class MakeCodec(Protocol):
    """Makes Autobahn's side of a connection; see AutobahnCodec."""

    def __call__(self, key: str = ..., subprotocol: str | None = None, offer: str | None = None) -> AutobahnCodec: ...


ScanFastPath = Callable[[bytes], RequestHead | None]
"""As `handshake.fast_path.scan`."""
HeadFastPath = Callable[[RequestHead, bool], tuple[str, tuple[str, ...], str | None] | None]
"""As `handshake.fast_path.read_common`."""
FrameFastPath = Callable[[bytes, int], tuple[int, int] | None]
"""As `frames.measure`."""
CloseFastPath = Callable[[Any, bytes], Ending]
"""As `EndOfTurn.close`."""
MessageFastPath = Callable[[bytes], Frame | None]
"""As `frames.take_only`."""
MessagesFastPath = Callable[[bytes, int, int], tuple[Messages, int] | None]
"""As `frames.take_several`."""


@dataclass(frozen=True, slots=True)
class ConnectionContext:
    """The same for all connections of one factory.

    Timeouts are in seconds by `clock`, whose time `seconds()` is as well; `wall_clock()` is in seconds since the epoch.
    `passed_since(moment)` is the seconds since a moment of the clock, pauses of the process included.
    A `ws_timeout` of 0 turns the keepalive off. `message_rate` is in frames a second, 0 for no limit;
    `max_message_size` and, for a connection, `send_buffer` are in bytes. None instead of a fast path switches it off.
    """

    clock: IReactorTime
    seconds: Callable[[], float]
    wall_clock: Callable[[], float]
    passed_since: Callable[[float], float]
    gateway: Gateway
    policy: HandshakePolicy
    pending: PendingHandshakes
    keepalive: Keepalive
    owner: ConnectionOwner
    encoder: Encoder
    make_codec: MakeCodec
    looks: Deadlines[Lingering]
    scan_fast_path: ScanFastPath | None
    head_fast_path: HeadFastPath | None
    frame_fast_path: FrameFastPath | None
    close_fast_path: CloseFastPath | None
    message_fast_path: MessageFastPath | None
    messages_fast_path: MessagesFastPath | None
    ws_timeout: float
    handshake_timeout: float
    max_message_size: int
    message_rate: int
    send_buffer: int
    compression: bool
    backpressure: Backpressure
