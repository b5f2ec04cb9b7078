"""Turns events into webhooks.

    Opened    POST    {TARGET_ADDRESS}/{id}   JSON: the new connection          webhook-id {id}_0_connect
    Received  PUT     {TARGET_ADDRESS}/{id}   the message's bytes, as they are   webhook-id {id}_{n}_message, n from 1
    Batch     PUT     {TARGET_ADDRESS}/{id}   JSON: the messages                 webhook-id {id}_{n}_messages
    Refresh   POST    {TARGET_ADDRESS}/{id}   JSON: the time is over             webhook-id {id}_{n}_refresh, n from 1
    Closed    DELETE  {TARGET_ADDRESS}/{id}   JSON: cause and code               webhook-id {id}_0_disconnect

Of connect and disconnect there is one each in a connection's life; their sequence is always 0, so that a DELETE which
is sent again after a crash carries the same webhook-id. The module `responses` reads the backend's answers.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring
from json.encoder import encode_basestring_ascii as quoted

from wsaas.backend.signing import sign
from wsaas.core.events import Batch, Closed, Event, EventKind, Opened, Received, Refresh
from wsaas.core.identity import Identity
from wsaas.core.timestamps import iso8601
from wsaas.http_client.exchange import Timing

# An answer's body beyond this is not read: a decision about a connection is short. A reply to a message may be as long
# as a message.
MAX_DECISION = 65536
MESSAGES_PER_BATCH_ANSWER = 2
"""Messages of MAX_MESSAGE_SIZE for which the answer to a batch has room beside the rest. JSON makes a reply longer: by
a third in base64, and by an escape for each quotation mark.
"""
_CONNECT = EventKind.CONNECT.value.encode()
_MESSAGE = EventKind.MESSAGE.value.encode()
_MESSAGES = b"messages"
_REFRESH = EventKind.REFRESH.value.encode()
_DISCONNECT = EventKind.DISCONNECT.value.encode()

# JSON as json.dumps writes it, at half the cost: only what a client or the backend chose needs to be `quoted`.
_CONNECT_BODY = (
    '{"code": "NEW_CONNECTION", "ws_uri": %s%s", "timeout": %d, "id": "%s", "path": %s, "query": %s, "origin": %s,'
    ' "remote_address": %s, "subprotocols": [%s], "headers": {%s}}'
)
_REFRESH_BODY = '{"code": "REFRESH", "ws_uri": %s%s", "id": "%s", "expired_at": "%s"}'
_DISCONNECT_BODY = (
    '{"code": "CONNECTION_CLOSE", "ws_uri": %s%s", "id": "%s", "cause": "%s", "close_code": %d, "close_reason": %s,'
    ' "clean": %s, "connected_at": "%s", "lost_messages": %d}'
)


_NEXT_MESSAGE = ', {"webhook_id": "'


def batch_answer_limit(max_message_size: int) -> int:
    """Return how many bytes of the body of an answer to a batch are read."""
    return MESSAGES_PER_BATCH_ANSWER * max_message_size + MAX_DECISION


@dataclass(slots=True)
class Webhook:
    """One HTTP request, without what the pool adds. Of the answer's body `limit` bytes are read.

    `head` is header lines that end in CRLF each. `timing` is there while an observer wants to know the times.
    """

    method: bytes
    id: bytes
    head: bytes
    body: bytes
    limit: int
    timing: Timing | None = None

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the head as names and values."""
        lines = (line.partition(b": ") for line in self.head.split(b"\r\n")[:-1])
        return [(name, value) for name, _, value in lines]


@dataclass(slots=True)
class Notes:
    """The beginning of all webhooks of a connection, kept with its session until its `repeated` headers change."""

    head: bytes
    webhook_id: bytes


