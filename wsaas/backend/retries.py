"""The answers after which a webhook is sent again, and the time that the backend wants until then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from wsaas.http_client.exchange import HttpResponse
from wsaas.net.http_grammar import OWS

TRY_AGAIN = frozenset({408, 425, 429})
"""Statuses of 4xx that say nothing against a webhook."""


@dataclass(frozen=True, slots=True)
class Retry:
    """The webhook is to be sent again, and not before `retry_after` seconds if the backend said so."""

    reason: str
    retry_after: float | None = None


def retry_after(answer: HttpResponse, wall_clock: Callable[[], float]) -> float | None:
    """Return Retry-After in seconds from now (RFC 9110, 10.2.3: a number or a date); None if absent or senseless."""
    value = answer.header(b"retry-after")
    if value is None:
        return None
    text = value.strip(OWS).decode("latin-1")
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - wall_clock())
    except (ValueError, OverflowError):
        return None
