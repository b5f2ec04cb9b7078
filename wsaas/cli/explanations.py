"""Explains close codes, HTTP responses and network errors in plain words."""

from __future__ import annotations

import json
from http import HTTPStatus

from OpenSSL import SSL
from twisted.internet import error

from wsaas.cli.address import Address
from wsaas.http_client.exchange import HttpResponse
from wsaas.net.tls_client import CertificateRefused, tls_reason

# RFC 6455, 7.4.1, the IANA registry, and the gateway's own use of the codes (docs/protocol.rst).
CLOSE_CODES = {
    1000: "normal",
    1001: "the server goes away, or the page was left",
    1002: "one end broke the protocol",
    1003: "this kind of data is not accepted",
    1005: "no code was given",
    1006: "the connection was lost, without a Close",
    1007: "a text message was not UTF-8",
    1008: "not allowed: the backend answered 401 or 403, or keeps the client no longer; or the client read too slowly",
    1009: "a message was too big",
    1010: "an extension is missing",
    1011: "an error in the server: its log says more",
    1012: "the gateway restarts: connect again",
    1013: "the backend could not take a message: try again later",
    1014: "a server behind the gateway failed",
    1015: "TLS failed",
    3000: "not authorized",
    3003: "forbidden",
    3008: "it took too long",
}

# By the code in the body of the gateway's own refusals, then by status, for all other responses. The console shows the
# same sentences: wsaas/console/explanations.json is made from these tables (tests.unit.test_console_sentences).
REFUSALS = {
    "ORIGIN_NOT_ALLOWED": "the gateway accepts the origins of ALLOWED_ORIGINS only",
    "UNAUTHORIZED": "the backend answered the connect webhook by 401: credentials are missing or wrong",
    "FORBIDDEN": "the backend answered the connect webhook by 403: it does not let this client in, or its framework "
    "refuses the gateway's POST, as a protection against CSRF does",
    "NOT_FOUND": "the backend answered the connect webhook by 404: look at TARGET_ADDRESS, and at the path",
    "CLOSED": "the connection was closed over the API before it was open",
    "NOT_READY": "the gateway starts or stops, cannot write its journal, or its backend fails: its log says which",
    "UNAVAILABLE": "the gateway cannot reach its backend: look at TARGET_ADDRESS and at the gateway's log",
    "BAD_GATEWAY": 'the backend did not answer the connect webhook by {"code": "OK"}: the gateway\'s log says more',
    "TIMEOUT": "the backend did not answer the connect webhook in time (WEBHOOK_TIMEOUT)",
    "TOO_MANY_CONNECTIONS": "the gateway has no room for more connections (MAX_CONNECTIONS, or its open file limit)",
    "TOO_MANY_FROM_ADDRESS": "too many clients are connected from this address (MAX_CONNECTIONS_PER_ADDRESS)",
    "TOO_FAST": "too many clients connect from this address at once: wait a little",
    "BUSY": "too many clients wait for the backend's answer: wait a little",
}
STATUSES = {
    200: "this is a page, not a WebSocket: look at the path and the port",
    400: "the server does not accept this as a handshake",
    401: "credentials are missing or wrong",
    403: "the server does not accept this client: look at the credentials, and at the Origin",
    404: "no WebSocket is at this path or port, or the gateway's backend said so: look at TARGET_ADDRESS",
    405: "no WebSocket is at this path, or this port is not the one for clients",
    407: "a proxy in between demands credentials",
    408: "the server waited for the request too long",
    421: "this server does not serve this host name",
    426: "the server demands another version or protocol",
    429: "too many requests: wait a little",
    431: "the headers are too long: fewer cookies, a shorter token",
    502: "a proxy cannot reach the server behind it",
    503: "the server is not ready: try again later",
    504: "a proxy waited for the server behind it too long",
    505: "the server, or a proxy before it, does not speak HTTP/1.1 here",
}
_OPTIONS: dict[str | int, str] = {
    "ORIGIN_NOT_ALLOWED": "-H 'Origin: https://app.example'",
    401: "--token TOKEN, user:password@ in the URL, or -H 'Authorization: ...'",
}
"""Options of `wsaas connect` that help, by code or status."""

