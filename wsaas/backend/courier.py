"""Carries events to the backend in order: one in flight per connection, and again after a failure.

    wake -> ready (one queue per kind) -> in flight -> resolved -> ready, while the session has more
                                             |
                                             +-> waiting (backoff) -> ready

Each kind of event has a breaker of its own. While that of connects is open, all but a few probes are turned away.
Deliveries of the other kinds wait to be probes; those that failed because the backend could not be reached are ready
again when a webhook of their kind reaches it. Any other failure concerns only its cause: a message waits for its own
backoff, and connects from an address whose connects fail are turned away.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from functools import partial

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from wsaas.backend.answer_log import AnswerLog
from wsaas.backend.breaker import PROBES, Breaker
from wsaas.backend.decision import ACCEPTED
from wsaas.backend.delivery import Delivery, Traffic, attempt_of, note_answer, tell, watch
from wsaas.backend.dispatcher import Dispatcher
from wsaas.backend.health import Change, unreached
from wsaas.backend.health_log import log_change
from wsaas.backend.message_fast_path import MessageFastPath
from wsaas.backend.reply_stream import ReplyStreams
from wsaas.backend.requests import Contract
from wsaas.backend.responses import ACKNOWLEDGED, DELIVERED, NO_ANSWER, read
from wsaas.backend.retries import Retry
from wsaas.backend.sender import Sender
from wsaas.core.counters import DURATIONS
from wsaas.core.events import Cause, CloseCode, EventKind
from wsaas.core.monitor import Monitor
from wsaas.core.outcomes import Expired, Indeterminate, Outcome, Undelivered
from wsaas.core.refusal import RefusalReason
from wsaas.core.retry import LONGEST_DELAY, Attempted, GiveUp, decide
from wsaas.core.session import Session
from wsaas.http_client.exchange import Fault, HttpResponse, TimedOut
from wsaas.telemetry.log_limit import LogLimit

_MESSAGE, _DISCONNECT = EventKind.MESSAGE, EventKind.DISCONNECT  # Enum looks its members up anew each time


class Courier:
    """The gateway's Backend.

    Each session is here at most once: ready, in flight or waiting. So the queues are bounded by the number of
    connections, and what a session holds is bounded by its lane.

    An event is tried for its patience, in seconds from its first try: a refresh for that of messages, a connect once.
    `wall_clock()` is the time in seconds since the epoch, `random()` a number from 0 to 1; `address` is the backend's.
    A `fast_path` of None switches that of messages off.
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
        wall_clock: Callable[[], float],
        random: Callable[[], float],
        monitor: Monitor,
        streams: ReplyStreams,
        address: str = "",
        fast_path: MessageFastPath | None = None,
    ) -> None:
        self._clock = clock
        self._seconds = clock.seconds  # each message reads it
        self._contract = contract
        self._sender = sender
        self._answer_log = AnswerLog(LogLimit(clock), address)
        self._streams = streams
        self._wall_clock = wall_clock
        self._random = random
        self._monitor = monitor
        counters = monitor.counters.webhooks
        traffic = (  # in the order of their turns
            Traffic(counters, EventKind.REFRESH, Breaker(random), message_patience, Expired()),
            Traffic(counters, EventKind.MESSAGE, Breaker(random), message_patience, Undelivered(), DELIVERED),
            Traffic(counters, EventKind.CONNECT, Breaker(random, PROBES // 2), 0.0, Indeterminate(NO_ANSWER), ACCEPTED),
            Traffic(counters, EventKind.DISCONNECT, Breaker(random), disconnect_patience, ACKNOWLEDGED, ACKNOWLEDGED),
        )
        self._traffic = {each.kind: each for each in traffic}
        self._dispatcher = Dispatcher(
            clock,
            random,
            concurrency,
            traffic,
            send=self._send,
            turn_away=self._turn_away,
            give_up=self._give_up,
        )
        self.load = self._dispatcher.load
        self._deliveries: dict[Session, Delivery] = {}
        self._stopped = False
        self._fast_path = fast_path
        self.wake: Callable[[Session], None] = self._offer if fast_path is None else fast_path.wake
        """Send the session's event, if it has one, now or in its turn. Do nothing if the session is already here."""
        if fast_path is not None:
            self._traffic[_MESSAGE].send = fast_path.send
            fast_path.join(
                contract,
                self._dispatcher,
                self._traffic[_MESSAGE],
                self._deliveries,
                monitor,
                send=self._send,
                answered=self._answered,
                offer=self._offer,
                broken=self._broken,
            )

    def stop(self) -> None:
        """Send nothing more. Answers to webhooks in flight are ignored from now on."""
        self._stopped = True
        self._dispatcher.stop()
        if self._fast_path is not None:
            self._fast_path.stop()
        for delivery in self._deliveries.values():
            if delivery.waiting is not None:
                delivery.waiting.cancel()
        self._deliveries.clear()

    def _offer(self, session: Session) -> None:
        if session in self._deliveries or self._stopped:
            return
        if (kind := session.find_pending()) is not None:
            delivery = self._deliveries[session] = Delivery(session, self._traffic[kind])
            self._dispatcher.submit(delivery)

    def _turn_away(self, delivery: Delivery) -> None:
        del self._deliveries[delivery.session]
        delivery.session.turn_away(RefusalReason.BACKEND_AWAY)

    def _send(self, delivery: Delivery) -> None:
        session = delivery.session
        if delivery.event is None:
            event = session.next_event()
            if event is None or event.kind is not delivery.traffic.kind:  # it was closed since
                del self._deliveries[session]
                self._dispatcher.release(delivery.traffic.kind, delivery.party)
                self._offer(session)
                return
            delivery.event = event
            due = delivery.began
            delivery.began = delivery.sent_at = self._seconds()
        else:
            due = delivery.due
            delivery.sent_at = self._seconds()
        delivery.tries += 1
        try:
            webhook = self._contract.webhook(session, delivery.event)
            if self._monitor.observer is not None:
                watch(self._monitor.observer, delivery, webhook, due or delivery.sent_at)
            self._sender.send(webhook, partial(self._answered, delivery))
        except Exception:
            self._dispatcher.release(delivery.traffic.kind, delivery.party)
            self._broken(Failure(), delivery)

    def _answered(self, delivery: Delivery, answer: HttpResponse | Fault | Failure) -> None:
        traffic, watched = delivery.traffic, delivery.watched
        self._dispatcher.release(traffic.kind, delivery.party)
        if self._stopped:
            return
        now = self._seconds()
        counters, seconds = traffic.counters, now - delivery.sent_at
        duration = counters.duration
        # As Histogram.observe does, without the call: each message comes here.
        bucket = bisect_left(DURATIONS, seconds)
        duration.counts[bucket] += 1
        duration.sum += seconds
        if bucket > 3:  # a try of over 10 ms: a quicker one is not worth a search
            duration.exemplars[bucket] = (delivery.session.trace_id, seconds, now)
        if watched is not None:
            note_answer(delivery, watched, answer, now)
        try:
            if answer is traffic.plain_answer and not traffic.breaker.failures:
                counters.answers[2] += 1
                if traffic.kind is _DISCONNECT:
                    self._monitor.owed.answered(delivery.session.id, self._wall_clock())
                self._resolve(delivery, traffic.plain_outcome)  # type: ignore[arg-type]  # without it no answer is plain
            else:
                self._read(delivery, answer)
        except Exception:
            self._broken(Failure(), delivery)
        self._dispatcher.pump()

    def _read(self, delivery: Delivery, answer: HttpResponse | Fault | Failure) -> None:
        """Read an answer: the state of the backend, and the outcome of the event."""
        if isinstance(answer, Failure):
            answer.raiseException()
        counters = delivery.traffic.counters
        if isinstance(answer, HttpResponse):
            counters.answers[answer.status // 100] += 1
        elif isinstance(answer, TimedOut):
            counters.timeouts += 1
        else:
            counters.failures += 1
        for change in self._dispatcher.note(delivery, answer):
            self._changed(change, delivery, answer)
        assert delivery.event is not None
        stream = partial(self._streams.open, delivery.session)
        result = read(delivery.session.id, delivery.event, answer, self._wall_clock, self._answer_log, stream)
        if isinstance(result, Retry):
            self._again(delivery, result, unreached(answer))
            return
        if isinstance(answer, Fault):
            counters.abandoned += 1
        elif not 200 <= answer.status < 300:
            counters.refused += 1
        elif result is delivery.traffic.plain_outcome:
            self._dispatcher.note_plain(delivery.traffic, answer)
        if delivery.traffic.kind is _DISCONNECT:
            self._monitor.owed.answered(delivery.session.id, self._wall_clock())
        self._resolve(delivery, result)

    def _changed(self, change: Change, delivery: Delivery, answer: HttpResponse | Fault) -> None:
        """Log that an answer has changed what may be sent. If the backend is back, end the waits for it."""
        log_change(self._answer_log, change, delivery, answer)
        if change is Change.CLOSED:
            for each in list(self._deliveries.values()):
                if each.traffic is delivery.traffic:
                    self._hurry(each)

    def _hurry(self, delivery: Delivery) -> None:
        """End a delivery's wait; but not twice within LONGEST_DELAY, so that there is a backoff all the same."""
        now = self._clock.seconds()
        if delivery.waiting is not None and delivery.may_hurry and now - delivery.hurried_at >= LONGEST_DELAY:
            delivery.waiting.cancel()
            delivery.waiting = None
            delivery.traffic.pausing -= 1
            delivery.hurried_at = delivery.due = now
            self._dispatcher.submit_again(delivery)

    def _resolve(self, delivery: Delivery, outcome: Outcome) -> None:
        session, observer = delivery.session, self._monitor.observer
        if observer is not None and (event := delivery.event or session.next_event()) is not None:
            tell(observer, session, event, delivery.tries, delivery.watched, outcome)
        session.resolve(outcome)
        # Only now may it be woken: while it was resolved it was still here.
        del self._deliveries[session]
        if outcome is not ACKNOWLEDGED:  # behind its disconnect a session has nothing to tell
            self._offer(session)

    def _again(self, delivery: Delivery, again: Retry, unreached: bool) -> None:
        session = delivery.session
        attempted = Attempted(delivery.tries, self._clock.seconds() - delivery.began, again.retry_after)
        decision = decide(attempted, delivery.traffic.patience, self._random)
        if isinstance(decision, GiveUp):
            self._give_up(delivery, f"{decision.reason}; last: {again.reason}")
            return
        self._log.debug(
            "a webhook of {connection} is sent again in {seconds:.3f} s: {last}",
            seconds=decision.seconds,
            connection=session.id,
            last=again.reason,
        )
        if self._monitor.observer is not None and delivery.event is not None:
            self._monitor.observer.tried(
                session, attempt_of(delivery.event, delivery.tries, delivery.watched, None, decision.seconds)
            )
        delivery.watched = None
        delivery.may_hurry = unreached and again.retry_after is None
        delivery.waiting = self._clock.callLater(decision.seconds, self._retry, delivery)
        delivery.traffic.pausing += 1

    def _give_up(self, delivery: Delivery, reason: str) -> None:
        self._answer_log.gave_up(delivery.traffic.kind.value, delivery.session.id, reason)
        delivery.traffic.counters.abandoned += 1
        self._resolve(delivery, delivery.traffic.given_up)

    def _retry(self, delivery: Delivery) -> None:
        delivery.waiting = None
        delivery.traffic.pausing -= 1
        delivery.due = self._clock.seconds()
        self._dispatcher.submit_again(delivery)

    def _broken(self, failure: Failure, delivery: Delivery) -> None:
        """Close the connection after a bug of ours: no message may be skipped in silence, and no lane may hang."""
        session = delivery.session
        self._log.failure("a bug of the gateway stopped a webhook of {connection}", failure, connection=session.id)
        if self._deliveries.get(session) is delivery:
            session.close(Cause.UNDELIVERED, CloseCode.INTERNAL_ERROR, "")
            if session.pending is delivery.traffic.kind:
                delivery.traffic.counters.abandoned += 1
                self._resolve(delivery, delivery.traffic.given_up)
            else:
                del self._deliveries[session]
                self._offer(session)
