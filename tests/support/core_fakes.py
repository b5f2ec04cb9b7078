"""The world around the rules, without a wire: each fake writes down what it is told, in one list for all.

A call is a short text, such as "close 1000 bye". `Calls.then` plays the part of a world that calls back before a call
returns; `Calls.states` are the states that the session was in when it called.
"""

from __future__ import annotations

from collections.abc import Callable

from wsaas.core.errors import GatewayError
from wsaas.core.events import Closed, Event, Received
from wsaas.core.model import Frame, Handshake, Limits
from wsaas.core.observer import Attempt, DeliveryMoments, Push, RefusedHandshake
from wsaas.core.outcomes import Accepted, Indeterminate, Kept, Outcome, Refused
from wsaas.core.pushes import Pushed, PushKind
from wsaas.core.records import Record
from wsaas.core.refusal import Refusal, RefusalReason
from wsaas.core.session import Session
from wsaas.core.states import State

ID = "abcdefgh" + "0" * 24
DUE = 1700003600.0
"""The moment at which the time of a session is over, whenever that is."""
VETOED = Refused(Refusal(RefusalReason.VETOED))
TIMED_OUT = Indeterminate(Refusal(RefusalReason.TIMEOUT))


def text(content: str) -> Frame:
    return Frame(content.encode(), binary=False)


def hello(**changes: object) -> Handshake:
    return Handshake(**{"path": "/room/7", "query": "a=1", "origin": None, "remote_address": "203.0.113.9", **changes})


class Calls(list[str]):
    """What was called, oldest first."""

    def __init__(self) -> None:
        super().__init__()
        self.then: dict[str, Callable[[], object]] = {}
        self.states: list[State] = []

    def say(self, call: str, session: Session | None) -> None:
        """Write it down, then do what `then` has for this text or its first word, once."""
        self.append(call)
        if session is not None:
            self.states.append(session.state)
        happens = self.then.pop(call, None) or self.then.pop(call.split()[0], None)
        if happens is not None:
            happens()

    def flush(self) -> list[str]:
        """What was called since the last time."""
        said = list(self)
        self.clear()
        self.states.clear()
        return said