_REPEATED = "the same webhook is sent again, until MESSAGE_PATIENCE is over"
_AND_A_DELETE = "as the backend may have let it in, a disconnect webhook follows"
ANSWERS: dict[str, dict[str, str]] = {
    "connect": {
        "2xx": "the backend lets the client in",
        "refused": "the backend's answer has another code than OK: the client got 403, with that code",
        "3xx": "redirects are not followed: the client got 502. Set TARGET_ADDRESS to the address that answers itself",
        "4xx": "the client got the same status, with the body of the backend's answer",
        "5xx": "the backend failed: the client got 503, and may try again",
        "502": f"a proxy before the backend failed: the client got 503; {_AND_A_DELETE}",
        "504": f"a proxy before the backend waited too long: the client got 503; {_AND_A_DELETE}",
        "none": "no answer came: the backend is not there (look at TARGET_ADDRESS), or too slow (WEBHOOK_TIMEOUT)",
    },
    "message": {
        "2xx": "the backend has the message",
        "3xx": "redirects are not followed: the message counts as refused, and is not sent again",
        "401": "the backend does not allow the message: the connection is closed with 1008",
        "403": "the backend does not allow the message: the connection is closed with 1008",
        "408": f"the backend had no time for the message: {_REPEATED}",
        "410": "the backend is done with this client: the connection is closed with 1000",
        "425": f"the backend could not take the message yet: {_REPEATED}",
        "429": f"the backend has too much to do: {_REPEATED}",
        "4xx": "the backend refused the message: it is not sent again, and the connection goes on",
        "5xx": f"the backend failed: {_REPEATED}",
        "none": f"no answer came: {_REPEATED}",
        "undelivered": "the backend did not take the message until MESSAGE_PATIENCE was over: the connection is closed "
        "with 1013",
    },
    "refresh": {
        "2xx": "the backend keeps the client",
        "refused": "the backend's answer has another code than OK: the connection is closed",
        "3xx": f"redirects are not followed: {_REPEATED}",
        "408": f"the backend had no time: {_REPEATED}",
        "425": f"the backend could not answer yet: {_REPEATED}",
        "429": f"the backend has too much to do: {_REPEATED}",
        "4xx": "the backend no longer accepts this client: the connection is closed, with 1008 unless the answer has "
        "another code",
        "5xx": f"the backend failed: {_REPEATED}",
        "none": f"no answer came: {_REPEATED}",
        "undelivered": "the backend did not answer until MESSAGE_PATIENCE was over: the connection is closed with 1008",
    },
    "disconnect": {
        "2xx": "the backend knows that the client is gone",
        "404": "the backend does not know this client (any more), which is well",
        "410": "the backend does not know this client (any more), which is well",
        "408": "the backend had no time: the webhook is sent again, until DISCONNECT_PATIENCE is over",
        "425": "the backend could not take the webhook yet: it is sent again, until DISCONNECT_PATIENCE is over",
        "429": "the backend has too much to do: the webhook is sent again, until DISCONNECT_PATIENCE is over",
        "4xx": "the backend refused the disconnect webhook: it is not sent again",
        "3xx": "redirects are not followed: the webhook is sent again, until DISCONNECT_PATIENCE is over",
        "5xx": "the backend failed: the webhook is sent again, until DISCONNECT_PATIENCE is over",
        "none": "no answer came: the webhook is sent again, until DISCONNECT_PATIENCE is over",
        "undelivered": "the backend did not take the webhook until DISCONNECT_PATIENCE was over: it is given up",
    },
}
"""The effect of an answer of the backend, in words: by event, and by status or class of statuses."""

