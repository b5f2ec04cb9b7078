"""The HTTP answers of a handshake that does not become a WebSocket."""

from __future__ import annotations

import json
from collections.abc import Iterable
from http import HTTPStatus

from wsaas.clients.handshake.request_head import END

_ANSWERS: dict[int, tuple[str, tuple[tuple[bytes, bytes], ...]]] = {
    405: ("METHOD_NOT_ALLOWED", ((b"allow", b"GET"),)),
    426: ("UPGRADE_REQUIRED", ((b"upgrade", b"websocket"),)),
    431: ("HEADERS_TOO_LARGE", ()),
    505: ("HTTP_VERSION_NOT_SUPPORTED", ()),
}


def refused(status: int, body: dict[str, str], headers: tuple[tuple[bytes, bytes], ...] = ()) -> bytes:
    """A whole answer, after which the connection closes. The status line has our own words only."""
    content = json.dumps(body).encode() + b"\n"
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Refused"
    lines = [b"HTTP/1.1 %d %b" % (status, phrase.encode())]
    lines += [b"%b: %b" % (name.title(), value) for name, value in headers]
    lines += [b"Content-Type: application/json", b"Content-Length: %d" % len(content), b"Connection: close"]
    return b"\r\n".join(lines) + END + content


def malformed(status: int, reason: str, headers: Iterable[tuple[str, str]] = ()) -> bytes:
    """The answer to a request that is no handshake; `reason` may quote it, and stays in the JSON."""
    code, known = _ANSWERS.get(status, ("BAD_REQUEST", ()))
    extra = tuple((name.encode(), value.encode()) for name, value in headers)
    return refused(status, {"code": code, "message": reason[:200]}, known + extra)
