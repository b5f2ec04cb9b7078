"""What the backend's answers, and its silence, mean for a connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from twisted.logger import Logger, LogLevel

from wsaas.backend.decision import UNASKED, InvalidAnswer, decide
from wsaas.core.model import (
    Accepted,
    Acknowledged,
    CloseCode,
    Closed,
    CloseRequested,
    ConnectOutcome,
    Delivered,
    Event,
    Frame,
    Handshake,
    Indeterminate,
    MessageOutcome,
    Opened,
    Outcome,
    Received,
    Refused,
)
from wsaas.http_client.exchange import Fault, HttpResponse, NotSent, TimedOut
from wsaas.net.http_grammar import OWS
from wsaas.telemetry.log_limit import LogLimit

log = Logger()

_COME_AGAIN = ((b"retry-after", b"5"),)
_TO_THE_CLIENT = (b"www-authenticate", b"retry-after")
_TRY_AGAIN = frozenset({408, 425, 429})
FROM_BETWEEN = frozenset({502, 504, 520, 524})
"""Said by a proxy that cannot know what became of the request. (520 to 524 are Cloudflare's.)"""
# Envoy says 503 as well when the backend's connection ends after the request was sent.
_RESET_BEHIND_ENVOY = b"upstream connect error or disconnect/reset before headers"
_DELIVERED = Delivered()
CODES = {401: "UNAUTHORIZED", 403: "FORBIDDEN", 404: "NOT_FOUND", 429: "TOO_MANY_REQUESTS"}


@dataclass(frozen=True, slots=True)
class Retry:
    """Nothing came of it: to be tried again, not before `retry_after` seconds if the backend said so."""

    reason: str
    retry_after: float | None = None


class Warnings:
    """Writes lines about answers: one of a kind in ten seconds, with the connection's id and the backend's address."""

    def __init__(self, limit: LogLimit, address: str) -> None:
        self._limit = limit
        self._address = address

    def warn(self, kind: str, id: str, format: str, **fields: object) -> None:
        """`format` is a sentence less its end, of which `kind` is a short name."""
        self.emit(LogLevel.warn, kind, id, format, **fields)

    def emit(self, level: Any, kind: str, id: str, format: str, **fields: object) -> None:
        """The same, at another level."""
        format += "; connection {connection}, backend {address}"
        self._limit.emit(log, level, kind, format, connection=id, address=self._address, **fields)


def read(
    id: str, event: Event, answer: HttpResponse | Fault, now: Callable[[], float], warnings: Warnings
) -> Outcome | Retry:
    """What `answer` means for this event of the connection `id`. `now()` is the time in seconds since the epoch, for
    Retry-After dates.
    """
    match event:
        case Received():
            return _message(id, answer, now, warnings)
        case Opened(handshake):
            return _connect(id, answer, handshake, warnings)
        case Closed():
            return _disconnect(answer, now)


def _connect(id: str, answer: HttpResponse | Fault, handshake: Handshake, warnings: Warnings) -> ConnectOutcome:
    if isinstance(answer, NotSent):
        return Refused(503, "UNAVAILABLE", _COME_AGAIN)
    if isinstance(answer, Fault):
        return Indeterminate(504, "TIMEOUT") if isinstance(answer, TimedOut) else Indeterminate(502, "BAD_GATEWAY")
    outcome = _answered(id, answer, handshake, warnings)
    if isinstance(outcome, Accepted) or not (answer.sent > 1 or _from_between(answer)):
        return outcome
    # Not clear: the backend may have accepted before it, or behind it.
    headers = outcome.headers if answer.status >= 500 else _COME_AGAIN
    return Indeterminate(503, "UNAVAILABLE", headers)


def _from_between(answer: HttpResponse) -> bool:
    return answer.status in FROM_BETWEEN or (answer.status == 503 and answer.body.startswith(_RESET_BEHIND_ENVOY))


def _answered(id: str, answer: HttpResponse, handshake: Handshake, warnings: Warnings) -> ConnectOutcome:
    if 200 <= answer.status < 300:
        try:
            outcome, flaws = decide(answer, handshake)
        except InvalidAnswer as error:
            warnings.warn("senseless", id, "the answer to a connect makes no sense: {reason}", reason=str(error))
            return Indeterminate(502, "BAD_GATEWAY")
        for flaw in flaws:
            warnings.warn(
                f"flaw of {flaw.member}",
                id,
                'the gateway left {count} of "{member}" out of the OK to a connect: {reason}',
                count=flaw.count,
                member=flaw.member,
                reason=flaw.reason,
            )
        return outcome
    passed = tuple((name, value) for name, value in answer.headers if name in _TO_THE_CLIENT)[:8]
    if 400 <= answer.status < 500:
        return Refused(answer.status, CODES.get(answer.status, "REFUSED"), passed)
    if answer.status >= 500:
        retry_after = tuple(header for header in passed if header[0] == b"retry-after")[:1]
        return Refused(503, "UNAVAILABLE", retry_after or _COME_AGAIN)
    return Refused(502, "BAD_GATEWAY")


def _message(
    id: str, answer: HttpResponse | Fault, now: Callable[[], float], warnings: Warnings
) -> MessageOutcome | Retry:
    if isinstance(answer, Fault):
        return Retry(str(answer))
    status = answer.status
    if 200 <= status < 300:
        reply = _reply(id, answer, warnings)
        return _DELIVERED if reply is None else Delivered(reply)
    if status in (401, 403):
        return CloseRequested(CloseCode.POLICY)
    if status == 410:
        return CloseRequested(CloseCode.NORMAL)
    if status in _TRY_AGAIN or status >= 500:
        return Retry(f"status {status}", retry_after(answer, now))
    log.warn("the backend refused a message with status {status}", status=status)
    return Delivered()


def _reply(id: str, answer: HttpResponse, warnings: Warnings) -> Frame | None:
    """What the answer says to the client; None, with a warning if it meant to, if it says nothing."""
    header = answer.header(b"wsaas-reply")
    if header is None:
        return None
    kind = header.strip(OWS).lower()
    if answer.truncated:
        flaw, reason = "too long", "it is over MAX_MESSAGE_SIZE"
    elif answer.coding is not None:
        flaw, reason = "coded", f"it says {answer.coding}, which was not asked for: {UNASKED}"
    elif kind == b"binary":
        return Frame(answer.body, binary=True)
    elif kind != b"text":
        flaw, reason = "of no kind", f"WSAAS-Reply is neither text nor binary but {header[:40]!r}"
    else:
        try:
            answer.body.decode()
            return Frame(answer.body, binary=False)
        except UnicodeDecodeError as error:
            flaw, reason = (
                "not UTF-8",
                f"WSAAS-Reply says text, and byte {error.start} is not UTF-8; binary may be anything",
            )
    warnings.warn(f"reply {flaw}", id, "a message was delivered, but its reply was not sent: {reason}", reason=reason)
    return None


def _disconnect(answer: HttpResponse | Fault, now: Callable[[], float]) -> Acknowledged | Retry:
    if isinstance(answer, Fault):
        return Retry(str(answer))
    status = answer.status
    if 200 <= status < 300 or (400 <= status < 500 and status not in _TRY_AGAIN):
        if status >= 400 and status not in (404, 410):
            log.warn("the backend answered a disconnect with status {status}", status=status)
        return Acknowledged()
    return Retry(f"status {status}", retry_after(answer, now))


def retry_after(answer: HttpResponse, now: Callable[[], float]) -> float | None:
    """Retry-After in seconds from now (RFC 9110, 10.2.3: a number or a date), None if absent or senseless."""
    value = answer.header(b"retry-after")
    if value is None:
        return None
    text = value.strip(OWS).decode("latin-1")
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now())
    except (ValueError, OverflowError):
        return None
