"""Logs what an answer of the backend changes for the webhooks that follow."""

from __future__ import annotations

from twisted.logger import LogLevel

from wsaas.backend.answer_log import AnswerLog
from wsaas.backend.delivery import Delivery
from wsaas.backend.health import Change
from wsaas.http_client.exchange import Fault, HttpResponse


def log_change(answer_log: AnswerLog, change: Change, delivery: Delivery, answer: HttpResponse | Fault) -> None:
    """Log that the answer to a delivery has changed what may be sent."""
    kind, id = delivery.traffic.kind.value, delivery.session.id
    reason = str(answer) if isinstance(answer, Fault) else f"status {answer.status}"
    if change is Change.CLOSED:
        answer_log.emit(
            LogLevel.info,
            f"back {kind}",
            id,
            "the backend is back: it answers {event} webhooks again",
            event=kind,
        )
    elif change is Change.OPENED:
        answer_log.emit(
            LogLevel.error,
            f"away {kind}",
            id,
            "the backend cannot be reached ({reason}): a few {event} webhooks a second are sent until one succeeds",
            event=kind,
            reason=reason,
        )
    else:
        answer_log.warn(
            "paced",
            id,
            "the backend fails at connects from {client} ({reason}): a few a second are sent until one succeeds,"
            " and the other clients from there get 503",
            client=delivery.session.handshake.remote_address,
            reason=reason,
        )
