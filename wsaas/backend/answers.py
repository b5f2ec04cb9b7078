"""What the backend's answers, and its silence, mean for a connection."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from twisted.logger import Logger

from wsaas.backend.exchange import Answer, Fault, NotSent, TimedOut
from wsaas.gateway.model import (
    Accepted,
    CloseCode,
    Closed,
    ConnectOutcome,
    Delivered,
    Dismissed,
    Event,
    Frame,
    Handshake,
    MessageOutcome,
    Opened,
    Outcome,
    Received,
    Refused,
    Told,
    Unclear,
)

log = Logger()

# What a connect answer may ask to have repeated. Over it the answer makes no sense.
MAX_HEADERS = 32
MAX_HEADER_BYTES = 8192
MAX_GROUPS = 64
MAX_GROUP_BYTES = 256

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# Hop-by-hop and framing headers (RFC 9110, 7.6.1), and those that are the gateway's own to say.
_RESERVED = frozenset(
    "connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding "
    "upgrade content-length content-type content-encoding host expect accept-encoding authorization traceparent".split()
)
_COME_AGAIN = ((b"retry-after", b"5"),)
_TO_THE_CLIENT = (b"www-authenticate", b"retry-after")
_TRY_AGAIN = frozenset({408, 425, 429})
FROM_BETWEEN = frozenset({502, 504, 520, 524})
"""Said by a proxy that cannot know what became of the request. (520 to 524 are Cloudflare's.)"""
# Envoy says 503 as well when the backend's connection ends after the request was sent.
_RESET_BEHIND_ENVOY = b"upstream connect error or disconnect/reset before headers"
_DELIVERED = Delivered()
_CODES = {401: "UNAUTHORIZED", 403: "FORBIDDEN", 404: "NOT_FOUND", 429: "TOO_MANY_REQUESTS"}


@dataclass(frozen=True, slots=True)
class Again:
    """Nothing came of it: to be tried again, not before `retry_after` seconds if the backend said so."""

    reason: str
    retry_after: float | None = None


class Senseless(Exception):
    """An answer that cannot be understood; the text says why."""


def read(event: Event, answer: Answer | Fault, now: Callable[[], float]) -> Outcome | Again:
    """What `answer` means for `event`. `now()` is the time in seconds since the epoch, for Retry-After dates."""
    match event:
        case Received():
            return _message(answer, now)
        case Opened(handshake):
            return _connect(answer, handshake)
        case Closed():
            return _disconnect(answer, now)


def _connect(answer: Answer | Fault, handshake: Handshake) -> ConnectOutcome:
    if isinstance(answer, NotSent):
        return Refused(503, "UNAVAILABLE", _COME_AGAIN)
    if isinstance(answer, Fault):
        return Unclear(504, "TIMEOUT") if isinstance(answer, TimedOut) else Unclear(502, "BAD_GATEWAY")
    outcome = _answered(answer, handshake)
    if isinstance(outcome, Accepted) or not (answer.sent > 1 or _from_between(answer)):
        return outcome
    # Not clear: the backend may have accepted before it, or behind it.
    headers = outcome.headers if answer.status >= 500 else _COME_AGAIN
    return Unclear(503, "UNAVAILABLE", headers)


def _from_between(answer: Answer) -> bool:
    return answer.status in FROM_BETWEEN or (answer.status == 503 and answer.body.startswith(_RESET_BEHIND_ENVOY))


def _answered(answer: Answer, handshake: Handshake) -> ConnectOutcome:
    if 200 <= answer.status < 300:
        try:
            return _decision(answer, handshake)
        except Senseless as error:
            log.warn("the answer to a connect makes no sense: {error}", error=str(error))
            return Unclear(502, "BAD_GATEWAY")
    passed = tuple((name, value) for name, value in answer.headers if name in _TO_THE_CLIENT)[:8]
    if 400 <= answer.status < 500:
        return Refused(answer.status, _CODES.get(answer.status, "REFUSED"), passed)
    if answer.status >= 500:
        retry_after = tuple(header for header in passed if header[0] == b"retry-after")[:1]
        return Refused(503, "UNAVAILABLE", retry_after or _COME_AGAIN)
    return Refused(502, "BAD_GATEWAY")


def _decision(answer: Answer, handshake: Handshake) -> Accepted | Refused:
    if answer.truncated:
        raise Senseless("its body is too long")
    try:
        decision: Any = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise Senseless("its body is not JSON") from None
    if not isinstance(decision, dict) or not isinstance(decision.get("code"), str):
        raise Senseless('its JSON has no "code"')
    if decision["code"] != "OK":
        return Refused(403, decision["code"])
    subprotocol = decision.get("subprotocol")
    if subprotocol is not None and subprotocol not in handshake.subprotocols:
        raise Senseless("its subprotocol is not one that the client offered")
    return Accepted(subprotocol, _groups(decision.get("groups")), _headers(decision.get("headers")))


def _groups(groups: Any) -> tuple[str, ...]:
    if groups is None:
        return ()
    if not isinstance(groups, list) or len(groups) > MAX_GROUPS:
        raise Senseless(f'"groups" is not a list of at most {MAX_GROUPS} names')
    for group in groups:
        if not isinstance(group, str) or not 0 < len(_utf8(group)) <= MAX_GROUP_BYTES:
            raise Senseless(f"a group name is not a string of 1 to {MAX_GROUP_BYTES} bytes")
    return tuple(dict.fromkeys(groups))


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can spell
        raise Senseless("a name in it is not Unicode") from None


def _headers(headers: Any) -> tuple[tuple[bytes, bytes], ...]:
    if headers is None:
        return ()
    if not isinstance(headers, dict) or len(headers) > MAX_HEADERS:
        raise Senseless(f'"headers" is not an object of at most {MAX_HEADERS} members')
    kept = []
    for name, value in headers.items():
        if not isinstance(value, str) or not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise Senseless("a header in it is not an HTTP field")
        if name.lower() in _RESERVED or name.lower().startswith(("webhook-", "wsaas-")):
            log.warn("the backend asked for a header that it cannot set: {name}", name=name)
        else:
            kept.append((name.encode(), value.strip().encode("latin-1")))
    if sum(len(name) + len(value) for name, value in kept) > MAX_HEADER_BYTES:
        raise Senseless(f'"headers" are more than {MAX_HEADER_BYTES} bytes')
    return tuple(kept)


def _message(answer: Answer | Fault, now: Callable[[], float]) -> MessageOutcome | Again:
    if isinstance(answer, Fault):
        return Again(str(answer))
    status = answer.status
    if 200 <= status < 300:
        reply = _reply(answer)
        return _DELIVERED if reply is None else Delivered(reply)
    if status in (401, 403):
        return Dismissed(CloseCode.POLICY)
    if status == 410:
        return Dismissed(CloseCode.NORMAL)
    if status in _TRY_AGAIN or status >= 500:
        return Again(f"status {status}", retry_after(answer, now))
    log.warn("the backend refused a message with status {status}", status=status)
    return Delivered()


def _reply(answer: Answer) -> Frame | None:
    kind = answer.header(b"wsaas-reply")
    if kind is None:
        return None
    if answer.truncated:
        log.warn("a reply is over MAX_MESSAGE_SIZE and was not sent")
        return None
    match kind.strip().lower():
        case b"binary":
            return Frame(answer.body, binary=True)
        case b"text":
            try:
                answer.body.decode()
            except UnicodeDecodeError:
                log.warn("a text reply is not UTF-8 and was not sent")
                return None
            return Frame(answer.body, binary=False)
        case _:
            log.warn("WSAAS-Reply is neither text nor binary: {kind}; the reply was not sent", kind=kind[:40])
            return None


def _disconnect(answer: Answer | Fault, now: Callable[[], float]) -> Told | Again:
    if isinstance(answer, Fault):
        return Again(str(answer))
    status = answer.status
    if 200 <= status < 300 or (400 <= status < 500 and status not in _TRY_AGAIN):
        if status >= 400 and status not in (404, 410):
            log.warn("the backend answered a disconnect with status {status}", status=status)
        return Told()
    return Again(f"status {status}", retry_after(answer, now))


def retry_after(answer: Answer, now: Callable[[], float]) -> float | None:
    """Retry-After in seconds from now (RFC 9110, 10.2.3: a number or a date), None if absent or senseless."""
    value = answer.header(b"retry-after")
    if value is None:
        return None
    text = value.decode("latin-1").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now())
    except (ValueError, OverflowError):
        return None
