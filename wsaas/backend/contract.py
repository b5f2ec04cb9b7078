"""How events become webhooks.

    Opened    POST    {TARGET_ADDRESS}/{id}   JSON: who wants to connect         webhook-id {id}_0_connect
    Received  PUT     {TARGET_ADDRESS}/{id}   the message's bytes, as they are   webhook-id {id}_{n}_message, n from 1
    Closed    DELETE  {TARGET_ADDRESS}/{id}   JSON: why it ended                 webhook-id {id}_0_disconnect

Of connect and disconnect there is one each in a connection's life; their sequence is always 0, so that a DELETE which
is sent again after a crash carries the same webhook-id. What the backend answers is read in `answers`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from wsaas.backend.signing import sign
from wsaas.gateway.model import Closed, Event, Opened, Received
from wsaas.gateway.session import Session

# An answer's body beyond this is not read: a decision about a connection is short. A reply to a message may be as long
# as a message.
MAX_DECISION = 65536


@dataclass(frozen=True, slots=True)
class Webhook:
    """One HTTP request, less what the connection adds. Of the answer's body `limit` bytes are read."""

    method: bytes
    id: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    limit: int

    @property
    def head(self) -> bytes:
        """The headers as lines that end in CRLF each."""
        return b"".join([b"%b: %b\r\n" % header for header in self.headers])


def iso8601(moment: float) -> str:
    """Seconds since the epoch as UTC with milliseconds, such as 2026-11-23T10:00:00.000Z."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Contract:
    """Turns events into webhooks.

    `now()` is the time in seconds since the epoch and `below(n)` a random number from 0 to n - 1, for span ids.
    """

    def __init__(
        self,
        *,
        local_address: str,
        ws_timeout: float,
        message_content_type: str,
        max_message_size: int,
        secrets: Sequence[bytes],
        now: Callable[[], float],
        below: Callable[[int], int],
    ) -> None:
        self._local_address = local_address
        self._timeout = round(ws_timeout * 1000)
        self._text = message_content_type.encode("latin-1")
        self._max_message_size = max_message_size
        self._secrets = secrets
        self._now = now
        self._below = below

    def webhook(self, session: Session, event: Event) -> Webhook:
        """The request that tells `event`; timestamp, span and signature are those of this try."""
        match event:
            case Received(sequence, frame):
                content_type = b"application/octet-stream" if frame.binary else self._text
                return self._webhook(session, b"PUT", sequence, "message", content_type, frame.payload)
            case Opened():
                return self._webhook(session, b"POST", 0, "connect", b"application/json", self._hello(session))
            case Closed():
                body = self._farewell(session, event)
                return self._webhook(session, b"DELETE", 0, "disconnect", b"application/json", body)

    def _webhook(
        self, session: Session, method: bytes, sequence: int, event: str, content_type: bytes, body: bytes
    ) -> Webhook:
        webhook_id = f"{session.id}_{sequence}_{event}"
        timestamp = int(self._now())
        headers = (
            *session.repeated,
            (b"Content-Type", content_type),
            (b"WSAAS-Event", event.encode()),
            (b"WSAAS-Connection-Id", session.id.encode()),
            (b"webhook-id", webhook_id.encode()),
            (b"webhook-timestamp", b"%d" % timestamp),
            (b"traceparent", b"00-%b-%016x-01" % (session.trace_id.encode(), 1 + self._below(2**64 - 1))),
        )
        if self._secrets:
            headers += ((b"webhook-signature", sign(self._secrets, webhook_id, timestamp, body)),)
        limit = self._max_message_size if method == b"PUT" else MAX_DECISION
        return Webhook(method, session.id, headers, body, limit)

    def _hello(self, session: Session) -> bytes:
        handshake = session.handshake
        return _json(
            code="NEW_CONNECTION",
            ws_uri=f"{self._local_address}/{session.id}",
            timeout=self._timeout,
            id=session.id,
            path=handshake.path,
            query=handshake.query,
            origin=handshake.origin,
            remote_address=handshake.remote_address,
            subprotocols=handshake.subprotocols,
            headers=dict(handshake.headers),
        )

    def _farewell(self, session: Session, closed: Closed) -> bytes:
        return _json(
            code="CONNECTION_CLOSE",
            ws_uri=f"{self._local_address}/{session.id}",
            id=session.id,
            cause=closed.cause.value,
            close_code=closed.code,
            close_reason=closed.reason,
            clean=closed.clean,
            connected_at=iso8601(session.connected_at),
            lost_messages=closed.lost_messages,
        )


def _json(**members: object) -> bytes:
    return json.dumps(members).encode()
