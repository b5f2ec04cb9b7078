"""A world for the state machine: clients, a backend with its courier, and a journal that survives crashes.

Beside what the rules do, each connection's `Story` records what really happened to it; the promises are checked
against that, by `told` whenever the backend hears something and by `check` between any two steps.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import count
from random import Random

from wsaas.core.errors import ClientTooSlow, NoSuchConnection
from wsaas.core.events import Cause, Closed, Event, Opened, Received, Refresh
from wsaas.core.gateway import Gateway
from wsaas.core.lane import OVERHEAD
from wsaas.core.model import Frame, Handshake, Limits
from wsaas.core.monitor import Monitor
from wsaas.core.outcomes import (
    Accepted,
    Acknowledged,
    CloseRequested,
    Delivered,
    Expired,
    Indeterminate,
    Kept,
    Outcome,
    Refused,
    Undelivered,
)
from wsaas.core.pushes import Pushed
from wsaas.core.receipts import MAX_RECEIPTS, Receipt
from wsaas.core.records import Record
from wsaas.core.refusal import Refusal, RefusalReason
from wsaas.core.registry import Registry
from wsaas.core.router import Router
from wsaas.core.session import Session
from wsaas.core.states import LIVE, State
from wsaas.core.streams import MOST_WAITING

MAX_MESSAGE = 600


@dataclass
class Story:
    """What happened to one connection, over all lives of the gateway."""

    id: str
    client: Client
    posted: bool = False
    answer: str = ""
    """"" while the POST is unanswered, then accepted, refused or unclear."""
    read: list[Frame] = field(default_factory=list)
    """What was read from the client."""
    taken: int = 0
    """How many of those the backend has taken."""
    gave_up: bool = False
    """Whether the backend takes nothing more: it said so, or patience ended."""
    ending: tuple[Cause, int, str] | None = None
    """Who ended it first, and with what."""
    clean: bool = False
    pushes: list[Frame] = field(default_factory=list)
    """What was pushed and answered with 200 or 202."""
    replies: list[Frame] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    """What was sent to the backend in this life: POST, PUT, DELETE."""
    over: bool = False
    """Whether there is nothing more to say: its DELETE was answered, or it was refused. A crash may undo this."""
    deletes: int = 0
    """DELETEs that were answered, in all lives."""
    crashed: bool = False
    """Whether the gateway died before it was over, or before the journal had written that it was."""
    headers: list[tuple[tuple[bytes, bytes], ...]] = field(default_factory=lambda: [()])
    """Those that the backend asked for, after each answer that did: the connect's first."""
    lasts: float | None = None
    """For how many seconds the backend has accepted it."""
    due: bool = False
    """Whether that time is over, and the question not answered."""
    asked: int = 0
    """How many times it was over."""
    receipts: list[ModelReceipt] = field(default_factory=list)
    """Those of pushes with a ping."""
    streams: list[ModelStream] = field(default_factory=list)
    synced: Record | None = None
    """What the journal said of it when last everything was written."""

    def end(self, cause: Cause, code: int, reason: str = "") -> None:
        if self.ending is None:
            self.ending = (cause, code, reason)

    def say_headers(self, headers: tuple[tuple[bytes, bytes], ...]) -> None:
        """The backend asks for these; each replaces that of its name."""
        names = {name for name, _ in headers}
        self.headers.append((*(each for each in self.headers[-1] if each[0] not in names), *headers))

    @property
    def connecting(self) -> bool:
        return self.posted and not self.answer and self.ending is None and not self.crashed

    @property
    def live(self) -> bool:
        """Whether the API knows it."""
        return not (self.ending or self.over or self.crashed or self.answer in ("refused", "unclear"))

    @property
    def open(self) -> bool:
        return self.answer == "accepted" and self.client.handshaken and self.ending is None and not self.crashed

    @property
    def accepted(self) -> bool:
        """Whether its 101 waits for the journal."""
        return self.answer == "accepted" and not self.client.handshaken and self.ending is None and not self.crashed


@dataclass
class ModelTimer:
    """The time of one connection."""

    session: Session
    seconds: float
    over: Callable[[], object]
    runs: bool = True

    def cancel(self) -> None:
        assert self.runs
        self.runs = False


