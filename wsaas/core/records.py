"""The descriptions of a connection that leave core/: the journal's record, and the facts that the API tells."""

from __future__ import annotations

from dataclasses import dataclass

from wsaas.core.events import Closed
from wsaas.core.values import value


@value
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
