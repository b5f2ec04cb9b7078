"""The events of a Lambda proxy integration, in the shape that API Gateway gives them to handlers of a WebSocket API."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from wsaas.lambda_backend.routes import CONNECT, DISCONNECT
from wsaas.lambda_backend.state import State

API_ID = "wsaas"
"""The `apiId` of every event: handlers may log it, and it names nothing here."""
ABNORMAL = 1006
"""The code of a connection that ended without a Close frame."""
_MAX_PARAMETERS = 500
MAX_USER_AGENT = 512
_SPELT = {"sec-websocket-protocol": "Sec-WebSocket-Protocol", "dnt": "DNT", "te": "TE", "etag": "ETag"}
Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Webhook:
    """The part of a webhook that its event is made of. `at` is the moment in milliseconds since the epoch."""

    connection_id: str
    webhook_id: str
    at: int
    authorization: str | None = None
    cookie: str | None = None


def connect_state(told: Mapping[str, Any], at: int) -> State:
    """Return the state of a connection, from the body of its connect webhook.

    The gateway repeats no header of over 8 KiB, and any stranger's User-Agent may be longer than that: the state has
    the first MAX_USER_AGENT characters of it.
    """
    headers = told.get("headers") or {}
    domain = urlsplit(str(told.get("ws_uri", ""))).netloc or "localhost"
    return State(at, str(told.get("remote_address", "")), str(headers.get("user-agent", ""))[:MAX_USER_AGENT], domain)


def connect_event(webhook: Webhook, told: Mapping[str, Any], state: State, stage: str) -> Event:
    """Return the CONNECT event of a connect webhook with the body `told`."""
    headers = {"Host": state.domain_name}
    headers |= {title(name): str(value) for name, value in (told.get("headers") or {}).items()}
    origin, subprotocols = told.get("origin"), told.get("subprotocols")
    for name, value in (
        ("Origin", origin),
        ("Sec-WebSocket-Protocol", ", ".join(subprotocols) if subprotocols else None),
        ("Authorization", webhook.authorization),
        ("Cookie", webhook.cookie),
        ("X-Forwarded-For", state.source_ip),
    ):
        if value is not None:
            headers[name] = value
    event: Event = {"headers": headers, "multiValueHeaders": {name: [value] for name, value in headers.items()}}
    pairs = _parameters(str(told.get("query") or ""))
    if pairs:
        values: dict[str, list[str]] = {}
        for name, value in pairs:
            values.setdefault(name, []).append(value)
        event["queryStringParameters"] = dict(pairs)
        event["multiValueQueryStringParameters"] = values
    context = _context(webhook, state, stage, CONNECT, "CONNECT")
    return {**event, "requestContext": context, "isBase64Encoded": False}


def _parameters(query: str) -> list[tuple[str, str]]:
    """Return names and values of a query: _MAX_PARAMETERS of them, and none of what any stranger adds behind those."""
    return parse_qsl("&".join(query.split("&", _MAX_PARAMETERS)[:_MAX_PARAMETERS]), keep_blank_values=True)


def message_event(webhook: Webhook, state: State, stage: str, route_key: str, body: bytes, binary: bool) -> Event:
    """Return the MESSAGE event of a client's message. A binary one, which API Gateway does not have, is in base64."""
    context = _context(webhook, state, stage, route_key, "MESSAGE")
    context["messageId"] = _token(webhook.webhook_id, "message")
    text = base64.b64encode(body).decode("ascii") if binary else body.decode(errors="replace")
    return {"requestContext": context, "body": text, "isBase64Encoded": binary}


def disconnect_event(webhook: Webhook, told: Mapping[str, Any], state: State, stage: str) -> Event:
    """Return the DISCONNECT event of a disconnect webhook with the body `told`."""
    headers = {"Host": state.domain_name, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""}
    context = _context(webhook, state, stage, DISCONNECT, "DISCONNECT")
    code = told.get("close_code")
    context["disconnectStatusCode"] = code if isinstance(code, int) else ABNORMAL
    context["disconnectReason"] = str(told.get("close_reason") or "")
    return {
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "requestContext": context,
        "isBase64Encoded": False,
    }


def request_id(webhook_id: str) -> str:
    """Return the id of a request. It is the same for a webhook that is sent again."""
    return _token(webhook_id, "request")


def title(name: str) -> str:
    """Return a header's name as handlers look it up: Sec-WebSocket-Protocol, User-Agent."""
    return _SPELT.get(name) or "-".join(part.capitalize() for part in name.split("-"))


def header(headers: object, name: str) -> str | None:
    """Return a header of a handler's result, whatever the case of its name; the first of several values."""
    if not isinstance(headers, Mapping):
        return None
    for each, value in headers.items():
        if str(each).lower() == name.lower():
            first = value[0] if isinstance(value, Sequence) and not isinstance(value, str) and value else value
            return str(first)
    return None


def _context(webhook: Webhook, state: State, stage: str, route_key: str, kind: str) -> Event:
    identity = {"sourceIp": state.source_ip}
    if state.user_agent:
        identity["userAgent"] = state.user_agent
    id = request_id(webhook.webhook_id)
    at = datetime.fromtimestamp(webhook.at / 1000, UTC)
    return {
        "routeKey": route_key,
        "eventType": kind,
        "extendedRequestId": id,
        "requestTime": f"{at.day:02}/{_MONTHS[at.month - 1]}/{at:%Y:%H:%M:%S} +0000",
        "messageDirection": "IN",
        "stage": stage,
        "connectedAt": state.connected_at,
        "requestTimeEpoch": webhook.at,
        "identity": identity,
        "requestId": id,
        "domainName": state.domain_name,
        "connectionId": webhook.connection_id,
        "apiId": API_ID,
    }


_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def _token(webhook_id: str, kind: str) -> str:
    """Return an id in the form of API Gateway's: 15 characters and an equals sign."""
    return base64.b64encode(hashlib.sha256(f"{kind} {webhook_id}".encode()).digest()[:11]).decode("ascii")
