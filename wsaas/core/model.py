"""The values that a connection is made of: messages, the handshake, its bounds.

All values of core/ are frozen. Sizes are bytes, durations are seconds, moments are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wsaas.core.values import value


@value
class Frame:
    """One whole message, in either direction: its bytes, and whether it is binary or text (RFC 6455, 5.6)."""

    payload: bytes
    binary: bool


@value
class Messages:
    """Several messages that came together. `length` is the bytes of their payloads, `binary` counts the binary ones."""

    frames: list[Frame]
    length: int
    binary: int


@value
class Handshake:
    """A client's request to connect (RFC 6455, 4.1).

    `headers` has lower-case names and the values as ISO 8859-1 text, for the backend to read; credentials, cookies and
    the WebSocket machinery are not among them. `repeated` goes out with every webhook of this connection: the
    Authorization header exactly as it came and those named by FORWARD_HEADERS, as (name, value) bytes. `trace_id`
    is the trace that the client began, 32 hex digits, or None. `party` names the clients that are counted as one with
    this client where the backend fails, or is busy.
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
        """The part of the handshake that is needed while the connection is open."""
        agent = self.headers.get("user-agent")
        headers = {"user-agent": agent} if agent is not None else _NO_HEADERS
        return Handshake(self.path, "", None, self.remote_address, headers=headers, party=self.party)


_NO_HEADERS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one connection, in bytes; `batch` is the number of messages that one webhook may have."""

    max_message_size: int
    receive_buffer: int
    send_buffer: int
    batch: int = 1


def is_text(payload: bytes) -> bool:
    """Say if a payload is UTF-8, as that of a text message must be (RFC 6455, 8.1)."""
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True
