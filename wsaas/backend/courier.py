"""Carries events to the backend: one in flight per connection, so many in all, again when it must.

    wake -> ready (one queue per kind) -> in flight -> settled -> ready, while the session has more
                                             |
                                             +-> waiting (backoff) -> ready
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from wsaas.backend.answers import Again, read
from wsaas.backend.contract import Contract, Webhook
from wsaas.backend.exchange import Answer, Fault
from wsaas.backend.shares import KINDS, Shares
from wsaas.gateway.model import Cause, CloseCode, Closed, Event, Opened, Outcome, Received, Told, Unclear, Undelivered
from wsaas.gateway.retry import Attempted, GiveUp, decide
from wsaas.gateway.session import Session

_GIVEN_UP: dict[type[Event], Outcome] = {
    Opened: Unclear(502, "BAD_GATEWAY"),
    Received: Undelivered(),
    Closed: Told(),
}


class Sender(Protocol):
    """Sends one webhook once."""

    def send(self, webhook: Webhook) -> Deferred[Answer]:
        """The backend's answer, whatever its status; fails with a Fault."""


class Delivery:
    """An event on its way, over all its tries."""

    __slots__ = ("began", "event", "kind", "session", "tries", "waiting")

    def __init__(self, session: Session, event: Event, began: float) -> None:
        self.session = session
        self.event = event
        self.kind = type(event)
        self.began = began
        self.tries = 0
        self.waiting: IDelayedCall | None = None


class Courier:
    """The gateway's Backend.

    Each session is here at most once: ready, in flight or waiting. So the queues are bounded by the number of
    connections, and what a session holds is bounded by its lane.

    `patience` says for how many seconds an event of a kind is tried, from its first try; connects are tried once.
    `now()` is the time in seconds since the epoch, `random()` a number from 0 to 1.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        contract: Contract,
        sender: Sender,
        *,
        concurrency: int,
        message_patience: float,
        disconnect_patience: float,
        now: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        self._clock = clock
        self._contract = contract
        self._sender = sender
        self._shares = Shares(concurrency)
        self._patience: dict[type[Event], float] = {Received: message_patience, Closed: disconnect_patience}
        self._now = now
        self._random = random
        self._ready: dict[type[Event], deque[Session]] = {kind: deque() for kind in KINDS}
        self._deliveries: dict[Session, Delivery | None] = {}
        self._pumping = False
        self._stopped = False

    def wake(self, session: Session) -> None:
        """The session may have an event; if it is not already here, it gets its turn behind the others."""
        if session not in self._deliveries:
            self._enqueue(session)
            self._pump()

    def stop(self) -> None:
        """Send nothing more. What is in flight may still be answered, and is not settled any more."""
        self._stopped = True
        for delivery in self._deliveries.values():
            if delivery is not None and delivery.waiting is not None:
                delivery.waiting.cancel()
        self._deliveries.clear()
        for queue in self._ready.values():
            queue.clear()

    def _enqueue(self, session: Session) -> None:
        kind = session.pending
        if kind is None or self._stopped:
            self._deliveries.pop(session, None)
        else:
            self._deliveries.setdefault(session, None)
            self._ready[kind].append(session)

    def _pump(self) -> None:
        """Send what may be sent. A send that ends at once comes back through `_answered`, not through here."""
        if self._pumping:
            return
        self._pumping = True
        try:
            progress = True
            while progress:
                progress = False
                for kind, queue in self._ready.items():
                    if queue and self._shares.allows(kind):
                        progress = True
                        self._send(queue.popleft(), kind)
        finally:
            self._pumping = False

    def _send(self, session: Session, kind: type[Event]) -> None:
        delivery = self._deliveries[session]
        if delivery is None:
            if session.pending is not kind:  # its lane was given up since, or it was closed
                self._enqueue(session)
                return
            event = session.take()
            assert event is not None
            delivery = self._deliveries[session] = Delivery(session, event, self._clock.seconds())
        delivery.tries += 1
        self._shares.enter(kind)
        try:
            sent = self._sender.send(self._contract.webhook(session, delivery.event))
        except Exception:
            self._shares.leave(kind)
            self._broken(Failure(), delivery)
        else:
            sent.addBoth(self._answered, delivery)
            sent.addErrback(self._broken, delivery)

    def _answered(self, answer: Answer | Failure, delivery: Delivery) -> None:
        self._shares.leave(delivery.kind)
        if self._stopped:
            return
        if isinstance(answer, Failure):
            if not isinstance(answer.value, Fault):
                answer.raiseException()
            result = read(delivery.event, answer.value, self._now)
        else:
            result = read(delivery.event, answer, self._now)
        if isinstance(result, Again):
            self._again(delivery, result)
        else:
            self._settle(delivery, result)
        self._pump()

    def _settle(self, delivery: Delivery, outcome: Outcome) -> None:
        session = delivery.session
        session.settle(outcome)
        # Only now may it be woken: while it settled it was still here.
        del self._deliveries[session]
        self._enqueue(session)

    def _again(self, delivery: Delivery, again: Again) -> None:
        kind, session = delivery.kind, delivery.session
        attempted = Attempted(delivery.tries, self._clock.seconds() - delivery.began, again.retry_after)
        decision = decide(attempted, self._patience[kind], self._random)
        if isinstance(decision, GiveUp):
            self._log.error(
                "gave up a {event} webhook of {connection}: {reason}; last: {last}",
                event="message" if kind is Received else "disconnect",
                connection=session.id,
                reason=decision.reason,
                last=again.reason,
            )
            self._settle(delivery, _GIVEN_UP[kind])
            return
        self._log.debug(
            "trying again in {seconds:.3f} s, {connection}: {last}",
            seconds=decision.seconds,
            connection=session.id,
            last=again.reason,
        )
        delivery.waiting = self._clock.callLater(decision.seconds, self._retry, delivery)

    def _retry(self, delivery: Delivery) -> None:
        delivery.waiting = None
        self._ready[delivery.kind].append(delivery.session)
        self._pump()

    def _broken(self, failure: Failure, delivery: Delivery) -> None:
        """A bug of ours. No message may be skipped in silence and no lane may hang: the connection is closed."""
        session = delivery.session
        self._log.failure("a webhook of {connection} broke", failure, connection=session.id)
        if self._deliveries.get(session) is delivery:
            session.close(Cause.UNDELIVERED, CloseCode.INTERNAL_ERROR, "")
            if session.pending is delivery.kind:
                self._settle(delivery, _GIVEN_UP[delivery.kind])
            else:
                del self._deliveries[session]
                self._enqueue(session)
            self._pump()