class ModelReceipt:
    """The receipt of one push, and the number of its ping."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.receipt = Receipt(self._settle)
        self.settled: bool | None = None

    def _settle(self, received: bool) -> None:
        assert self.settled is None, "settled twice"
        self.settled = received


class ModelStream:
    """A reply that the backend writes by and by. It is over once it has ended, or was cancelled."""

    def __init__(self) -> None:
        self.over = False
        self.held: Frame | None = None
        """The message for which the client had no room."""
        self.sent: list[Frame] = []
        self._send: Callable[[Frame], bool] | None = None
        self._ended: Callable[[], None] | None = None

    @property
    def runs(self) -> bool:
        return self._send is not None and not self.over

    def start(self, send: Callable[[Frame], bool], ended: Callable[[], None]) -> None:
        assert not self.over and self._send is None
        self._send, self._ended = send, ended

    def resume(self) -> None:
        assert self.runs
        frame, self.held = self.held, None
        if frame is not None:
            self.write(frame)

    def cancel(self) -> None:
        assert not self.over
        self.over = True

    # What the backend does

    def write(self, frame: Frame) -> None:
        assert self.runs and self.held is None
        if self._send(frame):
            self.sent.append(frame)
        elif not self.over:
            self.held = frame

    def end(self) -> None:
        assert self.runs and self.held is None
        self.over = True
        self._ended()


class Client:
    """A client and its end in the gateway, a Peer: two bounded pipes and a network that may break."""

    last_active_at = 0.0

    def __init__(self, world: World, number: int, send_buffer: int) -> None:
        self.world = world
        self.send_buffer = send_buffer
        self.handshake = Handshake(f"/{number}", "", None, "", repeated=((b"Authorization", b"%d" % number),))
        self._session: Session | None = None
        self.story: Story | None = None
        self.handshaken = False
        self.closing = False
        """Whether the gateway sent a Close frame, or its end of the connection does by itself."""
        self.paused = False
        self.broken = False
        """The network is, which is found out by the next call."""
        self.unread: deque[Frame] = deque()
        self.begun = False
        """Whether the head of the oldest unread message was read."""
        self.buffer: deque[Frame] = deque()
        self.written: list[Frame] = []
        self.pings: list[bytes] = []
        self.pings_read = 0

    @property
    def session(self) -> Session | None:
        return self._session

    @session.setter
    def session(self, session: Session | None) -> None:
        """The gateway gives one once, before any other step can name it: here the story begins."""
        self._session = session
        if session is not None:
            assert self.story is None
            self.story = self.world.stories[session.id] = Story(session.id, self)

    @property
    def waiting(self) -> int:
        return sum(len(frame.payload) for frame in self.buffer)

    def has_room(self, frame: Frame) -> bool:
        return not self.buffer or self.waiting + len(frame.payload) <= self.send_buffer

    # What the gateway does

    def accept(self, subprotocol: str | None, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        assert not self.handshaken
        self.handshaken = True
        self.buffer.append(Frame(b"101 Switching Protocols".ljust(200), binary=True))
        self._find_out()
        self.pump()

    def refuse(self, refusal: Refusal) -> None:
        assert not self.handshaken
        self.session = None
        if self.story is not None and not self.story.posted:
            self.story.over = True

    def send(self, frame: Frame, ping: bytes | None = None) -> bool:
        assert self.handshaken
        room = self.has_room(frame)
        if room:
            self.written.append(frame)
            self.buffer.append(frame)
            if ping is not None:
                self.pings.append(ping)
        elif self.story is not None and frame in self.story.pushes:  # one that was queued before the 101
            self.story.end(Cause.TOO_SLOW, 1008)
        self._find_out()
        return room

    def close(self, code: int, reason: str) -> None:
        assert self.handshaken and not self.closing
        self.closing = True
        self._find_out()

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False
        self._find_out()
        self.pump()

    # What happens to it

    def pump(self) -> None:
        """Hand over what was sent, as far as the gateway reads."""
        while self.handshaken and self.unread and self.session is not None and not self.paused:
            if not self.begun:
                self.begun = True
                self.session.announce(len(self.unread[0].payload))
            else:
                self.begun = False
                frame = self.unread.popleft()
                self.story.read.append(frame)
                self.session.received(frame)

    def leave(self, cause: Cause, code: int, reason: str, clean: bool) -> None:
        session, self.session = self.session, None
        if session is not None:
            self.story.end(cause, code, reason)
            self.story.clean = clean
            session.disconnected(cause, code, reason, clean)

    def break_a_rule(self) -> None:
        if self.story.open:
            self.closing = True
            self.story.end(Cause.TOO_BIG, 1009, "too long")
        self.session.fail(Cause.TOO_BIG, 1009, "too long")

    def pong(self, payload: bytes) -> None:
        """Say that all up to this ping is read, whether that is so or not."""
        if self.session is not None:
            number = int(payload.split()[1]) if payload in self.pings else 0
            waiting = [each for each in self.story.receipts if each.settled is None]
            self.session.outgoing.ponged(payload)
            for each in waiting:
                assert each.settled is (True if each.number <= number else None), (each.number, payload)

    def take_what_was_written(self) -> None:
        self.buffer.clear()
        self.pings_read = len(self.pings)
        if self.session is not None:
            self.session.writable()

    def _find_out(self) -> None:
        if self.broken:
            self.leave(Cause.NETWORK, 1006, "", False)


@dataclass
class Write:
    """One thing that the journal is to write, and who hears of it."""

    id: str
    write: Callable[[], None]
    stored: Callable[[bool], None]
    opens: bool = False
    """Whether it is a new connection, of which nothing is kept if it cannot be written."""


class ModelJournal:
    """Rows that are written when `sync` is called, or at once; a crash keeps any first part of each connection's.

    `headers_not_kept` hears whose headers could not be written, before the session does.
    """

    def __init__(self, at_once: bool, headers_not_kept: Callable[[str], None]) -> None:
        self.disk: dict[str, Record] = {}
        self.full = False
        self._at_once = at_once
        self._headers_not_kept = headers_not_kept
        self._waiting: deque[Write] = deque()

    def opened(self, record: Record, stored: Callable[[bool], None]) -> None:
        self._write(Write(record.id, lambda: self.disk.__setitem__(record.id, record), stored, opens=True))

    def accepted(self, record: Record, stored: Callable[[bool], None]) -> None:
        self._change(record.id, lambda old: replace(record, closed=old.closed), stored)

    def closed(self, id: str, closed: Closed) -> None:
        self._change(id, lambda old: replace(old, closed=closed), _nobody)

    def forget(self, id: str) -> None:
        self._write(Write(id, lambda: self.disk.pop(id, None), _nobody))

    def sync(self) -> None:
        """Write all that waits. On a full disk nothing new is stored, and what concerns older rows waits on."""
        waiting, self._waiting = self._waiting, deque()
        for write in waiting:
            if not self.full:
                write.write()
                write.stored(True)
            else:
                if not write.opens:
                    self._waiting.append(replace(write, stored=_nobody))
                    if write.stored is not _nobody:
                        self._headers_not_kept(write.id)
                write.stored(False)

    @property
    def quiet(self) -> bool:
        return not self._waiting

    def crash(self, rolls: Iterable[int]) -> None:
        """Of what waited, write each connection's first so many, as the rolls say, and lose the rest."""
        waiting = defaultdict(list)
        for write in self._waiting:
            waiting[write.id].append(write.write)
        for writes, keep in zip(waiting.values(), rolls, strict=False):
            for write in writes[:keep]:
                write()
        self._waiting.clear()
        self.full = False

    def _change(self, id: str, change: Callable[[Record], Record], stored: Callable[[bool], None]) -> None:
        def write() -> None:
            if id in self.disk:
                self.disk[id] = change(self.disk[id])

        self._write(Write(id, write, stored))

    def _write(self, write: Write) -> None:
        self._waiting.append(write)
        if self._at_once:
            self.sync()


