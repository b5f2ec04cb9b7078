"""The surroundings of a client's connection: all that it is given, so that it need not know its factory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.interfaces import IReactorTime

from wsaas.clients.admission import AdmissionSlot
from wsaas.clients.frames import Encoder
from wsaas.clients.handshake.policy import HandshakePolicy
from wsaas.clients.keepalive import Keepalive
from wsaas.core.gateway import Gateway
from wsaas.core.interfaces import SessionInput
from wsaas.core.refusal import RefusalReason


class OwnedConnection(Protocol):
    """A connection as its owner sees it."""

    transport: Any
    visit: AdmissionSlot


class ConnectionOwner(Protocol):
    """The factory as a connection sees it. A connection tells it how far it has come, each step once."""

    def head_received(self, connection: OwnedConnection) -> None:
        """Hear that the head of the handshake is there: the client is not to blame any more if it takes longer."""

    def session_over(self, connection: OwnedConnection) -> None:
        """Hear that the session is over, while the transport may still have something for the client to take."""

    def gone(self, connection: OwnedConnection) -> None:
        """Hear that the transport is closed, too: nothing is left of the connection."""

    def log_rejection(self, address: str, reason: RefusalReason) -> None:
        """Log that a client at this address was refused for want of room."""


@dataclass(frozen=True, slots=True)
class ConnectionContext:
    """The same for all connections of one factory.

    Timeouts are in seconds by `clock`; `wall_clock()` is in seconds since the epoch. A `ws_timeout` of 0 turns the
    keepalive off. `message_rate` is in frames a second, 0 for no limit; `send_buffer` is in bytes a connection.
    `direct_fds` is for the fan-out (see `DirectFanOut`).
    """

    clock: IReactorTime
    wall_clock: Callable[[], float]
    gateway: Gateway
    policy: HandshakePolicy
    keepalive: Keepalive
    owner: ConnectionOwner
    encoder: Encoder
    direct_fds: dict[SessionInput, int]
    ws_timeout: float
    handshake_timeout: float
    message_rate: int
    send_buffer: int
    compression: bool
