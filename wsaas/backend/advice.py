"""Advice for the log: the remedy for a webhook that was answered otherwise than it should be, or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

from wsaas.http_client.exchange import Fault, HttpResponse, NotSent, TimedOut
from wsaas.telemetry.webhooks import METHODS

MAX_SHOWN = 200
"""Characters of the backend's text that one line shows."""
OURS = frozenset(
    {"BAD_REQUEST", "HOST_NOT_ALLOWED", "METHOD_NOT_ALLOWED", "NOT_FOUND", "UNAUTHORIZED", "UPGRADE_REQUIRED"}
)
"""Codes of the gateway's own answers to a webhook that is sent to the gateway itself."""

_NOT_UNDERSTOOD = (400, 415, 422)
_WRONG_ROUTE = frozenset({400, 404, 405, 411, 413, 414, 415, 422})
_GUARD = "if all get this, look for a CSRF guard or a firewall before the route (Django: csrf_exempt)"
_OF_STATUS: Mapping[int, str] = {
    401: "if all get this, the route wants credentials of its own; it gets the client's Authorization as it came",
    403: _GUARD,
    404: "TARGET_ADDRESS must lead to the backend's route, which gets {method} {url}",
    405: "the backend's route must take {method}",
    408: "the backend, or a proxy before it, did not get the request in time",
    413: "the backend, or a proxy before it, must take bodies of MAX_MESSAGE_SIZE",
    429: "the backend, or a proxy before it, wants fewer webhooks: see WEBHOOK_CONCURRENCY, and its own limits",
    502: "a proxy before the backend said so: is the backend running? The proxy's log says why",
    503: "the backend, or a proxy before it, is not ready; its log says why",
    504: "a proxy before the backend got no answer in time: the handler is slow, or hangs",
}
_OF_CAUSE = (
    ("connection refused", "nothing listens there: is the backend running, and is TARGET_ADDRESS right?"),
    ("unknown host name", "is the name in TARGET_ADDRESS right, and can this machine look it up?"),
    ("TLS: wrong version number", "the backend speaks no TLS at that port: should TARGET_ADDRESS begin with http://?"),
    ("TLS", "see TARGET_CA, TARGET_CERT and the backend's certificate"),
    ("", "is TARGET_ADDRESS right, and is there a way to it from this machine?"),
)


def advice(event: str, url: str, answer: HttpResponse | Fault) -> str:
    """Return the remedy for a webhook of this event that was sent to `url` and got this answer, which is no OK."""
    if isinstance(answer, Fault):
        return _about_fault(answer)
    status = answer.status
    if _is_ours(answer):
        return "a gateway answers so: TARGET_ADDRESS must lead to the backend, not to the gateway's own ports"
    if 300 <= status < 400:
        return _about_redirect(url, answer)
    if status == 403 and b"csrf" in answer.body.lower():
        return "a CSRF guard stands before the route: exempt the route from it (Django: csrf_exempt)"
    if status in _NOT_UNDERSTOOD:
        if event == "message":
            return (
                "the route must take any body: a text message is announced as MESSAGE_CONTENT_TYPE says, JSON unless"
                " set, and many frameworks parse it by that; text/plain leaves it alone"
            )
        return f"the route must take {METHODS[event]} with a JSON body"
    found = _OF_STATUS.get(status)
    if found is not None:
        return found.format(method=METHODS[event], url=url)
    return "the backend's log says why" if status >= 500 else "the backend decided so"


def is_decision(answer: HttpResponse) -> bool:
    """Return whether a 4xx looks like a decision of the backend about this client, not like a mistake in the set-up."""
    return answer.status not in _WRONG_ROUTE and not is_page(answer) and b"csrf" not in answer.body.lower()


def is_page(answer: HttpResponse) -> bool:
    """Return whether the answer is HTML: a page for people, from a server that does not know webhooks."""
    media_type = answer.header(b"content-type") or b""
    return media_type.lower().startswith(b"text/html") or answer.body.lstrip()[:1] == b"<"


def shown_location(url: str, answer: HttpResponse) -> str:
    """Return the address to which a redirect leads, without user, query and fragment; empty if there is none."""
    parts = _location(url, answer)
    if parts is None:
        return ""
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"[:MAX_SHOWN]


def _location(url: str, answer: HttpResponse) -> SplitResult | None:
    value = answer.header(b"location")
    if value is None:
        return None
    try:
        return urlsplit(urljoin(url, value[:2048].decode("latin-1")))
    except ValueError:
        return None


def _about_redirect(url: str, answer: HttpResponse) -> str:
    there, here = _location(url, answer), urlsplit(url)
    if there is not None and (there.netloc, there.path) == (here.netloc, here.path + "/"):
        return "no redirect is followed: the route must take the path as it is, without a slash at its end"
    if there is not None and (there.scheme, there.hostname, there.path) == ("https", here.hostname, here.path):
        return "no redirect is followed: write https:// into TARGET_ADDRESS"
    return "no redirect is followed: TARGET_ADDRESS must be the address it leads to; or does a login page catch it?"


def _about_fault(fault: Fault) -> str:
    if isinstance(fault, TimedOut):
        return "the handler is slow, or hangs; WEBHOOK_TIMEOUT says how long to wait"
    if isinstance(fault, NotSent):
        return next(words for beginning, words in _OF_CAUSE if str(fault).startswith(beginning))
    if "no HTTP" in str(fault):
        return "is that the backend's port? If it speaks TLS, TARGET_ADDRESS must begin with https://"
    return "the backend, or a proxy before it, hung up; its log says why"


def _is_ours(answer: HttpResponse) -> bool:
    if not answer.body.startswith(b'{"code": ') or answer.truncated:
        return False
    try:
        said: Any = json.loads(answer.body)
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and said.keys() == {"code", "message"} and said["code"] in OURS