MAX_SHOWN_CHARACTERS = 400
"""Characters shown of a body that is not the gateway's JSON, at most."""


def closed(code: int | None, reason: str | None) -> str:
    """Explain a Close in one line."""
    number = 1005 if code is None else code
    words = CLOSE_CODES.get(number, "")
    said = f" {reason}" if reason else ""
    return f"{number}{said}{f' ({words})' if words else ''}"


def refused(answer: HttpResponse) -> list[str]:
    """Explain an HTTP response other than 101, line by line: status, code and message, the remedy, when to retry."""
    code, message = _code_and_message(answer.body)
    lines = [" ".join([f"{answer.status}", _phrase(answer.status), *([code] if code else [])])]
    if message:
        lines.append(message)
    elif code is None and (text := answer.body[: 4 * MAX_SHOWN_CHARACTERS].decode("utf-8", "replace").strip()):
        lines.append(text if len(text) <= MAX_SHOWN_CHARACTERS else f"{text[:MAX_SHOWN_CHARACTERS]} ...")
    location, retry_after = answer.header(b"location"), answer.header(b"retry-after")
    if location is not None and 300 <= answer.status < 400:
        lines.append(f"the WebSocket may have moved: connect to {location.decode('utf-8', 'replace')}")
    remedy = REFUSALS.get(code or "") or STATUSES.get(answer.status)
    if remedy is not None:
        options = _OPTIONS.get(code or "") or _OPTIONS.get(answer.status)
        lines.append(f"{remedy}: {options}" if options else remedy)
    if retry_after is not None:
        said = retry_after.decode("utf-8", "replace")
        lines.append(f"try again after {said}{' s' if said.isdigit() else ''}")
    return lines


def unreachable(failed: BaseException, address: Address) -> str:
    """Explain in one line why the connection failed, or ended before a response came, and what to do."""
    where = f"{address.host}:{address.port}"
    if isinstance(failed, CertificateRefused):
        flaw = str(failed).removeprefix("certificate verify failed: ")
        if "not for" in flaw:
            return f"the certificate of {where} is for another host name: connect to that name"
        return (
            f"the certificate of {where} cannot be verified: {flaw}. If you trust it, name the certificate of its "
            "authority, or a self-signed certificate itself, by --ca FILE"
        )
    if isinstance(failed, SSL.Error):
        return f"TLS with {where} failed: {tls_reason(failed)}. For a server without TLS write ws: for wss:"
    if isinstance(failed, error.ConnectionRefusedError):
        return f"no server listens at {where}: is the server running, and is this its port?"
    if isinstance(failed, error.DNSLookupError):
        return f"no host is named {address.host}"
    if isinstance(failed, error.TimeoutError | error.TCPTimedOutError):
        return f"{where} did not answer in time: a firewall may block it, or the address is wrong"
    if isinstance(failed, error.NoRouteError):
        return f"no route leads to {where}"
    if isinstance(failed, error.ConnectionDone | error.ConnectionLost):
        other = "ws: for wss:" if address.secure else "wss: for ws:, if it speaks TLS"
        return f"{where} ended the connection without an answer: it may be no WebSocket server; or write {other}"
    return f"{where}: {failed or type(failed).__name__}"


def sentences() -> dict[str, object]:
    """Return the tables as the console reads them: its file explanations.json."""
    return {
        "close_codes": {str(code): words for code, words in CLOSE_CODES.items()},
        "refusals": REFUSALS,
        "statuses": {str(status): words for status, words in STATUSES.items()},
        "answers": ANSWERS,
    }


def _code_and_message(body: bytes) -> tuple[str | None, str | None]:
    """Return `code` and `message` of a body that is a JSON object, each None unless it is a string."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return None, None
    if not isinstance(fields, dict):
        return None, None
    code, message = fields.get("code"), fields.get("message")
    return (code if isinstance(code, str) else None), (message if isinstance(message, str) else None)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "(an unknown status)"
