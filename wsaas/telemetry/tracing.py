"""An observer that makes spans for OpenTelemetry: one for each connection, and one for each try of a webhook.

A connection's spans have the trace of its handshake. The span of a try is the one that the webhook's traceparent names,
so that the backend's own spans stand below it. Its parent is the span of the connection, which is there from its end
on; that one's id is a digest of the connection's, so that it need not be kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal, cast

from wsaas.core.events import Closed
from wsaas.core.observer import Attempt, RefusedHandshake
from wsaas.core.session import Session
from wsaas.telemetry.webhooks import Request, WebhookObserver

Attribute = str | int | float | bool
_SPAN = re.compile(rb"traceparent: 00-[0-9a-f]{32}-([0-9a-f]{16})-")
SHOWN = 12
"""Characters of an id that a span shows: with a whole one, any reader of traces could push."""


@dataclass(frozen=True, slots=True)
class Span:
    """A span that is over. Ids are hex digits, moments seconds since the epoch. `error` is what went wrong, or None."""

    name: str
    kind: Literal["server", "client"]
    trace_id: str
    span_id: str
    parent: str | None
    start: float
    end: float
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    error: str | None = None


class Tracing(WebhookObserver):
    """Hands spans to `export`, which must return at once. A push is in the trace of the backend that pushes.

    `address` is the backend's, `wall_clock()` the time in seconds since the epoch.
    """

    def __init__(self, export: Callable[[Span], object], address: str, wall_clock: Callable[[], float]) -> None:
        self._export = export
        self._address = address
        self._wall_clock = wall_clock

    def tried(self, session: Session, attempt: Attempt) -> None:
        request, times = cast(Request | None, attempt.request), attempt.times
        if request is None or times is None or (found := _SPAN.search(request.head)) is None:
            return
        now, status = self._wall_clock(), getattr(attempt.answer, "status", None)
        method, event = request.method.decode("ascii"), attempt.event.kind.value
        attributes: dict[str, Attribute] = {
            "http.request.method": method,
            "http.request.body.size": len(request.body),
            "url.full": f"{self._address}/{{id}}",
            "wsaas.event": event,
            "wsaas.connection": session.id[:SHOWN],
            "wsaas.queue_seconds": times.queue,
        }
        if attempt.number > 1:
            attributes["http.request.resend_count"] = attempt.number - 1
        error = None
        if isinstance(status, int):
            attributes["http.response.status_code"] = status
            error = None if status < 400 else str(status)
        else:
            error = str(attempt.answer) or type(attempt.answer).__name__
        if error is not None:
            attributes["error.type"] = str(status) if isinstance(status, int) else type(attempt.answer).__name__
        parent, span_id = span_of(session.id), found[1].decode("ascii")
        name = f"{method} {event}"
        self._export(Span(name, "client", session.trace_id, span_id, parent, now - times.total, now, attributes, error))

    def refused(self, refused: RefusedHandshake) -> None:
        if isinstance(refused.session, Session):
            status = getattr(refused.response, "status", 0)
            self._connection(refused.session, self._wall_clock(), {"http.response.status_code": status})

    def disconnected(self, session: Session, closed: Closed) -> None:
        ended = {"wsaas.cause": closed.cause.value, "wsaas.close_code": closed.code}
        counts = {
            "wsaas.messages_in": session.lane.received,
            "wsaas.messages_out": session.messages_out,
            "wsaas.lost_messages": closed.lost_messages,
        }
        self._connection(session, closed.at or self._wall_clock(), {**ended, **counts})

    def _connection(self, session: Session, end: float, attributes: Mapping[str, Attribute]) -> None:
        about = {
            "url.path": session.handshake.path,
            "client.address": session.handshake.remote_address,
            "wsaas.connection": session.id[:SHOWN],
            **attributes,
        }
        start = session.connected_at
        span_id = span_of(session.id)
        self._export(Span("connection", "server", session.trace_id, span_id, None, start, max(start, end), about))


def span_of(id: str) -> str:
    """Return the id of the span of a connection."""
    return sha256(id.encode("ascii")).hexdigest()[:16]
