"""Carries events to the backend: one in flight per connection, so many in all, again when it must.

    wake -> ready (one queue per kind) -> in flight -> settled -> ready, while the session has more
                                             |
                                             +-> waiting (backoff) -> ready

While the breaker is open, connects are turned away, what is ready waits for its turn to be the probe, and what waits
is made ready again as soon as the backend returns.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from wsaas.backend.breaker import Breaker
from wsaas.backend.concurrency import KINDS, Shares
from wsaas.backend.delivery import Delivery
from wsaas.backend.requests import Contract, Webhook
from wsaas.backend.responses import Retry, Warnings, read
from wsaas.core.model import (
    Acknowledged,
    Cause,
    CloseCode,
    Closed,
    Event,
    Indeterminate,
    Opened,
    Outcome,
    Received,
    Undelivered,
)
from wsaas.core.retry import Attempted, GiveUp, decide
from wsaas.core.session import Session
from wsaas.http_client.exchange import Fault, HttpResponse
from wsaas.telemetry.log_limit import LogLimit

WARN_EVERY = 10.0
"""Seconds between two warnings that a webhook failed; a backend that is down is told once, not per connection."""

_NAMES: dict[type[Event], str] = {Opened: "connect", Received: "message", Closed: "disconnect"}
_GIVEN_UP: dict[type[Event], Outcome] = {
    Opened: Indeterminate(502, "BAD_GATEWAY"),
    Received: Undelivered(),
    Closed: Acknowledged(),
}


class Sender(Protocol):
    """Sends one webhook once."""

    def send(self, webhook: Webhook, done: Callable[[HttpResponse | Fault | Failure], object]) -> None:
        """`done` hears, perhaps before this returns, the backend's answer, whatever its status, or a Fault; a Failure
        is a bug of ours.
        """


class Courier:
    """The gateway's Backend.

    Each session is here at most once: ready, in flight or waiting. So the queues are bounded by the number of
    connections, and what a session holds is bounded by its lane.

    `patience` says for how many seconds an event of a kind is tried, from its first try; connects are tried once.
    `now()` is the time in seconds since the epoch, `random()` a number from 0 to 1; `address` is the backend's, for the
    log.
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
        address: str = "",
    ) -> None:
        self._clock = clock
        self._contract = contract
        self._sender = sender
        self._warnings = Warnings(LogLimit(clock), address)
        self._shares = Shares(concurrency)
        self._patience: dict[type[Event], float] = {Received: message_patience, Closed: disconnect_patience}
        self._now = now
        self._random = random
        self._breakers = {kind: Breaker(random) for kind in KINDS}
        self._warned_at = -WARN_EVERY
        self._failing = False
        """Whether any breaker has noted a failure since the last success: only then they are asked."""
        self._ready: dict[type[Event], deque[Delivery]] = {kind: deque() for kind in KINDS}
        self._queues = tuple(self._ready.items())
        self._deliveries: dict[Session, Delivery] = {}
        self._probing: IDelayedCall | None = None
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
            if delivery.waiting is not None:
                delivery.waiting.cancel()
        if self._probing is not None:
            self._probing.cancel()
            self._probing = None
        self._deliveries.clear()
        for queue in self._ready.values():
            queue.clear()

    def _enqueue(self, session: Session) -> None:
        kind = session.pending
        if kind is not None and not self._stopped:
            delivery = self._deliveries[session] = Delivery(session, kind, self._clock.seconds())
            if self._breakers[kind].open:
                # Before those that have failed already: if it is they who are at fault, this one ends it.
                self._ready[kind].appendleft(delivery)
            else:
                self._ready[kind].append(delivery)

    def _pump(self) -> None:
        """Send what may be sent. A send that ends at once comes back through `_answered`, not through here."""
        if self._pumping:
            return
        self._pumping = True
        try:
            progress = True
            while progress:
                progress = False
                for kind, queue in self._queues:
                    if queue and self._advance(kind, queue):
                        progress = True
                if not any([queue for _, queue in self._queues]):
                    break
        finally:
            self._pumping = False
        if self._failing:
            self._plan_probe()

    def _advance(self, kind: type[Event], queue: deque[Delivery]) -> bool:
        """Do something with the first that is ready of this kind; whether anything was done."""
        admitted = not self._failing or self._breakers[kind].admits(self._clock.seconds())
        if admitted and self._shares.allows(kind):
            self._send(queue.popleft())
            return True
        if kind is Opened and not admitted:
            session = queue.popleft().session
            del self._deliveries[session]
            session.turn_away()
            return True
        return False

    def _plan_probe(self) -> None:
        due = [self._breakers[kind].next_probe for kind, queue in self._queues if self._breakers[kind].open and queue]
        if due and self._probing is None:
            self._probing = self._clock.callLater(max(0.0, min(due) - self._clock.seconds()), self._probe)

    def _probe(self) -> None:
        """The pause is over. What waited for it too long is given up: patience counts while nothing is sent, too."""
        self._probing = None
        now = self._clock.seconds()
        for kind, patience in self._patience.items():
            queue = self._ready[kind]
            for _ in range(len(queue)):
                delivery = queue.popleft()
                if now - delivery.began < patience:
                    queue.append(delivery)
                else:
                    self._give_up(delivery, f"nothing was sent for {patience:g} s: the backend fails everything")
        self._pump()

    def _send(self, delivery: Delivery) -> None:
        session = delivery.session
        if delivery.event is None:
            if session.pending is not delivery.kind:  # it was closed since
                del self._deliveries[session]
                self._enqueue(session)
                return
            delivery.event = session.take()
            delivery.began = self._clock.seconds()
        assert delivery.event is not None
        delivery.tries += 1
        if self._failing:
            self._breakers[delivery.kind].sent(self._clock.seconds())
        self._shares.enter(delivery.kind)
        try:
            self._sender.send(self._contract.webhook(session, delivery.event), partial(self._answered, delivery))
        except Exception:
            self._shares.leave(delivery.kind)
            self._broken(Failure(), delivery)

    def _answered(self, delivery: Delivery, answer: HttpResponse | Fault | Failure) -> None:
        self._shares.leave(delivery.kind)
        if self._stopped:
            return
        try:
            if isinstance(answer, Failure):
                answer.raiseException()
            self._note(answer, delivery.kind)
            assert delivery.event is not None
            result = read(delivery.session.id, delivery.event, answer, self._now, self._warnings)
            if isinstance(result, Retry):
                self._again(delivery, result)
            else:
                self._settle(delivery, result)
        except Exception:
            self._broken(Failure(), delivery)
        self._pump()

    def _note(self, answer: HttpResponse | Fault, kind: type[Event]) -> None:
        """Tell the breakers, and let everybody try at once when the backend is back."""
        if isinstance(answer, Fault) or answer.status >= 500:
            self._failing = True
            now = self._clock.seconds()
            reason = str(answer) if isinstance(answer, Fault) else f"status {answer.status}"
            if self._breakers[kind].failed(now):
                self._log.error(
                    "the backend fails every {kind}; it is only probed now: {reason}", kind=_NAMES[kind], reason=reason
                )
            elif now - self._warned_at >= WARN_EVERY:
                self._warned_at = now
                self._log.warn("a {kind} webhook failed: {reason}", kind=_NAMES[kind], reason=reason)
        elif self._failing:
            self._failing = False
            if any([breaker.succeeded() for breaker in self._breakers.values()]):
                self._log.info("the backend is back")
                self._retry_everybody()

    def _retry_everybody(self) -> None:
        for delivery in list(self._deliveries.values()):
            if delivery.waiting is not None and not delivery.told_when:
                delivery.waiting.cancel()
                delivery.waiting = None
                self._ready[delivery.kind].append(delivery)

    def _settle(self, delivery: Delivery, outcome: Outcome) -> None:
        session = delivery.session
        session.settle(outcome)
        # Only now may it be woken: while it settled it was still here.
        del self._deliveries[session]
        self._enqueue(session)

    def _again(self, delivery: Delivery, again: Retry) -> None:
        kind, session = delivery.kind, delivery.session
        attempted = Attempted(delivery.tries, self._clock.seconds() - delivery.began, again.retry_after)
        decision = decide(attempted, self._patience[kind], self._random)
        if isinstance(decision, GiveUp):
            self._give_up(delivery, f"{decision.reason}; last: {again.reason}")
            return
        self._log.debug(
            "trying again in {seconds:.3f} s, {connection}: {last}",
            seconds=decision.seconds,
            connection=session.id,
            last=again.reason,
        )
        delivery.told_when = again.retry_after is not None
        delivery.waiting = self._clock.callLater(decision.seconds, self._retry, delivery)

    def _give_up(self, delivery: Delivery, reason: str) -> None:
        self._log.error(
            "gave up a {kind} webhook of {connection}: {reason}",
            kind=_NAMES[delivery.kind],
            connection=delivery.session.id,
            reason=reason,
        )
        self._settle(delivery, _GIVEN_UP[delivery.kind])

    def _retry(self, delivery: Delivery) -> None:
        delivery.waiting = None
        self._ready[delivery.kind].append(delivery)
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
