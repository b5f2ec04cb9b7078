"""An observer that logs each webhook, push and close at debug."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from twisted.logger import Logger

from wsaas.core.errors import GatewayError
from wsaas.core.events import Closed
from wsaas.core.observer import Attempt, Push
from wsaas.core.pushes import TO_ONE, Pushed, PushKind
from wsaas.core.session import Session
from wsaas.telemetry.webhooks import Answer, Request, WebhookObserver, reply_kind


class DebugLog(WebhookObserver):
    """Observes a gateway whose LOG_LEVEL is debug. `address` is the backend's; `status_of` is for errors.

    It logs nothing of a connection's begin and end, nor of replies: the line of the webhook says it.
    """

    _log = Logger()

    def __init__(self, address: str, status_of: Callable[[GatewayError], int]) -> None:
        self._address = address
        self._status_of = status_of

    def tried(self, session: Session, attempt: Attempt) -> None:
        if attempt.request is None or attempt.times is None:
            return
        answer = attempt.answer
        self._log.debug(
            "{event} of {length} bytes: {status} after {milliseconds:.1f} ms{more}; connection {connection},"
            " backend {backend}",
            event=attempt.event.kind.value,
            length=len(cast(Request, attempt.request).body),
            status=str(answer) if isinstance(answer, BaseException) else cast(Answer, answer).status,
            milliseconds=attempt.times.total * 1000,
            more=_more(attempt),
            connection=session.id,
            backend=self._address,
        )

    def pushed(self, push: Push) -> None:
        result = push.result
        if isinstance(result, GatewayError):
            status = self._status_of(result)
        else:
            status = 202 if result is Pushed.QUEUED else 200
        if push.kind in TO_ONE:
            whom = f"connection {push.target}"
        else:
            whom = f"group {push.target[:80]}" if push.kind is PushKind.GROUP else "all connections"
        self._log.debug("push of {length} bytes: {status}; {whom}", length=len(push.payload), status=status, whom=whom)

    def close_asked(self, id: str, code: int, error: GatewayError | None) -> None:
        status = 200 if error is None else self._status_of(error)
        self._log.debug("close with {code}: {status}; connection {connection}", code=code, status=status, connection=id)


def _more(attempt: Attempt) -> str:
    """Return the rest of the line: a reply, that the webhook was sent again, the cause of a disconnect."""
    more = ""
    if not isinstance(attempt.answer, BaseException):
        answer = cast(Answer, attempt.answer)
        kind = reply_kind(answer)
        if kind is not None:
            more += f", with a {kind[:40].decode('latin-1')} reply of {len(answer.body)} bytes"
        if answer.sent > 1:
            more += ", sent again"
    if isinstance(attempt.event, Closed):
        more += f", cause {attempt.event.cause.value}, close code {attempt.event.code}"
    return more
