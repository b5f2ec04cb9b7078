"""Results of handlers: what they mean for the client."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twisted.python.reflect import safe_str

from wsaas.lambda_backend.events import header
from wsaas.lambda_backend.targets import HandlerFailed

FORBIDDEN = "Forbidden"
FAILED = "Internal server error"


@dataclass(frozen=True, slots=True)
class Reply:
    """A message to the client."""

    payload: bytes
    binary: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to a connect: `status` is 200 for a client that is let in, else that of the refusal."""

    status: int
    subprotocol: str | None = None
    body: bytes = b""
    media_type: str | None = None


def decision_of(result: Any) -> Decision:
    """Return what the result of a $connect handler decides. Raises HandlerFailed for one that decides nothing.

    No result at all lets the client in. What is neither 2xx nor 4xx refuses it, too.
    """
    if result is None:
        return Decision(200)
    status = result.get("statusCode", 200) if isinstance(result, Mapping) else None
    if isinstance(status, str) and status.isdecimal():
        status = int(status)
    if not isinstance(result, Mapping) or not isinstance(status, int):
        raise HandlerFailed(f"the result of $connect is no object with a statusCode: {safe_str(result)[:200]}")
    headers = _headers(result, "multiValueHeaders") | _headers(result, "headers")
    if 200 <= status < 300:
        return Decision(200, header(headers, "Sec-WebSocket-Protocol"))
    if not 400 <= status < 500:
        return Decision(500)
    reply = reply_of(result)
    return Decision(status, None, b"" if reply is None else reply.payload, header(headers, "Content-Type"))


def _headers(result: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the headers that a result has under this name. Raises HandlerFailed if they are none."""
    headers = result.get(name) or {}
    if not isinstance(headers, Mapping):
        raise HandlerFailed(f"{name} of the result is no object, but {type(headers).__name__}")
    return {str(each): value for each, value in headers.items() if value is not None}


def reply_of(result: Any) -> Reply | None:
    """Return the message in a result's body, None if it has none. Raises HandlerFailed for a body that is no text."""
    body = result.get("body") if isinstance(result, Mapping) else None
    if body is None or body == "":
        return None
    if not isinstance(body, str):
        raise HandlerFailed(f"the body of the result is no string, but {type(body).__name__}: use json.dumps")
    if not result.get("isBase64Encoded"):
        return Reply(body.encode(errors="replace"), False)
    try:
        return Reply(base64.b64decode(body, validate=True), True)
    except (binascii.Error, ValueError):
        raise HandlerFailed("isBase64Encoded is true, and the body is not base64") from None


def error_reply(message: str, connection_id: str, request_id: str) -> Reply:
    """Return the message that tells a client of an error, in the form of API Gateway's."""
    told = {"message": message, "connectionId": connection_id, "requestId": request_id}
    return Reply(json.dumps(told).encode("ascii"), False)