class Contract:
    """Turns events into webhooks.

    `wall_clock()` is the time in seconds since the epoch and `bits(n)` a random number of n bits, for span ids.
    """

    def __init__(
        self,
        *,
        local_address: str,
        ws_timeout: float,
        message_content_type: str,
        max_message_size: int,
        secrets: Sequence[bytes],
        user_agent: str,
        wall_clock: Callable[[], float],
        bits: Callable[[int], int],
    ) -> None:
        self._ws_uri = quoted(f"{local_address}/")[:-1]
        self._timeout = round(ws_timeout * 1000)
        self._text = message_content_type.encode("latin-1")
        self._max_message_size = max_message_size
        self._secrets = secrets
        self._own = {
            b"user-agent": b"User-Agent: %b\r\n" % user_agent.encode("latin-1"),
            b"accept": b"Accept: */*\r\n",
        }
        """The gateway's own lines that a repeated header of the same (lower-case) name replaces."""
        self._own_lines = b"".join(self._own.values())
        self._wall_clock = wall_clock
        self._bits = bits

    def webhook(self, session: Identity, event: Event) -> Webhook:
        """Return the webhook of `event`. Its timestamp, span and signature are those of this try.

        Events are asked about in this order since nearly all messages take the fast path.
        """
        match event:
            case Opened():
                return self._webhook(session, b"POST", 0, _CONNECT, b"application/json", self._connect_body(session))
            case Closed():
                body = self._disconnect_body(session, event)
                return self._webhook(session, b"DELETE", 0, _DISCONNECT, b"application/json", body)
            case Received():
                frame = event.frame
                content_type = b"application/octet-stream" if frame.binary else self._text
                return self._webhook(session, b"PUT", event.sequence, _MESSAGE, content_type, frame.payload)
            case Batch(messages):
                body = _batch_body(session.id, messages)
                return self._webhook(session, b"PUT", messages[0].sequence, _MESSAGES, b"application/json", body)
            case Refresh(sequence, expired_at):
                text = _REFRESH_BODY % (self._ws_uri, session.id, session.id, iso8601(expired_at))
                return self._webhook(session, b"POST", sequence, _REFRESH, b"application/json", text.encode("ascii"))

    def message_form(self, path: bytes, after_path: bytes, event: bytes = _MESSAGE) -> bytes:
        """Return the form for `message`, for a path without the id and for what the HTTP client puts behind it; or, for
        the event `messages`, the one for `batch`.
        """
        signature = b"webhook-signature: %b\r\n" if self._secrets else b"%b"
        return (
            b"PUT %b%%b%b%%d\r\n" % (path.replace(b"%", b"%%"), after_path.replace(b"%", b"%%"))
            + b"%b%016x-01\r\nContent-Type: %b\r\nWSAAS-Event: message\r\nwebhook-id: %b_%d_message\r\n".replace(
                b"message\r", event + b"\r"
            )
            + b"webhook-timestamp: %d\r\n%b\r\n%b".replace(b"%b", signature, 1)
        )

    def message(self, session: Identity, event: Received, form: bytes) -> bytes:
        """Return the whole request that the HTTP client makes of a message's webhook (`message_form`).

        Fast path: as `webhook` and `Pool.exchange`, in one step.
        """
        notes: Notes = session.backend_notes or self._notes(session)
        frame, id = event.frame, notes.webhook_id
        payload, timestamp, secrets = frame.payload, int(self._wall_clock()), self._secrets
        signature = sign(secrets, b"%b_%d_message" % (id, event.sequence), timestamp, payload) if secrets else b""
        return form % (
            id,
            len(payload),
            notes.head,
            1 + self._bits(63),
            b"application/octet-stream" if frame.binary else self._text,
            id,
            event.sequence,
            timestamp,
            signature,
            payload,
        )

    def batch(self, session: Identity, event: Batch, form: bytes) -> bytes:
        """Return the whole request that the HTTP client makes of a batch's webhook (`message_form`).

        Fast path: as `message`, for a batch.
        """
        notes: Notes = session.backend_notes or self._notes(session)
        id, sequence = notes.webhook_id, event.messages[0].sequence
        body, timestamp, secrets = _batch_body(session.id, event.messages), int(self._wall_clock()), self._secrets
        signature = sign(secrets, b"%b_%d_messages" % (id, sequence), timestamp, body) if secrets else b""
        return form % (
            id,
            len(body),
            notes.head,
            1 + self._bits(63),
            b"application/json",
            id,
            sequence,
            timestamp,
            signature,
            body,
        )

    def _webhook(
        self, session: Identity, method: bytes, sequence: int, event: bytes, content_type: bytes, body: bytes
    ) -> Webhook:
        notes: Notes = session.backend_notes or self._notes(session)
        timestamp = int(self._wall_clock())
        head = (
            b"%b%016x-01\r\nContent-Type: %b\r\nWSAAS-Event: %b\r\nwebhook-id: %b_%d_%b\r\nwebhook-timestamp: %d\r\n"
            % (
                notes.head,
                1 + self._bits(63),
                content_type,
                event,
                notes.webhook_id,
                sequence,
                event,
                timestamp,
            )
        )
        if self._secrets:
            signature = sign(self._secrets, b"%b_%d_%b" % (notes.webhook_id, sequence, event), timestamp, body)
            head += b"webhook-signature: %b\r\n" % signature
        limit = self._max_message_size if method == b"PUT" else MAX_DECISION
        if event is _MESSAGES:
            limit = batch_answer_limit(limit)
        return Webhook(method, notes.webhook_id, head, body, limit)

    def _notes(self, session: Identity) -> Notes:
        repeated, id = session.repeated, session.id.encode()
        own = self._own_lines
        if repeated:
            replaced = {name.lower() for name, _ in repeated}
            lines = [line for name, line in self._own.items() if name not in replaced]
            own = b"".join(lines + [b"%b: %b\r\n" % header for header in repeated])
        head = b"%bWSAAS-Connection-Id: %b\r\ntraceparent: 00-%b-" % (own, id, session.trace_id.encode())
        notes = session.backend_notes = Notes(head, id)
        return notes

    def _connect_body(self, session: Identity) -> bytes:
        handshake, id = session.handshake, session.id
        text = _CONNECT_BODY % (
            self._ws_uri,
            id,
            self._timeout,
            id,
            quoted(handshake.path),
            quoted(handshake.query),
            "null" if handshake.origin is None else quoted(handshake.origin),
            quoted(handshake.remote_address),
            ", ".join(map(quoted, handshake.subprotocols)),
            ", ".join([f"{quoted(name)}: {quoted(value)}" for name, value in handshake.headers.items()]),
        )
        return text.encode("ascii")

    def _disconnect_body(self, session: Identity, closed: Closed) -> bytes:
        id = session.id
        text = _DISCONNECT_BODY % (
            self._ws_uri,
            id,
            id,
            closed.cause.value,
            closed.code,
            quoted(closed.reason),
            "true" if closed.clean else "false",
            iso8601(session.connected_at),
            closed.lost_messages,
        )
        return text.encode("ascii")


def _batch_body(id: str, messages: Sequence[Received]) -> bytes:
    texts = [
        f'{id}_{message.sequence}_message", "text": {encode_basestring(message.frame.payload.decode())}}}'
        if not message.frame.binary
        else f'{id}_{message.sequence}_message", "binary": "{b64encode(message.frame.payload).decode("ascii")}"}}'
        for message in messages
    ]
    return f'{{"messages": [{{"webhook_id": "{_NEXT_MESSAGE.join(texts)}]}}'.encode()
