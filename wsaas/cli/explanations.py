"""Explains close codes, HTTP responses and network errors in plain words."""

from __future__ import annotations

import json
from http import HTTPStatus

from OpenSSL import SSL
from twisted.internet import error

from wsaas.cli.address import Address
from wsaas.cli.sentences import CLOSE_CODES, INSTEAD_OF_OK, REFUSALS, STATUSES
from wsaas.http_client.exchange import HttpResponse
from wsaas.net.tls_client import CertificateRefused, tls_reason

_OPTIONS: dict[str | int, str] = {
    "ORIGIN_NOT_ALLOWED": "-H 'Origin: https://app.example'",
    401: "--token TOKEN, user:password@ in the URL, or -H 'Authorization: ...'",
}
"""Options of `wsaas connect` that help, by code or status."""

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
    if answer.status == 403 and code and not message and code not in REFUSALS:
        remedy = INSTEAD_OF_OK
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
