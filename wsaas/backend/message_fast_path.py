"""The fast path of messages: from a lane to the backend and back, without the objects between.

The courier's slow path makes of each message an event, a delivery, a webhook and an exchange, and asks the dispatcher
for a place in flight; of each answer an outcome, and a place that is free. Under load almost every message waits for
its place, and is sent when another one is answered. This path takes such a message, and only such a one: it is in the
lane of a session that has nothing else to tell, the breaker has seen no failure, no observer wants the webhook
itself, and the answer is the last one again, which said that the message is delivered and nothing else. It sends the
same bytes in the same order, counts the same, and leaves whatever is unusual to the slow path, at each of its two
steps (`send`, `answered`). Where a webhook has several messages, it takes a batch in the same way, while no observer
watches at all.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from twisted.python.failure import Failure

from wsaas.backend.delivery import PASSED_OVER, Delivery, Traffic, Watched, tell
from wsaas.backend.dispatcher import Dispatcher
from wsaas.backend.message_exchange import MessageExchange
from wsaas.backend.requests import Contract, batch_answer_limit
from wsaas.backend.responses import DELIVERED
from wsaas.core.counters import DURATIONS
from wsaas.core.events import Batch, EventKind, Received
from wsaas.core.monitor import Monitor
from wsaas.core.plain_delivery import resolve_delivered
from wsaas.core.session import Session
from wsaas.http_client.exchange import Fault, HttpResponse
from wsaas.http_client.pool import Pool
from wsaas.http_client.target import Target

Answer = HttpResponse | Fault | Failure
_MESSAGE = EventKind.MESSAGE  # Enum looks its members up anew each time
SPARE = 64
"""Deliveries that are kept for the next sessions with a message."""


class Gate(Protocol):
    """Keeps webhooks back, and answers, while this process may not speak."""

    @property
    def closed(self) -> bool:
        """True while webhooks and answers are kept back."""

    def hold(self, step: Callable[[], object]) -> None:
        """Take this step when the gate is open again, behind all that waits."""


class MessageFastPath:
    """Sends messages over the pool, and hears their answers, for one courier. `timeout` is as that of PoolSender, and
    `limit` is for the body of an answer, in bytes: to one message, also where `batches` says that lanes have batches.

    Bound: a delivery and its exchange are used again, by the same session while that has more to tell, and then by
    another; SPARE of them are kept for that.
    """

    def __init__(
        self, pool: Pool, target: Target, timeout: float, limit: int, gate: Gate | None = None, batches: bool = False
    ) -> None:
        self._begin = pool.begin
        self._seconds = pool.clock.seconds
        self._around_id = target.base_path + b"/", pool.after_path
        self._timeout = timeout
        self._limit = batch_answer_limit(limit) if batches else limit
        self._batches = batches
        self._gate = gate
        self._spare: list[Delivery] = []

    def join(
        self,
        contract: Contract,
        dispatcher: Dispatcher,
        traffic: Traffic,
        deliveries: dict[Session, Delivery],
        monitor: Monitor,
        *,
        send: Callable[[Delivery], object],
        answered: Callable[[Delivery, Answer], object],
        offer: Callable[[Session], object],
        broken: Callable[[Failure, Delivery], object],
    ) -> None:
        """Work for a courier, with these parts of it. `send` and `answered` are its slow path."""
        self._make_request: Callable[[Session, Any, bytes], bytes] = (
            contract.batch if self._batches else contract.message
        )
        self._form = contract.message_form(*self._around_id, b"messages" if self._batches else b"message")
        self._dispatcher = dispatcher
        self._traffic = traffic
        self._duration, self._answers = traffic.counters.duration, traffic.counters.answers
        self._deliveries = deliveries
        self._monitor = monitor
        self._slow_send, self._slow_answered, self._offer, self._broken = send, answered, offer, broken

    def wake(self, session: Session) -> None:
        """Send the session's event, if it has one, now or in its turn. Do nothing if the session is already here.

        Fast path: as `Courier.wake`, for a message, and with a spare delivery. Behind another delivery of its party it
        waits as `Dispatcher.submit` has it.
        """
        if session in self._deliveries:
            return
        if not self._spare or session.find_pending() is not _MESSAGE:
            self._offer(session)
            return
        delivery, traffic = self._spare.pop(), self._traffic
        delivery.session = session
        delivery.party = party = session.handshake.party
        delivery.tries = 0
        self._deliveries[session] = delivery
        if party in traffic.ready.parties and not traffic.breaker.open:
            delivery.began = self._seconds()
            traffic.ready.append(delivery)
        else:
            delivery.began = 0.0
            self._dispatcher.submit(delivery)

    def stop(self) -> None:
        """Send nothing more: no delivery is spare from now on, since no answer is a plain one."""
        self._spare.clear()
        self._traffic.plain_answer = None

    def send(self, delivery: Delivery) -> None:
        """Send a delivery, which has its place in flight."""
        session, observer = delivery.session, self._monitor.observer
        if (
            delivery.event is not None
            or (observer is not None and (self._batches or observer.wants_requests))
            or session.find_pending() is not _MESSAGE
            or (self._gate is not None and self._gate.closed)
        ):
            self._slow_send(delivery)
            return
        event: Received | Batch
        lane = session.lane
        event = delivery.event = lane.head if self._batches else lane.messages[0]  # the head of one message, uncalled
        delivery.tries = 1
        due = delivery.began
        delivery.began = delivery.sent_at = now = self._seconds()
        try:
            exchange = delivery.exchange
            if exchange is None:
                exchange = delivery.exchange = MessageExchange(self._limit, self._timeout, self.answered)
            exchange.request = self._make_request(session, event, self._form)
            exchange.deadline = now + self._timeout
            exchange.sent = 0
            exchange.of = delivery
            if observer is not None:
                if observer.wants_message():
                    exchange.timing = delivery.watched = Watched(None, due or now, now)
                else:
                    delivery.watched, delivery.due = PASSED_OVER, due or now
            self._begin(exchange)
        except Exception:
            self._dispatcher.release(_MESSAGE, delivery.party)
            self._broken(Failure(), delivery)

    def answered(self, delivery: Delivery, answer: Answer, moment: float = 0.0) -> None:
        """Hear the answer of a delivery that `send` has sent; and its moment, where the HTTP client has read it."""
        traffic = self._traffic
        if self._gate is not None and self._gate.closed:
            self._gate.hold(partial(self._slow_answered, delivery, answer))
            return
        watched, observer = delivery.watched, self._monitor.observer
        if (
            answer is not traffic.plain_answer
            or traffic.breaker.failures
            or (observer is not None and (watched is None or observer.wants_requests))
        ):
            self._slow_answered(delivery, answer)
            return
        session, dispatcher, duration = delivery.session, self._dispatcher, self._duration
        now = moment or self._seconds()
        seconds = now - delivery.sent_at
        # As in the courier, and there as Histogram.observe does.
        bucket = bisect_left(DURATIONS, seconds)
        duration.counts[bucket] += 1
        duration.sum += seconds
        if bucket > 3:
            duration.exemplars[bucket] = (session.trace_id, seconds, now)
        self._answers[2] += 1
        try:
            if watched is not None:
                assert delivery.exchange is not None
                delivery.watched = delivery.exchange.timing = None
                if observer is not None and type(delivery.event) is Received:
                    if watched is PASSED_OVER:
                        observer.passed_over(session, delivery.event, delivery.tries, answer)
                    elif watched.begun is not None and watched.first_byte is not None:
                        moments = watched.due, watched.sent_at, watched.begun, watched.first_byte, now
                        observer.delivered(session, delivery.event, delivery.tries, answer, moments)
                    else:
                        watched.answer, watched.answered_at = answer, now
                        tell(observer, session, delivery.event, delivery.tries, watched, DELIVERED)
            pending = resolve_delivered(session)
        except Exception:
            dispatcher.release(_MESSAGE, delivery.party)
            self._broken(Failure(), delivery)
        else:
            if pending is _MESSAGE:
                delivery.event, delivery.tries, delivery.began = None, 0, now
                if dispatcher.pass_on(delivery, delivery):
                    return
            del self._deliveries[session]
            passed_on = pending is None and dispatcher.pass_on(delivery, None)
            if len(self._spare) < SPARE:
                delivery.event = None
                del delivery.session  # to the next one it is another's
                self._spare.append(delivery)
            if passed_on:
                return
            dispatcher.release(_MESSAGE, delivery.party)
            if pending is not None:
                self.wake(session)
        dispatcher.pump()