class FakePeer:
    """A client's end. While `full`, no frame has room."""

    def __init__(self, calls: Calls) -> None:
        self.session: Session | None = None
        self.waiting = 0
        self.last_active_at = 1700000042.0
        self.full = False
        self.calls = calls

    def accept(self, subprotocol: str | None, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        self.calls.say(f"accept {subprotocol} {dict(headers) or ''}".rstrip(), self.session)

    def refuse(self, refusal: Refusal) -> None:
        self.calls.say(f"refuse {refusal.reason.name}", self.session)

    def send(self, frame: Frame, ping: bytes | None = None) -> bool:
        full = self.full
        behind = "" if ping is None else f" with ping {ping.decode()}"
        self.calls.say(f"{'no room for' if full else 'send'} {frame.payload.decode()}{behind}", self.session)
        return not full

    def close(self, code: int, reason: str) -> None:
        self.calls.say(f"close {code} {reason}".rstrip(), self.session)

    def pause_reading(self) -> None:
        self.calls.say("pause", self.session)

    def resume_reading(self) -> None:
        self.calls.say("resume", self.session)


class FakeTimer:
    """The time of a session that expires; the test lets it end."""

    def __init__(self, seconds: float, over: Callable[[], object]) -> None:
        self.seconds = seconds
        self.over = over
        self.runs = True

    def cancel(self) -> None:
        assert self.runs
        self.runs = False


class FakeOwner:
    """The owner of one session. `timer` is the last one of its expiry, if it has one; `speaks` says if replies may be
    sent.
    """

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        self.speaks = True
        self.timer: FakeTimer | None = None

    def run_out(self, session: Session) -> None:
        """The time is over, if it runs."""
        if self.timer is not None and self.timer.runs:
            self.timer.runs = False
            self.timer.over()
            self.wake(session)

    def _start(self, session: Session) -> None:
        def call_later(seconds: float, over: Callable[[], object]) -> FakeTimer:
            assert self.timer is None or not self.timer.runs
            self.timer = FakeTimer(seconds, over)
            return self.timer

        expiry = session.expiry
        if expiry is not None and session.state is State.OPEN:
            expiry.start(call_later, lambda: expiry.fall_due(DUE))

    def wake(self, session: Session) -> None:
        self.calls.say("wake", session)

    def accepted(self, session: Session, accepted: Accepted) -> None:
        self.calls.say("accepted", session)

    def refuse(self, peer: FakePeer, refusal: Refusal) -> None:
        peer.refuse(refusal)

    def opened(self, session: Session) -> None:
        self._start(session)

    def kept(self, session: Session, kept: Kept) -> None:
        self.calls.say("kept", session)
        self._start(session)

    def may_reply(self) -> bool:
        return self.speaks

    def replied(self, session: Session, frame: Frame) -> None:
        session.outgoing.replies += 1

    def closing(self, session: Session) -> None:
        self.calls.say("closing", session)

    def ended(self, session: Session, closed: Closed) -> None:
        self.calls.say(f"ended {spell(closed)}", session)

    def forget(self, session: Session) -> None:
        self.calls.say("forget", session)


class FakeBackend:
    """The carrier of the webhooks: here it carries none; the test takes events and resolves them."""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        self.woken: list[Session] = []

    def wake(self, session: Session) -> None:
        self.woken.append(session)
        self.calls.say("wake", session)


class FakeJournal:
    """Remembers what it is told, and whom to tell that a record is stored: the test does that."""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        self.records: list[Record] = []
        self.stored: list[Callable[[bool], None]] = []
        self.closings: list[Closed] = []

    def opened(self, record: Record, stored: Callable[[bool], None]) -> None:
        self.records.append(record)
        self.stored.append(stored)
        self.calls.say("journal opened", None)

    def accepted(self, record: Record, stored: Callable[[bool], None]) -> None:
        self.records.append(record)
        self.stored.append(stored)
        self.calls.say("journal accepted", None)

    def closed(self, id: str, closed: Closed) -> None:
        self.closings.append(closed)
        self.calls.say(f"journal closed {id}", None)

    def forget(self, id: str) -> None:
        self.calls.say(f"journal forget {id}", None)


class FakeObserver:
    """Writes down what it hears, as a line each."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.attempts: list[Attempt] = []
        self.wants_requests = self.wants_delivered = True

    def wants_message(self) -> bool:
        return self.wants_delivered

    def passed_over(self, session: Session, message: Received, number: int, answer: object) -> None:
        self.heard.append(f"passed over {session.id[-1]} {message.sequence} {number}")

    def connected(self, session: Session) -> None:
        self.heard.append(f"connected {session.id[-1]} {session.handshake.path}")

    def refused(self, refused: RefusedHandshake) -> None:
        self.heard.append(f"refused {refused.remote_address} {refused.path}: {refused.message}")

    def delivered(
        self, session: Session, message: Received, number: int, answer: object, moments: DeliveryMoments
    ) -> None:
        self.heard.append(f"delivered {session.id[-1]} {message.sequence} {number} {moments}")

    def tried(self, session: Session, attempt: Attempt) -> None:
        became = f"again in {attempt.retry_in}" if attempt.outcome is None else type(attempt.outcome).__name__
        self.attempts.append(attempt)
        self.heard.append(f"tried {session.id[-1]} {attempt.event.kind.value} {became} {attempt.number}")

    def replied(self, session: Session, frame: Frame) -> None:
        self.heard.append(f"replied {session.id[-1]} {frame.payload.decode()}")

    def pushed(self, push: Push) -> None:
        became = push.result.value if isinstance(push.result, Pushed) else type(push.result).__name__
        whom = "" if push.session is None else f" {push.session.id[-1]}"
        many = f" {push.sent}+{push.skipped}" if push.kind is not PushKind.CONNECTION else ""
        size = len(push.payload)
        self.heard.append(f"pushed {push.kind.value} {push.target[-1:]} {size} {became}{whom}{many}")

    def close_asked(self, id: str, code: int, error: GatewayError | None) -> None:
        self.heard.append(f"close asked {id[-1]} {code} {type(error).__name__}")

    def ending(self, session: Session, closed: Closed, gone: bool) -> None:
        groups = ",".join(sorted(session.groups))
        self.heard.append(f"ending {session.id[-1]} {spell(closed)} in [{groups}]{' gone' if gone else ''}")

    def disconnected(self, session: Session, closed: Closed) -> None:
        self.heard.append(f"disconnected {session.id[-1]} {spell(closed)}")


class Stage:
    """One session with fakes all around it, and a courier's memory of what is in flight."""

    def __init__(self, receive_buffer: int = 100_000, send_buffer: int = 100_000, batch: int = 1) -> None:
        self.calls = Calls()
        self.peer = FakePeer(self.calls)
        self.owner = FakeOwner(self.calls)
        self.limits = Limits(1_000_000, receive_buffer, send_buffer, batch)
        record = Record(ID, 1700000000.0, ((b"Authorization", b"Basic eA=="),), "ab" * 16)
        self.session = Session(record, hello(), self.peer, self.limits, self.owner)
        self.peer.session = self.session
        self.in_flight: Event | None = None

    @classmethod
    def connecting(cls, receive_buffer: int = 100_000, send_buffer: int = 100_000) -> Stage:
        """The POST is out, and no call is written down yet."""
        stage = cls(receive_buffer, send_buffer)
        stage.next_event()
        return stage

    @classmethod
    def open(cls, *messages: str, receive_buffer: int = 100_000, send_buffer: int = 100_000) -> Stage:
        """Open, with these messages from the client in its lane, and no call written down yet."""
        stage = cls.connecting(receive_buffer, send_buffer)
        stage.resolve(Accepted())
        stage.receive(*messages)
        stage.calls.flush()
        return stage

    def receive(self, *messages: str) -> None:
        for message in messages:
            self.session.received(text(message))

    def next_event(self) -> Event | None:
        self.in_flight = self.session.next_event()
        return self.in_flight

    def resolve(self, outcome: Outcome) -> None:
        """Resolve what is in flight, as a courier does."""
        self.in_flight = None
        self.session.resolve(outcome)


def spell(closed: Closed) -> str:
    """A farewell in one line: cause, code, reason if any, whether it was clean, messages lost if any."""
    reason = f" {closed.reason!r}" if closed.reason else ""
    lost = f" lost {closed.lost_messages}" if closed.lost_messages else ""
    return f"{closed.cause.value} {closed.code}{reason} {'clean' if closed.clean else 'unclean'}{lost}"
