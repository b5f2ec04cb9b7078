"""The HTTP answers to a handshake: the 101, and those to one that does not become a WebSocket."""

from __future__ import annotations

import hashlib
import json
from binascii import b2a_base64
from collections.abc import Iterable, Mapping
from dataclasses import replace
from http import HTTPStatus

from wsaas.clients.handshake.request_head import END
from wsaas.core.refusal import Refusal, RefusalReason
from wsaas.net.handshake_response import HandshakeResponse

MESSAGES: Mapping[str, str] = {
    "BAD_GATEWAY": "the backend's answer to the connect never came whole or makes no sense, and the gateway's log says "
    "which: try again, and tell those who run the backend",
    "BUSY": "very many clients wait for the backend's answer: connect again after the seconds of Retry-After",
    "CLOSED": "the backend closed the connection before it was open: connect again if you still want to",
    "FORBIDDEN": "the backend answered 403 to the connect: it does not want this client, or its framework wants no "
    "POST from the gateway (CSRF guards do that)",
    "NOT_FOUND": "the backend answered 404 to the connect: what the client asks for is not there, or TARGET_ADDRESS "
    "leads to a path that the backend does not have",
    "NOT_READY": "the gateway starts, stops, cannot keep its journal, or waits for its backend: connect again after "
    "the seconds of Retry-After",
    "ORIGIN_NOT_ALLOWED": "pages of this origin may not connect: add the origin to ALLOWED_ORIGINS if it is yours",
    "REFUSED": "the backend refused the connect with this status: it knows why",
    "TIMEOUT": "the backend did not answer the connect within WEBHOOK_TIMEOUT: try again, and tell those who run it",
    "TOO_FAST": "too many connections a second from this address (CONNECT_RATE): connect again after the seconds of "
    "Retry-After, and leave connections open",
    "TOO_MANY_CONNECTIONS": "no room for more clients (MAX_CONNECTIONS): connect again after the seconds of "
    "Retry-After",
    "TOO_MANY_FROM_ADDRESS": "no room for more clients from this address (MAX_CONNECTIONS_PER_ADDRESS): close another "
    "connection first, or connect again after the seconds of Retry-After",
    "TOO_MANY_REQUESTS": "the backend answered 429 to the connect: connect again later, after the seconds of "
    "Retry-After if it is there",
    "UNAUTHORIZED": "the backend answered 401 to the connect: connect with credentials, in Authorization or as "
    "AUTH_QUERY and AUTH_SUBPROTOCOL say",
    "UNAVAILABLE": "the backend cannot be reached, or fails: connect again after the seconds of Retry-After",
}
"""The remedy for each code of a refusal, for the client. A request that is no handshake gets its own text."""

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

NO_HANDSHAKE: dict[int, tuple[str, tuple[tuple[bytes, bytes], ...]]] = {
    408: ("HANDSHAKE_TIMEOUT", ()),
    405: ("METHOD_NOT_ALLOWED", ((b"allow", b"GET"),)),
    426: ("UPGRADE_REQUIRED", ((b"upgrade", b"websocket"),)),
    431: ("HEADERS_TOO_LARGE", ()),
    505: ("HTTP_VERSION_NOT_SUPPORTED", ()),
}


RESPONSES: Mapping[RefusalReason, HandshakeResponse] = {
    RefusalReason.NOT_READY: HandshakeResponse(503, "NOT_READY", ((b"retry-after", b"1"),)),
    RefusalReason.JOURNAL_UNAVAILABLE: HandshakeResponse(503, "NOT_READY", ((b"retry-after", b"5"),)),
    RefusalReason.BACKEND_AWAY: HandshakeResponse(503, "NOT_READY", ((b"retry-after", b"5"),)),
    RefusalReason.CLOSED_BY_API: HandshakeResponse(403, "CLOSED"),
    RefusalReason.ORIGIN_NOT_ALLOWED: HandshakeResponse(403, "ORIGIN_NOT_ALLOWED"),
    RefusalReason.TOO_MANY_CONNECTIONS: HandshakeResponse(503, "TOO_MANY_CONNECTIONS"),
    RefusalReason.TOO_MANY_FROM_ADDRESS: HandshakeResponse(503, "TOO_MANY_FROM_ADDRESS"),
    RefusalReason.TOO_FAST: HandshakeResponse(503, "TOO_FAST"),
    RefusalReason.BUSY: HandshakeResponse(503, "BUSY"),
}
"""The gateway's own responses. To other reasons the response is the backend's, and comes with the refusal."""


def switching(key: str, subprotocol: str | None) -> bytes:
    """Return the answer that opens the connection (RFC 6455, 4.2.2)."""
    proof = b2a_base64(hashlib.sha1((key + _GUID).encode()).digest(), newline=False)
    selected = b"" if subprotocol is None else b"Sec-WebSocket-Protocol: %b\r\n" % subprotocol.encode()
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
        b"%bSec-WebSocket-Accept: %b\r\n\r\n" % (selected, proof)
    )


def with_headers(answer: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """Return the 101 with more headers behind its own."""
    lines = b"".join([b"%b: %b\r\n" % header for header in headers])
    return answer[: -len(b"\r\n")] + lines + b"\r\n"


def response_to(refusal: Refusal) -> HandshakeResponse:
    """Return the response to a handshake that is refused."""
    response = refusal.response if isinstance(refusal.response, HandshakeResponse) else RESPONSES[refusal.reason]
    if refusal.retry_after is None:
        return response
    return replace(response, headers=((b"retry-after", b"%d" % refusal.retry_after),))


def message_of(response: HandshakeResponse) -> str:
    """Return the remedy for a client that is refused; nothing for a code of the backend's own, which stands alone."""
    return "" if response.foreign else MESSAGES.get(response.code, "")


def malformed(status: int, headers: Iterable[tuple[str, str]] = ()) -> HandshakeResponse:
    """Return the response to a request that is no handshake."""
    code, known = NO_HANDSHAKE.get(status, ("BAD_REQUEST", ()))
    extra = tuple((name.encode(), value.encode()) for name, value in headers)
    return HandshakeResponse(status, code, known + extra)


def serialize(response: HandshakeResponse, message: str, *, body_wanted: bool = True) -> bytes:
    """Return the whole answer to a handshake that fails; a body of the backend's own replaces ours.

    The message may quote the request, and stands in the JSON only.
    """
    if response.body:
        return _whole(response.status, response.body, response.headers, body_wanted)
    body = {"code": response.code}
    if message:
        body["message"] = message
    return _answer(response.status, body, response.headers, body_wanted)


def _answer(status: int, body: dict[str, str], headers: tuple[tuple[bytes, bytes], ...], body_wanted: bool) -> bytes:
    """Return a whole answer with a JSON object, as `_whole`."""
    content = json.dumps(body).encode() + b"\n"
    return _whole(status, content, (*headers, (b"content-type", b"application/json")), body_wanted)


def _whole(status: int, content: bytes, headers: tuple[tuple[bytes, bytes], ...], body_wanted: bool) -> bytes:
    """Return a whole answer, after which the connection closes; without its body for a HEAD (RFC 9110, 9.3.2).

    The status line has no words of the backend.
    """
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Refused"
    lines = [b"HTTP/1.1 %d %b" % (status, phrase.encode())]
    lines += [b"%b: %b" % (name.title(), value) for name, value in headers]
    lines += [b"Content-Length: %d" % len(content), b"Connection: close"]
    return b"\r\n".join(lines) + END + (content if body_wanted else b"")