def _nobody(stored: bool) -> None:
    """Nobody waits for this write."""


class ModelCourier:
    """One webhook in flight per session. Eager: it goes out within `wake`; else when `send` is called.

    `prompt` says how the next ones are answered within the call that sends them: well or badly.
    """

    def __init__(self, world: World, eager: bool) -> None:
        self._world = world
        self._eager = eager
        self.ready: list[Session] = []
        self.in_flight: dict[Session, Event] = {}
        self.prompt: deque[bool] = deque()

    def wake(self, session: Session) -> None:
        if session not in self.in_flight and session not in self.ready and session.pending is not None:
            self.ready.append(session)
            if self._eager:
                self.send(session)

    def send(self, session: Session) -> None:
        self.ready.remove(session)
        pending, event = session.pending, session.next_event()
        assert (None if event is None else event.kind) is pending
        if event is not None:
            self.in_flight[session] = event
            self._world.told(session, event)
            if self.prompt:
                self.answer(session, self._outcome(event, self.prompt.popleft()))

    def answer(self, session: Session, outcome: Outcome) -> None:
        """While the session settles, it is in flight still: waking it does nothing then."""
        self._world.answered(session, outcome)
        session.resolve(outcome)
        del self.in_flight[session]
        self.wake(session)

    def turn_away(self, session: Session) -> None:
        """Its POST cannot be sent."""
        self.ready.remove(session)
        session.turn_away(RefusalReason.BACKEND_AWAY)

    def _outcome(self, event: Event, good: bool) -> Outcome:
        match event:
            case Opened():
                return Accepted() if good else Indeterminate(Refusal(RefusalReason.NO_ANSWER))
            case Received():
                return Delivered(self._world.frame("reply", 20)) if good else Undelivered()
            case Refresh():
                return Kept(expires_in=60.0) if good else Expired()
            case Closed():
                return Acknowledged()


