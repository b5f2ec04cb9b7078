"""Deliveries, which are events on their way to the backend, and the traffic of each kind of event."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from math import inf

from twisted.internet.interfaces import IDelayedCall

from wsaas.backend.breaker import Breaker
from wsaas.backend.fair_queue import FairQueue
from wsaas.backend.message_exchange import MessageExchange
from wsaas.backend.requests import Webhook
from wsaas.backend.responses import DELIVERED
from wsaas.core.counters import WebhookCounters
from wsaas.core.events import Event, EventKind, Received
from wsaas.core.observer import Attempt, DeliveryMoments, Observer, Times
from wsaas.core.outcomes import Outcome
from wsaas.core.session import Session
from wsaas.http_client.exchange import HttpResponse, Timing


class Traffic:
    """The traffic of one kind of event: its deliveries that are ready, and its breaker.

    `patience` says for how many seconds an event is tried, from its first try; 0 for once. `given_up` is the outcome of
    one that is tried no more. Of `counters` it takes those of its kind.
    """

    __slots__ = (
        "breaker",
        "counters",
        "earlier",
        "given_up",
        "kind",
        "may_go",
        "may_probe",
        "patience",
        "pausing",
        "plain_answer",
        "plain_outcome",
        "ready",
        "send",
    )

    def __init__(
        self,
        counters: Mapping[EventKind, WebhookCounters],
        kind: EventKind,
        breaker: Breaker,
        patience: float,
        given_up: Outcome,
        plain_outcome: Outcome | None = None,
    ) -> None:
        self.kind = kind
        self.breaker = breaker
        self.patience = patience
        self.given_up = given_up
        self.counters = counters[kind]
        self.ready: FairQueue[Delivery] = FairQueue()
        self.plain_answer: object = object()  # none, so far
        """Fast path: the last answer that had the `plain_outcome`. For the same bytes the HTTP client gives the same
        object again (`LastResponse`), and that is not read again. Bound: one answer.
        """
        self.plain_outcome = plain_outcome
        """The outcome of an answer that says that a client is let in, a message is delivered, or a disconnect heard,
        and nothing else; None if each answer is read.
        """
        self.pausing = 0
        """Deliveries that have failed, and wait for their next try."""
        self.earlier: tuple[Collection[str], ...]
        """The parties that wait with kinds of events whose turn comes before this one's."""
        self.may_go: Callable[[str], bool]
        self.may_probe: Callable[[str], bool]
        """Return whether a delivery of this party may be sent now; `may_probe` while the breaker is open."""
        self.send: Callable[[Delivery], object]
        """Sends a delivery, which has its place in flight."""


class Watched(Timing):
    """One try that began while an observer watched: its webhook, the moments of it by the clock, and its answer."""

    __slots__ = ("answer", "answered_at", "due", "sent_at", "webhook")

    def __init__(self, webhook: Webhook | None, due: float, sent_at: float) -> None:
        self.begun = self.first_byte = None
        self.webhook = webhook
        self.due = due
        self.sent_at = sent_at
        self.answered_at = 0.0
        self.answer: object = None
        if webhook is not None:
            webhook.timing = self

    @property
    def succeeded(self) -> bool:
        """True for a try that was answered by a 2xx."""
        answer = self.answer
        return isinstance(answer, HttpResponse) and answer.status // 100 == 2

    @property
    def moments(self) -> DeliveryMoments | None:
        """The moments of a try that was answered by a 2xx; None for any other, and if some of them are not known."""
        begun, first_byte = self.begun, self.first_byte
        if begun is None or first_byte is None or not self.succeeded:
            return None
        return self.due, self.sent_at, begun, first_byte, self.answered_at

    @property
    def times(self) -> Times | None:
        """The times of the try; None if it has no answer, and no fault instead."""
        if self.answer is None:
            return None
        begun, first_byte, sent_at = self.begun, self.first_byte, self.sent_at
        return Times(
            sent_at - self.due,
            None if begun is None else begun - sent_at,
            None if first_byte is None else first_byte - sent_at,
            self.answered_at - sent_at,
        )


