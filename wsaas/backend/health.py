"""Judges the backend by its answers: the kinds of events it can be reached with, and the parties that make it fail."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from wsaas.backend.delivery import Delivery, Traffic
from wsaas.backend.failing_parties import FailingParties
from wsaas.core.events import EventKind
from wsaas.http_client.exchange import Fault, HttpResponse, NotSent

NOBODY_HOME = frozenset({502, 503, 504, *range(520, 525)})
"""Statuses of a proxy, or of a backend that starts: it was not reached. (520 to 524 are Cloudflare's.)"""

_CONNECT = EventKind.CONNECT  # Enum looks its members up anew each time


def unreached(answer: HttpResponse | Fault) -> bool:
    """Return whether this is a failure to reach the backend. An answer of any other status proves that it lives."""
    return isinstance(answer, Fault) or answer.status in NOBODY_HOME


class Change(Enum):
    """The changes that an answer can bring about."""

    OPENED = "webhooks of its kind are only probes now"
    CLOSED = "webhooks of its kind reach the backend again"
    PACED = "connects of its party are let through only now and then"


class Health:
    """Two remedies, each for its own trouble.

    A backend that cannot be reached is probed only, one breaker for each kind of event: a handler that hangs is no
    reason to keep other events back. A failure that a client may cause opens it only if it happens to several: to
    several addresses when they connect, to several connections when they have been let in.

    A backend that fails at connects from one address, in whatever way, gets fewer of those, and all others as ever. (A
    message that it fails at waits for its own backoff.)
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._failing = FailingParties(random)

    @property
    def failing(self) -> bool:
        """Return whether connects of any party fail."""
        return bool(self._failing)

    def admits(self, connects: Traffic, party: str, now: float) -> bool:
        """Return whether a connect of this party may be sent."""
        if self._failing and not self._failing.admit(party, now):
            return False
        return not connects.breaker.open or connects.breaker.admit(party, now)

    def well(self, delivery: Delivery) -> list[Change]:
        """Count an answer that is no failure."""
        traffic = delivery.traffic
        if self._failing and traffic.kind is _CONNECT:
            self._failing.succeeded(delivery.party)
        return [Change.CLOSED] if traffic.breaker.reached() else []

    def failed(self, delivery: Delivery, answer: HttpResponse | Fault, now: float) -> list[Change]:
        """Count an answer that is a failure, or a webhook without an answer."""
        traffic, changes = delivery.traffic, []
        nobodys_fault = isinstance(answer, NotSent)
        if not unreached(answer):
            if traffic.breaker.reached():
                changes.append(Change.CLOSED)
        elif traffic.breaker.failed(None if nobodys_fault else _culprit(delivery), now):
            changes.append(Change.OPENED)
        if traffic.kind is _CONNECT and not nobodys_fault and self._failing.failed(delivery.party, now):
            changes.append(Change.PACED)
        return changes


def _culprit(delivery: Delivery) -> str:
    """Return the party for which a failure is counted."""
    return delivery.party if delivery.traffic.kind is _CONNECT else delivery.session.id
