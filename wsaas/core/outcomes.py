"""The outcomes of telling the backend of an event."""

from __future__ import annotations

from dataclasses import dataclass

from wsaas.core.events import CloseCode
from wsaas.core.model import Frame
from wsaas.core.refusal import Refusal
from wsaas.core.streams import ReplyStream
from wsaas.core.values import value


@value
class Accepted:
    """The backend said OK to a connect. `headers` are repeated on every later webhook of the connection.

    `response_headers` are for the client, as it is let in. `expires_in` is the seconds after which the backend is asked
    again, None for never.
    """

    subprotocol: str | None = None
    groups: tuple[str, ...] = ()
    headers: tuple[tuple[bytes, bytes], ...] = ()
    response_headers: tuple[tuple[bytes, bytes], ...] = ()
    expires_in: float | None = None


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
    """The backend has taken the message, or refused this one message. `reply` goes to the client, then `further`.

    Of a batch it has taken the first `taken` messages, at least one; None for all of them. A `stream` is a reply that
    the backend is still writing.
    """

    reply: Frame | None = None
    further: tuple[Frame, ...] = ()
    taken: int | None = None
    stream: ReplyStream | None = None


@dataclass(frozen=True, slots=True)
class CloseRequested:
    """The backend wants the connection closed, with this close code."""

    code: int


@dataclass(frozen=True, slots=True)
class Undelivered:
    """The message could not be delivered while patience lasted."""


MessageOutcome = Delivered | CloseRequested | Undelivered


@dataclass(frozen=True, slots=True)
class Kept:
    """The backend keeps a connection whose time was over. `headers` are repeated as those of Accepted are.

    `expires_in` is the seconds after which it is asked again, None for never.
    """

    headers: tuple[tuple[bytes, bytes], ...] = ()
    expires_in: float | None = None


@dataclass(frozen=True, slots=True)
class Expired:
    """The backend keeps the connection no longer, or did not say that it does while patience lasted."""

    code: int = CloseCode.POLICY
    reason: str = ""


RefreshOutcome = Kept | Expired


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The disconnect was answered, or given up: nothing is left to say of the connection."""


Outcome = ConnectOutcome | MessageOutcome | RefreshOutcome | Acknowledged