class PassedOver(Watched):
    """The first try of a message that no observer wanted when it was sent."""

    __slots__ = ()


PASSED_OVER = PassedOver(None, 0.0, 0.0)
"""Stands for each of them, since an object for each would cost more. A try that is answered on the slow path, as any is
that failed, gets one of its own, with the moments that the delivery has.
"""


@dataclass(frozen=True, slots=True)
class Load:
    """The webhooks of one kind at one moment: those in flight, and those that wait for their turn or their next try.

    Of a connection one waits at most, the rest is in its lane. `breaker_open` says if only probes are sent.
    """

    in_flight: int
    waiting: int
    breaker_open: bool


class Delivery:
    """An event on its way, over all its tries. `party` is the client's: clients of one party are counted as one."""

    __slots__ = (
        "began",
        "due",
        "event",
        "exchange",
        "hurried_at",
        "may_hurry",
        "party",
        "sent_at",
        "session",
        "traffic",
        "tries",
        "waiting",
        "watched",
    )

    def __init__(self, session: Session, traffic: Traffic) -> None:
        self.session = session
        self.party = session.handshake.party
        self.traffic = traffic
        self.event: Event | None = None
        self.began = 0.0
        """The moment of its first try; before that, when its wait for a place in flight began."""
        self.due: float
        """The moment at which its wait for another try ended, once it has waited for one; that of a try PASSED_OVER."""
        self.sent_at: float
        """The moment of its last try, once it has one."""
        self.tries = 0
        self.waiting: IDelayedCall | None = None
        self.may_hurry: bool
        """True if it waits only because the backend could not be reached; known while it waits for its next try."""
        self.hurried_at = -inf
        """The moment at which its wait was last ended early."""
        self.exchange: MessageExchange[Delivery] | None = None
        """That of its tries on the fast path (`message_fast_path`)."""
        self.watched: Watched | None = None
        """The try under way, if an observer watched when it began."""


def watch(observer: Observer, delivery: Delivery, webhook: Webhook, due: float) -> None:
    """Note for an observer that a try begins, which has its `sent_at` and number."""
    first = delivery.tries == 1 and type(delivery.event) is Received
    if first and not (observer.wants_requests or observer.wants_message()):
        delivery.watched, delivery.due = PASSED_OVER, due
    else:
        delivery.watched = Watched(webhook, due, delivery.sent_at)


def note_answer(delivery: Delivery, watched: Watched, answer: object, answered_at: float) -> None:
    """Keep the answer to a try, or its fault, for the observer that is told of it."""
    if watched is PASSED_OVER:
        watched = delivery.watched = PassedOver(None, delivery.due, delivery.sent_at)
    watched.answer, watched.answered_at = answer, answered_at


def tell(
    observer: Observer, session: Session, event: Event, tries: int, watched: Watched | None, outcome: Outcome
) -> None:
    """Tell an observer of a try that is over, or of an event that is given up between two tries, and of the outcome."""
    if outcome is DELIVERED and watched is not None and type(event) is Received and not observer.wants_requests:
        moments = watched.moments
        if moments is not None:
            observer.delivered(session, event, tries, watched.answer, moments)
            return
        if type(watched) is PassedOver and watched.succeeded:
            observer.passed_over(session, event, tries, watched.answer)
            return
    observer.tried(session, attempt_of(event, tries, watched, outcome))


def attempt_of(
    event: Event, tries: int, watched: Watched | None, outcome: Outcome | None, retry_in: float | None = None
) -> Attempt:
    """Return what an observer is told of a try that is over, or of an event that is given up between two tries."""
    if watched is None:
        return Attempt(event, tries, None, None, None, outcome, retry_in)
    return Attempt(event, tries, watched.webhook, watched.answer, watched.times, outcome, retry_in)
