"""Reads what /-/metrics says of this process, from counters that stand all over it: nothing is counted here.

A scrape looks at each session once, and at each slow client: 10,000 sessions take some 3 ms.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

import twisted

from wsaas.api.errors import TABLE
from wsaas.backend.delivery import Load
from wsaas.clients.factory import ClientFactory
from wsaas.core.census import Census
from wsaas.core.counters import Counters, MessageCounters, WebhookCounters
from wsaas.core.events import Cause, EventKind
from wsaas.core.histogram import Histogram
from wsaas.core.monitor import Monitor
from wsaas.core.pushes import Pushed, PushKind
from wsaas.core.refusal import RefusalReason
from wsaas.service.version import own_version
from wsaas.telemetry.families import Family, Readings

if TYPE_CHECKING:
    from wsaas.cluster.right import Right

OUTCOMES: Mapping[RefusalReason, str] = {
    RefusalReason.VETOED: "vetoed",
    RefusalReason.CLOSED_BY_API: "vetoed",
    RefusalReason.ORIGIN_NOT_ALLOWED: "vetoed",
    RefusalReason.NOT_READY: "failed",
    RefusalReason.JOURNAL_UNAVAILABLE: "failed",
    RefusalReason.BACKEND_AWAY: "failed",
    RefusalReason.BACKEND_FAILED: "failed",
    RefusalReason.NO_ANSWER: "failed",
    RefusalReason.TIMEOUT: "timeout",
    RefusalReason.TOO_MANY_CONNECTIONS: "limited",
    RefusalReason.TOO_MANY_FROM_ADDRESS: "limited",
    RefusalReason.TOO_FAST: "limited",
    RefusalReason.BUSY: "limited",
}
"""The outcome of a handshake for each reason to refuse it."""
_CODES = {Pushed.SENT: "OK", Pushed.QUEUED: "QUEUED"}
_STATUSES = {2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx"}


class JournalFigures(Protocol):
    """The journal as it is measured."""

    @property
    def size(self) -> int:
        """Bytes of its files."""


class Measurements:
    """The readings of one process.

    `census()` counts the sessions, `load()` says what the courier has to do, `draining()` if the gateway drains,
    `reloaded_at()` when files were last read, `certificates()` when the certificate of each address ends; moments are
    in seconds since the epoch, by `wall_clock()`. `clock()` is the reactor's, `boottime()` that of `right`, which a
    node of a cluster has.
    """

    def __init__(
        self,
        *,
        monitor: Monitor,
        census: Callable[[], Census],
        load: Callable[[], Mapping[EventKind, Load]],
        clients: ClientFactory,
        journal: JournalFigures,
        reactor_delay: Histogram,
        draining: Callable[[], bool],
        reloaded_at: Callable[[], float],
        certificates: Callable[[], Mapping[str, float]],
        right: Right | None,
        boottime: Callable[[], float],
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        self._monitor = monitor
        self._census = census
        self._load = load
        self._clients = clients
        self._journal = journal
        self._reactor_delay = reactor_delay
        self._draining = draining
        self._reloaded_at = reloaded_at
        self._certificates = certificates
        self._right = right
        self._boottime = boottime
        self._clock = clock
        self._wall_clock = wall_clock

    def families(self) -> list[Family]:
        """Return all readings of this moment."""
        readings, counters, now = Readings(), self._monitor.counters, self._wall_clock()
        census = self._census()
        readings.put("wsaas_build_info", 1, own_version() or "unknown", platform.python_version(), twisted.__version__)
        self._connections(readings, counters, census)
        _messages(readings, counters, census.messages)
        self._webhooks(readings, counters, census.waiting_in, now - self._clock())
        _pushes(readings, counters)
        bytes_waiting_out = self._clients.backpressure.bytes_unwritten + census.bytes_waiting_out
        readings.put("wsaas_receive_buffer_bytes", census.bytes_waiting_in)
        readings.put("wsaas_send_buffer_bytes", bytes_waiting_out)
        readings.put("wsaas_paused_connections", len(self._clients.backpressure.unread))
        self._ends(readings, counters, now)
        readings.put_histogram("wsaas_reactor_delay_seconds", self._reactor_delay)
        readings.put("wsaas_draining", int(self._draining()))
        right, at = self._right, self._boottime()
        readings.put("wsaas_engine_away", int(right is not None and not right.leased(at)))
        readings.put("wsaas_silent", int(right is not None and not right.may_speak(at)))
        readings.put("wsaas_reload_success_timestamp_seconds", self._reloaded_at())
        for endpoint, moment in self._certificates().items():
            readings.put("wsaas_certificate_expiry_timestamp_seconds", moment, endpoint)
        return readings.families()

    def _connections(self, readings: Readings, counters: Counters, census: Census) -> None:
        readings.put("wsaas_connections", census.connecting, "connecting")
        readings.put("wsaas_connections", census.open, "open")
        readings.put("wsaas_connections_limit", self._clients.admission.most or 0)
        outcomes = Counter(dict.fromkeys(OUTCOMES.values(), 0))
        for reason, count in counters.refused.items():
            outcomes[OUTCOMES[reason]] += count
        for outcome, count in {"accepted": counters.opened, **outcomes, "malformed": counters.malformed}.items():
            readings.put("wsaas_handshakes_total", count, outcome)
        for cause in Cause:
            readings.put("wsaas_closes_total", counters.closed[cause], cause.value)
        readings.put_histogram("wsaas_connection_duration_seconds", counters.connection_duration)

    def _webhooks(self, readings: Readings, counters: Counters, messages: int, epoch: float) -> None:
        for kind, webhooks in counters.webhooks.items():
            event = kind.value
            for outcome, count in (
                ("delivered", webhooks.answers[2]),
                ("refused", webhooks.refused),
                ("abandoned", webhooks.abandoned),
            ):
                readings.put("wsaas_webhooks_total", count, event, outcome)
            for status, count in _attempts(webhooks).items():
                readings.put("wsaas_webhook_attempts_total", count, event, status)
            readings.put_histogram("wsaas_webhook_duration_seconds", webhooks.duration, event, epoch=epoch)
        readings.put("wsaas_streamed_replies_total", counters.streams.ended, "ended")
        readings.put("wsaas_streamed_replies_total", counters.streams.cut, "cut")
        for kind, load in self._load().items():
            waiting = max(0, messages - load.in_flight) if kind is EventKind.MESSAGE else load.waiting
            readings.put("wsaas_webhooks_in_flight", load.in_flight, kind.value)
            readings.put("wsaas_webhooks_waiting", waiting, kind.value)
            readings.put("wsaas_webhook_breaker_open", int(load.breaker_open), kind.value)

    def _ends(self, readings: Readings, counters: Counters, now: float) -> None:
        owed = self._monitor.owed
        oldest = owed.oldest()
        readings.put("wsaas_journal_pending_disconnects", len(owed))
        readings.put("wsaas_journal_oldest_pending_seconds", 0 if oldest is None else max(0.0, now - oldest))
        readings.put("wsaas_journal_size_bytes", self._journal.size)
        readings.put("wsaas_disconnects_abandoned_total", counters.webhooks[EventKind.DISCONNECT].abandoned)
        readings.put_histogram("wsaas_disconnect_delay_seconds", owed.delay)


def _messages(readings: Readings, counters: Counters, messages: MessageCounters) -> None:
    fanned_out = counters.fanned_out
    readings.put("wsaas_messages_received_total", messages.received - messages.received_binary, "text")
    readings.put("wsaas_messages_received_total", messages.received_binary, "binary")
    group, broadcast = fanned_out[PushKind.GROUP], fanned_out[PushKind.BROADCAST]
    for via, count in (
        ("push", messages.sent - messages.replies - group - broadcast),
        ("group", group),
        ("broadcast", broadcast),
        ("reply", messages.replies),
    ):
        readings.put("wsaas_messages_sent_total", count, via)
    readings.put("wsaas_received_bytes_total", messages.received_bytes)
    readings.put("wsaas_sent_bytes_total", messages.sent_bytes)


def _attempts(webhooks: WebhookCounters) -> dict[str, int]:
    """Return the tries of one kind by their status; what is no status of HTTP counts as an error."""
    answers = webhooks.answers
    attempts = {status: answers[digit] for digit, status in _STATUSES.items()}
    odd = sum(answers) - sum(attempts.values())
    return {**attempts, "timeout": webhooks.timeouts, "error": webhooks.failures + odd}


def _pushes(readings: Readings, counters: Counters) -> None:
    counts = Counter({(kind.value, "OK"): 0 for kind in PushKind})
    counts["connection", "OK"] = counters.pushes_sent
    for (kind, result), count in counters.pushes.items():
        code = _CODES[result] if isinstance(result, Pushed) else TABLE[result].code
        counts[kind.value, code] += count
    for (name, code), count in counts.items():
        readings.put("wsaas_pushes_total", count, name, code)