class World:
    """All of it, with one gateway at a time."""

    def __init__(self, limits: Limits, journal_at_once: bool, eager: bool) -> None:
        self.limits = limits
        self.eager = eager
        self.journal = ModelJournal(journal_at_once, self.headers_not_kept)
        self.stories: dict[str, Story] = {}
        self._numbers = count()
        self._random = Random(0)
        self.timers: list[ModelTimer] = []
        self.start()

    def start(self) -> None:
        """A new life of the gateway, which hears from the journal what the last one left behind."""
        self.registry = Registry()
        monitor = Monitor()
        self.router = Router(self.registry, MAX_MESSAGE, monitor)
        self.courier = ModelCourier(self, self.eager)
        self.timers.clear()
        self.gateway = Gateway(
            self.registry,
            self.journal,
            self.courier,
            self.limits,
            lambda: 0.0,
            self._random.randbytes,
            monitor,
            self._call_later,
        )
        self.gateway.revive(list(self.journal.disk.values()))
        self.gateway.accepting = True

    def _call_later(self, seconds: float, over: Callable[[], object]) -> ModelTimer:
        timer = ModelTimer(over.args[1].args[0], seconds, over)
        self.timers.append(timer)
        return timer

    def time_ends(self, timer: ModelTimer) -> None:
        """The time of one connection is over."""
        story = self.stories[timer.session.id]
        assert story.open and story.lasts == timer.seconds and not story.due
        timer.runs, story.due = False, True
        story.asked += 1
        timer.over()

    def running(self) -> list[ModelTimer]:
        return [timer for timer in self.timers if timer.runs]

    def frame(self, kind: str, length: int) -> Frame:
        """A message like no other, of this length or a little more."""
        return Frame(f"{kind} {next(self._numbers)}".encode().ljust(length, b"."), binary=False)

    def connect(self, early: Iterable[Frame]) -> Client:
        client = Client(self, next(self._numbers), self.limits.send_buffer)
        client.unread.extend(early)
        self.gateway.connect(client, client.handshake)
        return client

    def push(self, story: Story, frame: Frame, receipt: bool = False) -> None:
        client = story.client
        waiting = sum(each.settled is None for each in story.receipts)
        wanted = ModelReceipt(len(client.pings) + 1) if receipt else None
        if not (story.connecting or story.accepted or story.open):
            expected: object = NoSuchConnection
        elif story.open:
            expected = Pushed.SENT if client.has_room(frame) else ClientTooSlow
            if wanted is not None:
                if waiting >= MAX_RECEIPTS:
                    expected = ClientTooSlow
                elif expected is Pushed.SENT:
                    story.receipts.append(wanted)
        else:
            size = sum(len(each.payload) + OVERHEAD for each in [*story.pushes, frame])
            expected = Pushed.QUEUED if size <= self.limits.send_buffer or not story.pushes else ClientTooSlow
        try:
            asked = None if wanted is None else wanted.receipt
            result: object = self.router.push(story.id, frame.payload, frame.binary, asked)
        except (NoSuchConnection, ClientTooSlow) as error:
            result = type(error)
        assert result is expected, (result, expected)
        if isinstance(result, Pushed):
            story.pushes.append(frame)

    def close(self, story: Story, code: int) -> None:
        live = story.live
        if live:
            story.end(Cause.API, code, "bye")
        try:
            self.router.close(story.id, code, "bye")
        except NoSuchConnection:
            assert not live
        else:
            assert live

    def join(self, story: Story, group: str) -> None:
        try:
            self.router.join(story.id, group)
        except NoSuchConnection:
            assert not story.live
        else:
            assert story.live

    def broadcast(self, frame: Frame) -> None:
        """Whether one has room is seen when its turn comes: a push may find out that another client is gone."""
        cast = self.router.broadcast(frame.payload, frame.binary)
        reached = {story.id for story in self.stories.values() if story.open}
        while cast.step():
            pass
        sent = [self.stories[id] for id in reached if frame.payload in self._payloads(self.stories[id])]
        assert (cast.sent, cast.skipped) == (len(sent), len(reached) - len(sent))
        for story in sent:
            story.pushes.append(story.client.written[-1])

    def drain(self) -> None:
        self.gateway.accepting = False
        for session in self.registry:
            if session.state in LIVE:
                self.stories[session.id].end(Cause.DRAIN, 1012)
            self.gateway.close_for_drain(session)

    def crash(self, rolls: Iterable[int]) -> None:
        """kill -9, and a new start."""
        self.journal.crash(rolls)
        for story in self.stories.values():
            story.client.session = None
            story.lasts, story.due = None, False
            story.streams.clear()
            story.receipts.clear()
            story.told.clear()
            revived = self.journal.disk.get(story.id)
            # G2: what the backend may have accepted, and was not told the end of, is in the journal.
            assert revived or not story.posted or story.over, story
            if revived or not story.over:
                story.crashed = True
                story.over = False
            if revived:
                age = self._age(story, revived)
                if story.client.handshaken:
                    assert age > 0 or story.headers[0] == story.headers[1], "let in, and its DELETE lacks the headers"
            if revived and story.synced:
                assert self._age(story, story.synced) <= age, (story.synced, revived)
                assert story.synced.closed in (None, revived.closed), (story.synced, revived)
        self.start()

    # What the backend hears and says

    def told(self, session: Session, event: Event) -> None:
        """The backend hears of this: is it what it should hear now?"""
        story = self.stories[session.id]
        base = story.client.handshake.repeated
        match event:
            case Opened(handshake):
                assert not story.told and not story.crashed and not story.posted
                assert handshake is story.client.handshake
                assert session.id in self.journal.disk, "the POST is out before the journal has it"
                story.posted = True
                story.told.append("POST")
            case Received(sequence, frame):
                # G1 and G3: after the POST was accepted, before the DELETE, in order, nothing left out.
                assert story.answer == "accepted" and story.told[0] == "POST" and "DELETE" not in story.told
                assert sequence == story.taken + 1 and frame is story.read[story.taken], (sequence, story)
                assert not story.gave_up
                assert not story.due, "a message overtakes the refresh"
                if story.open:
                    assert self._written(story, b"reply") == story.replies, "a message overtakes a reply"
                story.told.append("PUT")
            case Refresh(sequence):
                # G1: once the time is over, for a connection that is there, or whose messages wait.
                assert story.due and sequence == story.asked and "DELETE" not in story.told and not story.gave_up
                assert story.open or len(story.read) > story.taken
                story.told.append("REFRESH")
            case Closed():
                # G2: one in a life, and only for what may have been accepted.
                assert "DELETE" not in story.told and not (story.answer == "refused" and not story.crashed)
                if not story.crashed:
                    assert story.posted and story.answer
                    assert story.client.session is None or not story.client.handshaken
                    assert (event.cause, event.code, event.reason) == story.ending, (event, story)
                    assert event.clean == story.clean
                    # G3: what was read and not taken is said to be lost, and is lost only if it was given up.
                    assert event.lost_messages == len(story.read) - story.taken, (event, story)
                    assert story.gave_up or not event.lost_messages
                    assert session.repeated == base + story.headers[-1]
                elif story.synced and story.synced.closed:
                    assert event == story.synced.closed
                elif story.ending is None or event.cause is Cause.RESTART:
                    assert (event.cause, event.code, event.lost_messages) == (Cause.RESTART, 1006, 0), event
                else:
                    assert (event.cause, event.code, event.reason) == story.ending, (event, story)
                    assert event.lost_messages == len(story.read) - story.taken, (event, story)
                assert session.repeated in [base + headers for headers in story.headers]
                story.told.append("DELETE")

    def answered(self, session: Session, outcome: Outcome) -> None:
        """The backend has said this."""
        story = self.stories[session.id]
        match outcome:
            case Accepted():
                story.answer = "accepted"
                story.say_headers(outcome.headers)
                story.lasts = outcome.expires_in
            case Refused():
                story.answer = "refused"
                story.over = True
            case Indeterminate():
                story.answer = "unclear"
                story.end(Cause.UNKNOWN_CONNECT, 1006)
            case Kept(headers, expires_in):
                story.say_headers(headers)
                story.lasts, story.due = expires_in, False
            case Expired(code, reason):
                story.due = False
                story.gave_up = True
                story.end(Cause.EXPIRED, code, reason)
            case Delivered(reply):
                story.taken += 1
                if outcome.stream is not None:
                    story.streams.append(outcome.stream)
                if reply is not None and story.open:
                    story.replies.append(reply)
            case CloseRequested(code):
                story.taken += 1
                story.gave_up = True
                story.end(Cause.BACKEND, code)
            case Undelivered():
                story.gave_up = True
                story.end(Cause.UNDELIVERED, 1013)
            case Acknowledged():
                story.deletes += 1
                story.over = True

    def headers_not_kept(self, id: str) -> None:
        story = self.stories[id]
        if not story.client.handshaken:  # else they are those of a refresh, which the journal keeps in mind
            story.end(Cause.UNKNOWN_CONNECT, 1006)

    def sync(self) -> None:
        self.journal.sync()
        if self.journal.quiet:
            for story in self.stories.values():
                story.synced = self.journal.disk.get(story.id)
                if story.synced and not story.crashed:
                    assert story.synced.repeated == story.client.handshake.repeated + story.headers[-1], story
                    assert story.synced.closed or "DELETE" not in story.told, story

    # What holds between any two steps

    def check(self) -> None:
        for session in self.registry:
            self._check(session, self.stories[session.id])
        groups = defaultdict(set)
        for session in self.registry:
            for group in session.groups:
                assert session.state in LIVE
                groups[group].add(session.id)
        assert set(self.registry._groups) == set(groups)
        for group, members in groups.items():
            assert set(self.router.member_page(group, 1000, "").items) == members
        known = set(self.registry)
        assert known >= set(self.courier.in_flight)
        assert all(session in known or session.pending is None for session in self.courier.ready)

    def _check(self, session: Session, story: Story) -> None:
        client = story.client
        assert not story.over
        assert (session.state is State.OPEN) == story.open, (session.state, story)
        assert (session.state is State.CONNECTING) == story.connecting, (session.state, story)
        assert (session.state is State.ACCEPTED) == story.accepted, (session.state, story)
        if story.posted:
            assert story.id in self.journal.disk, story
        # Nothing hangs: what is pending is on its way, and what is not waits for a client that is there.
        if session.state is State.STARTING:
            assert session in self.courier.ready or not self.journal.quiet
        elif session.state is State.ACCEPTED:
            assert not self.journal.quiet
        elif session.pending is not None:
            assert session in self.courier.in_flight or session in self.courier.ready, (session.state, session.pending)
        else:
            assert client.session is session
            assert not session.lane or client.buffer or self._full(story), "a reply waits for a client that has room"
        if story.crashed:
            assert session.state is State.LEAVING and not session.lane and session.peer is None
            return
        assert client.closing or session.state not in (State.CLOSING, State.DISMISSED)
        # G3: nothing that was read is missing.
        waiting = len(session.lane)
        assert waiting == (0 if story.gave_up else len(story.read) - story.taken), story
        # G4: what was pushed was written, in order and completely.
        written = self._written(story, b"push")
        assert written == (story.pushes if story.open else story.pushes[: len(written)]), (written, story)
        replies = self._written(story, b"reply")
        assert replies == story.replies[: len(replies)] and len(story.replies) - len(replies) <= 1
        self._check_streams(story)
        # The time of a connection runs, or is over and asked about, while it is open.
        timers = sum(timer.session is session for timer in self.running())
        assert timers == (story.open and story.lasts is not None and not story.due), story
        if story.open:
            assert (session.expiry is not None) == (story.lasts is not None), story
        else:
            assert all(each.settled is not None for each in story.receipts), "a receipt waits for a client that goes"
        # Bounds.
        assert session.lane.size <= max(self.limits.receive_buffer, MAX_MESSAGE + OVERHEAD)
        assert client.waiting <= max(self.limits.send_buffer, MAX_MESSAGE)
        if session.state in LIVE:
            facts = self.router.inspect(session.id)
            # What was written, and at most one reply that waits for room.
            assert facts.bytes_waiting_out <= max(self.limits.send_buffer, MAX_MESSAGE) + MAX_MESSAGE
            assert facts.messages_in == len(story.read)
            assert facts.messages_out == len(client.written)
        if client.session is session and client.paused:
            assert session.lane, "nobody reads from the client, and nothing will resume it"

    def _check_streams(self, story: Story) -> None:
        """One runs, in the order in which they came; none outlives its connection; what they sent was written."""
        live = [stream for stream in story.streams if not stream.over]
        assert story.open or not live, "a stream outlives its connection"
        assert [stream.runs for stream in live] == [True, *[False] * (len(live) - 1)][: len(live)]
        assert len(live) <= MOST_WAITING + 1
        sent = [frame for stream in story.streams for frame in stream.sent]
        assert self._written(story, b"stream") == sent
        assert all(not stream.held or story.client.buffer for stream in live), "a stream waits for a client with room"

    def _full(self, story: Story) -> bool:
        return sum(not stream.over for stream in story.streams) > MOST_WAITING

    def _age(self, story: Story, record: Record) -> int:
        """The last of the backend's answers whose headers are in the record: none is 0, that of the connect 1."""
        base = story.client.handshake.repeated
        ages = [age for age, headers in enumerate(story.headers) if base + headers == record.repeated]
        assert ages, (record, story)
        return ages[-1]

    def _payloads(self, story: Story) -> set[bytes]:
        return {frame.payload for frame in story.client.written}

    def _written(self, story: Story, kind: bytes) -> list[Frame]:
        return [frame for frame in story.client.written if frame.payload.startswith(kind)]

    # The end

    def finish(self) -> None:
        """All clients leave, the backend answers everything: then all is told, and all is forgotten."""
        self.journal.full = False
        self.sync()
        for story in self.stories.values():
            story.client.leave(Cause.NETWORK, 1006, "", False)
        while self.courier.ready or self.courier.in_flight:
            for session in list(self.courier.ready):
                self.courier.send(session)
            for session, event in list(self.courier.in_flight.items()):
                self.courier.answer(session, self.courier._outcome(event, True))
            self.check()
        self.sync()
        assert not len(self.registry) and not self.journal.disk
        for story in self.stories.values():
            if story.posted and story.answer != "refused":
                assert story.deletes >= 1, story  # G2
            if not story.crashed:
                assert story.deletes == (story.posted and story.answer != "refused"), story
