"""The values that travel through the gateway: what a client does, what the backend answers, what the API asks.

inbound:   Handshake -> Opened -> ConnectOutcome;  Frame -> Received -> MessageOutcome;  Closed -> DisconnectOutcome
outbound:  Frame -> Pushed

All of them are frozen. Sizes are bytes, durations are seconds, moments are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from wsaas.core.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole message, in either direction: its bytes, and whether it is binary or text (RFC 6455, 5.6)."""

    payload: bytes
    binary: bool


@dataclass(frozen=True, slots=True)
class Handshake:
    """A client's request to connect (RFC 6455, 4.1).

    `headers` has lower-case names and the values as ISO 8859-1 text, for the backend to read; credentials, cookies and
    the WebSocket machinery are not among them. `repeated` goes out with every webhook of this connection: the
    Authorization header exactly as it came and those named by FORWARD_HEADERS, as (name, value) bytes. `trace_id`
    is the trace that the client began, 32 hex digits, or None. `party` names those who are counted as one with this
    client where the backend fails, or is busy.
    """

    path: str
    query: str
    origin: str | None
    remote_address: str
    subprotocols: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    repeated: tuple[tuple[bytes, bytes], ...] = ()
    trace_id: str | None = None
    party: str = ""

    @property
    def remembered(self) -> Handshake:
        """The part that is still needed once the connection is open."""
        agent = self.headers.get("user-agent")
        headers = {"user-agent": agent} if agent is not None else _NO_HEADERS
        return Handshake(self.path, "", None, self.remote_address, headers=headers, party=self.party)


_NO_HEADERS: Mapping[str, str] = {}


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


class CloseCode:
    """Close codes the gateway itself uses (RFC 6455, 7.4, and the IANA registry)."""

    NORMAL = 1000
    NO_STATUS = 1005
    ABNORMAL = 1006
    INVALID_PAYLOAD = 1007
    POLICY = 1008
    TOO_BIG = 1009
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013


# Events: what the backend is told. Each becomes one webhook.


@dataclass(frozen=True, slots=True)
class Opened:
    """A client asks to connect: POST."""

    handshake: Handshake


@dataclass(frozen=True, slots=True)
class Received:
    """A client sent a message: PUT. `sequence` counts the connection's messages from 1."""

    sequence: int
    frame: Frame


@dataclass(frozen=True, slots=True)
class Closed:
    """A connection is over: DELETE. `lost_messages` were read from the client and never taken by the backend."""

    cause: Cause
    code: int
    reason: str
    clean: bool
    lost_messages: int = 0


Event = Opened | Received | Closed


# Outcomes: what came of telling the backend.


@dataclass(frozen=True, slots=True)
class Accepted:
    """The backend said OK to a connect. `headers` are repeated on every later webhook of the connection."""

    subprotocol: str | None = None
    groups: tuple[str, ...] = ()
    headers: tuple[tuple[bytes, bytes], ...] = ()

    def repeated_with(self, repeated: tuple[tuple[bytes, bytes], ...]) -> tuple[tuple[bytes, bytes], ...]:
        """The headers that were repeated so far and these; one of these replaces one of the same name, in any case."""
        if not self.headers:
            return repeated
        names = {name.lower() for name, _ in self.headers}
        return (*(header for header in repeated if header[0].lower() not in names), *self.headers)


@dataclass(frozen=True, slots=True)
class Refused:
    """The client may not connect, and the backend knows of no connection: refuse the client and forget it."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Indeterminate:
    """The backend may have accepted, but its answer never came or made no sense: refuse, and tell it of the end."""

    refusal: Refusal


ConnectOutcome = Accepted | Refused | Indeterminate


@dataclass(frozen=True, slots=True)
class Delivered:
    """The backend has seen the message (and perhaps refused it: that is its affair). `reply` goes to the client."""

    reply: Frame | None = None


@dataclass(frozen=True, slots=True)
class CloseRequested:
    """The backend wants the connection closed, with this close code."""

    code: int


@dataclass(frozen=True, slots=True)
class Undelivered:
    """The message could not be delivered while patience lasted."""


MessageOutcome = Delivered | CloseRequested | Undelivered


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The disconnect was answered, or given up: either way there is nothing more to say."""


Outcome = ConnectOutcome | MessageOutcome | Acknowledged


class Pushed(Enum):
    """The fate of a push that was taken."""

    SENT = "sent"
    QUEUED = "queued"


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one connection, in bytes."""

    max_message_size: int
    receive_buffer: int
    send_buffer: int


@dataclass(frozen=True, slots=True)
class Record:
    """The part of a connection that the journal keeps: all that its disconnect webhook will need after a crash.

    `closed` is set once the connection has ended and its DELETE is on the way.
    """

    id: str
    connected_at: float
    repeated: tuple[tuple[bytes, bytes], ...]
    trace_id: str
    closed: Closed | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of a live connection, as the API tells them. Moments are seconds since the epoch."""

    id: str
    connecting: bool
    connected_at: float
    last_active_at: float
    remote_address: str
    path: str
    user_agent: str
    subprotocol: str | None
    groups: tuple[str, ...]
    messages_in: int
    bytes_in: int
    messages_out: int
    bytes_out: int
    bytes_waiting_in: int
    bytes_waiting_out: int
