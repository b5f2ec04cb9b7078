"""Deliveries, which are events on their way to the backend, and the traffic of each kind of event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf

from twisted.internet.interfaces import IDelayedCall

from wsaas.backend.breaker import Breaker
from wsaas.backend.fair_queue import FairQueue
from wsaas.core.counters import WebhookCounters
from wsaas.core.events import Event, EventKind
from wsaas.core.outcomes import Outcome
from wsaas.core.session import Session


class Traffic:
    """The traffic of one kind of event: its deliveries that are ready, and its breaker.

    `patience` says for how many seconds an event is tried, from its first try; 0 for once. `given_up` is the outcome of
    one that is tried no more. Of `counters` it takes those of its kind.
    """

    __slots__ = ("breaker", "counters", "given_up", "kind", "may_go", "may_probe", "patience", "ready")

    def __init__(
        self,
        counters: Mapping[EventKind, WebhookCounters],
        kind: EventKind,
        breaker: Breaker,
        patience: float,
        given_up: Outcome,
    ) -> None:
        self.kind = kind
        self.breaker = breaker
        self.patience = patience
        self.given_up = given_up
        self.counters = counters[kind]
        self.ready: FairQueue[Delivery] = FairQueue()
        self.may_go: Callable[[str], bool]
        self.may_probe: Callable[[str], bool]
        """Return whether a delivery of this party may be sent now; `may_probe` while the breaker is open."""


class Delivery:
    """An event on its way, over all its tries. `party` is the client's: clients of one party are counted as one."""

    __slots__ = ("began", "event", "hurried_at", "may_hurry", "party", "session", "traffic", "tries", "waiting")

    def __init__(self, session: Session, traffic: Traffic) -> None:
        self.session = session
        self.party = session.handshake.party
        self.traffic = traffic
        self.event: Event | None = None
        self.began = 0.0
        """The moment of its first try; before that, when its wait for a place in flight began."""
        self.tries = 0
        self.waiting: IDelayedCall | None = None
        self.may_hurry = False
        """True if it waits only because the backend could not be reached."""
        self.hurried_at = -inf
        """The moment at which its wait was last ended early."""
