"""The events of a connection that the backend is told of, one webhook for each, and the ways in which it may end.

Handshake -> Opened -> ConnectOutcome;  Frame -> Received or Batch -> MessageOutcome;  Closed -> Acknowledged
Refresh -> RefreshOutcome
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from sys import maxsize
from typing import ClassVar

from wsaas.core.model import Frame, Handshake
from wsaas.core.values import value


class EventKind(Enum):
    """The kinds of events; the value is the word by which the backend and the log know it."""

    CONNECT = "connect"
    MESSAGE = "message"
    REFRESH = "refresh"
    DISCONNECT = "disconnect"

    __hash__ = object.__hash__  # Enum's own is a call of Python, and kinds are keys at each message


class Cause(Enum):
    """Why a connection ended; the value is the word that the disconnect webhook says."""

    CLIENT = "client"
    NETWORK = "network"
    TIMEOUT = "timeout"
    API = "api"
    BACKEND = "backend"
    UNDELIVERED = "undelivered"
    TOO_SLOW = "too_slow"
    TOO_BIG = "too_big"
    PROTOCOL_ERROR = "protocol_error"
    DRAIN = "drain"
    RESTART = "restart"
    UNKNOWN_CONNECT = "unknown_connect"
    EXPIRED = "expired"

    __hash__ = object.__hash__  # as that of EventKind: each end is counted by its cause


class CloseCode:
    """The close codes that the gateway's own code names (RFC 6455, 7.4, and the IANA registry).

    NO_STATUS and ABNORMAL are told to the backend, and never sent. A code that has no name here passes through: one of
    the API's or of the client's, and the 1002 that `clients/slow_frames.py` has from Autobahn.
    """

    NORMAL = 1000
    NO_STATUS = 1005
    ABNORMAL = 1006
    INVALID_PAYLOAD = 1007
    POLICY = 1008
    TOO_BIG = 1009
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013


def may_be_asked_for(code: int) -> bool:
    """Say if the API, or an answer of the backend, may name this close code for a client (RFC 6455, 7.4.2)."""
    return code == CloseCode.NORMAL or 3000 <= code <= 4999


@value
class Opened:
    """A client asks to connect: POST."""

    kind: ClassVar[EventKind] = EventKind.CONNECT
    handshake: Handshake


@value
class Received:
    """A client sent a message: PUT. `sequence` counts the connection's messages from 1."""

    kind: ClassVar[EventKind] = EventKind.MESSAGE
    sequence: int
    frame: Frame


@value
class Batch:
    """A client sent these messages, one or more, in this order: one PUT (WEBHOOK_BATCH).

    `longest` is the number of bytes that each of the replies may have.
    """

    kind: ClassVar[EventKind] = EventKind.MESSAGE
    messages: tuple[Received, ...]
    longest: int = field(default=maxsize, compare=False)


@dataclass(frozen=True, slots=True)
class Refresh:
    """The time for which the backend accepted a connection is over: POST.

    `sequence` counts the connection's refreshes from 1; `expired_at` is the moment at which the time was over.
    """

    kind: ClassVar[EventKind] = EventKind.REFRESH
    sequence: int
    expired_at: float


@value
class Closed:
    """A connection is over: DELETE. `lost_messages` were read from the client and never taken by the backend.

    `at` is the moment at which the client was gone, None if that is not known.
    """

    kind: ClassVar[EventKind] = EventKind.DISCONNECT
    cause: Cause
    code: int
    reason: str
    clean: bool
    lost_messages: int = 0
    at: float | None = None


Event = Opened | Received | Batch | Refresh | Closed
