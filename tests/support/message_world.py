"""A courier with its HTTP client, in memory, that writes down all that can be seen of it.

Two such worlds that are given the same schedule, one with the fast path of messages and one without, must write down
the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.task import Clock
from zope.interface import implementer

from tests.support.backend_wires import Wire
from tests.support.core_fakes import Calls, FakeObserver, FakePeer
from wsaas.backend.answer_log import AnswerLog
from wsaas.backend.courier import Courier
from wsaas.backend.message_fast_path import MessageFastPath
from wsaas.backend.reply_stream import ReplyStreams
from wsaas.backend.requests import Contract
from wsaas.backend.sender import PoolSender, Sender
from wsaas.cluster.gate import GatedSender
from wsaas.core.errors import GatewayError
from wsaas.core.events import Cause
from wsaas.core.gateway import Gateway
from wsaas.core.model import Frame, Handshake, Limits
from wsaas.core.monitor import Monitor
from wsaas.core.registry import Registry
from wsaas.core.session import Session
from wsaas.http_client.pool import Pool
from wsaas.http_client.target import Target
from wsaas.journal.memory import MemoryJournal
from wsaas.telemetry.log_limit import LogLimit

TIMEOUT = 10.0
MAX_MESSAGE_SIZE = 300
RECEIVE_BUFFER = 2000
OK = b'HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"code": "OK"}'
ANSWERS = {
    "ok": OK,
    "other ok": b'HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 14\r\n\r\n{"code": "OK"}',
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "long": b"HTTP/1.1 200 OK\r\nContent-Length: 301\r\n\r\n" + bytes(301),
    "last": b'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 14\r\n\r\n{"code": "OK"}',
    "reply": b"HTTP/1.1 200 OK\r\nWSAAS-Reply: text\r\nContent-Length: 5\r\n\r\nreply",
    "headers": b'HTTP/1.1 200 OK\r\nContent-Length: 42\r\n\r\n{"code": "OK", "headers": {"X-User": "1"}} '[:-1],
    "expires": b'HTTP/1.1 200 OK\r\nContent-Length: 31\r\n\r\n{"code": "OK", "expires_in": 1} '[:-1],
    "accepted": b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"accepted": 1}',
    "replies": b'HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{"replies": [{"text": "one"}]}',
    "lines": b"HTTP/1.1 200 OK\r\nWSAAS-Reply: lines\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n",
    "forbidden": b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n",
    "gone": b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n",
    "refused": b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
    "failed": b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
    "away": b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n",
    "later": b"HTTP/1.1 429 No\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n",
    "garbage": b"SSH-2.0\r\n",
    "big ok": b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n" + b'{"code": "OK"}'.ljust(400),
    "interim": b"HTTP/1.1 100 Continue\r\n\r\n",
}
"""What a backend may say to a request."""


class Peer(FakePeer):
    """A client's end, which says no more than it may."""

    paused = False

    def pause_reading(self) -> None:
        self.paused = True
        super().pause_reading()

    def resume_reading(self) -> None:
        self.paused = False
        super().resume_reading()

    def send(self, frame: Frame, ping: bytes | None = None) -> bool:
        sent = super().send(frame, ping)
        self.full = self.full or (len(frame.payload) % 7 == 6)
        return sent


class NotedWire(Wire):
    """A connection to the backend whose requests are written down."""

    def __init__(self, number: int, seen: list[Any]) -> None:
        super().__init__()
        self.number = number
        self.seen = seen
        self.unanswered = 0
        self.rest = b""
        """What is still to come of an answer that has begun."""
        self.last = b""
        """The last request."""

    def write(self, data: bytes) -> None:
        self.unanswered += 1
        self.last = data
        self.seen.append(f"{self.number} {data!r}")
        super().write(data)


@implementer(IStreamClientEndpoint)
class NotedBackend:
    """Connects at once, or refuses."""

    def __init__(self, seen: list[Any]) -> None:
        self.seen = seen
        self.wires: list[NotedWire] = []
        self.refusing = False

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        if self.refusing:
            self.seen.append("refused")
            return fail(OSError("refused"))
        wire = NotedWire(len(self.wires), self.seen)
        wire.protocol = protocol = protocolFactory.buildProtocol(None)
        assert protocol is not None
        self.wires.append(wire)
        protocol.makeConnection(wire)
        return succeed(protocol)


@dataclass(frozen=True)
class Options:
    """What the two worlds have in common."""

    concurrency: int = 8
    gated: bool = False
    signed: bool = False
    batch: int = 1
    light: bool = False
    """True if the observer wants no requests; it wants messages that were delivered now and then."""


class MessageWorld:
    """One of the two worlds. `seen` is what it writes down; `taken` counts what took the fast path, both ways."""

    def __init__(self, options: Options, fast: bool) -> None:
        self.clock = Clock()
        self.seen: list[Any] = []
        self.calls = Calls()
        self.backend = NotedBackend(self.seen)
        self.pool = Pool(self.clock, self.backend, b"backend.example", max_idle=4, remember=fast)
        target = Target(self.backend, "http://backend.example/base%20", b"backend.example", b"/base%20")
        self.speaks = True
        sender: Sender = PoolSender(self.pool, target, TIMEOUT)
        self.gate = GatedSender(sender, lambda: self.speaks) if options.gated else None
        spans = iter(range(1, 10**9))
        self.monitor = Monitor()
        self.observer = FakeObserver()
        self.observer.wants_requests = not options.light
        self.fast_path = (
            CountedFastPath(self.pool, target, TIMEOUT, MAX_MESSAGE_SIZE, self.gate, batches=options.batch > 1)
            if fast
            else None
        )
        self.courier = Courier(
            self.clock,
            Contract(
                local_address="http://local",
                ws_timeout=30,
                message_content_type="application/json",
                max_message_size=MAX_MESSAGE_SIZE,
                secrets=(b"secret",) if options.signed else (),
                user_agent="WSAAS",
                wall_clock=self.clock.seconds,
                bits=lambda n: next(spans),
            ),
            sender if self.gate is None else self.gate,
            concurrency=options.concurrency,
            message_patience=20.0,
            disconnect_patience=60.0,
            wall_clock=self.clock.seconds,
            random=Random(0).random,
            monitor=self.monitor,
            streams=ReplyStreams(
                self.clock, 2, MAX_MESSAGE_SIZE, AnswerLog(LogLimit(self.clock), ""), self.monitor.counters.streams
            ),
            fast_path=self.fast_path,
        )
        limits = Limits(MAX_MESSAGE_SIZE, RECEIVE_BUFFER, 10_000, options.batch)
        self.registry = Registry()
        self.gateway = Gateway(
            self.registry,
            MemoryJournal(),
            self.courier,
            limits,
            self.clock.seconds,
            Random(1).randbytes,
            self.monitor,
            self.clock.callLater,
        )
        self.gateway.accepting = True
        self.peers: list[Peer] = []
        self.sessions: list[Session] = []

    # The steps of a schedule: each takes a number that says which, and one that says how.

    def connect(self, which: int, how: int) -> None:
        peer = Peer(self.calls)
        address = f"192.0.2.{which % 3}"
        repeated = ((b"Authorization", b"%d" % which),) if how % 2 else ()
        self.gateway.connect(peer, Handshake("/", "", None, address, repeated=repeated, party=address))
        if peer.session is not None:
            self.peers.append(peer)
            self.sessions.append(peer.session)  # type: ignore[arg-type]

    def say(self, which: int, how: int) -> None:
        for peer in self._choose(self.peers, which):
            session = peer.session
            if session is not None:
                session.announce(how)
                if not peer.paused:
                    session.received(Frame(b"%d" % how + b"m" * (how % MAX_MESSAGE_SIZE), binary=how % 5 == 0))

    def answer(self, which: int, kind: str) -> None:
        busy = [wire for wire in self.backend.wires if wire.unanswered and not wire.gone]
        for wire in self._choose(busy, which):
            wire.unanswered -= kind != "interim"
            if kind == "lines":
                wire.rest = b"5\r\nmore\n\r\n0\r\n\r\n"
            wire.answer(ANSWERS[kind])

    def answer_each(self, which: int, how: tuple[bytes, str]) -> None:
        """Answer every request of a method as this kind says."""
        method, kind = how
        for wire in list(self.backend.wires):
            if wire.unanswered and not wire.gone and wire.last.startswith(method):
                wire.unanswered = 0
                wire.answer(ANSWERS[kind])

    def answer_slowly(self, which: int, how: int) -> None:
        """Answer in two parts."""
        busy = [wire for wire in self.backend.wires if wire.unanswered and not (wire.gone or wire.rest)]
        for wire in self._choose(busy, which):
            wire.answer(OK[: how % len(OK)])
            wire.rest = OK[how % len(OK) :]

    def go_on(self, which: int, how: int) -> None:
        """Say the rest of an answer."""
        for wire in self._choose([wire for wire in self.backend.wires if wire.rest and not wire.gone], which):
            rest, wire.rest = wire.rest, b""
            wire.unanswered = 0
            wire.answer(rest)

    def answer_unasked(self, which: int, how: int) -> None:
        idle = [wire for wire in self.backend.wires if not (wire.unanswered or wire.gone or wire.rest)]
        for wire in self._choose(idle, which):
            wire.answer(OK)

    def end(self, which: int, how: int) -> None:
        for wire in self._choose([wire for wire in self.backend.wires if not wire.gone], which):
            wire.end(clean=how % 2 == 0)

    def refuse(self, which: int, how: int) -> None:
        self.backend.refusing = how % 2 == 0

    def advance(self, which: int, how: int) -> None:
        self.clock.advance((0.0, 0.004, 0.02, 0.3, 2.0, TIMEOUT)[how % 6])

    def fill(self, which: int, how: int) -> None:
        """Let a client not read, or read again."""
        for peer in self._choose(self.peers, which):
            peer.full = how % 2 == 0
            if not peer.full and peer.session is not None:
                peer.session.writable()

    def leave(self, which: int, how: int) -> None:
        for peer in self._choose(self.peers, which):
            session, peer.session = peer.session, None
            if session is not None:
                session.disconnected(Cause.CLIENT, 1000, "", True)

    def close(self, which: int, how: int) -> None:
        for session in self._choose(self.sessions, which):
            session.close(Cause.API, 1000, "")

    def violate(self, which: int, how: int) -> None:
        for peer in self._choose(self.peers, which):
            if peer.session is not None:
                peer.session.fail(Cause.PROTOCOL_ERROR, 1002, "")

    def push(self, which: int, how: int) -> None:
        for session in self._choose(self.sessions, which):
            try:
                self.seen.append(session.push(Frame(b"push", binary=False)).name)
            except GatewayError as error:
                self.seen.append(type(error).__name__)

    def repeat_others(self, which: int, how: int) -> None:
        """Let a connection's webhooks have other headers from now on."""
        for session in self._choose(self.sessions, which):
            session.repeat(((b"X-Other", b"%d" % how),))

    def watch(self, which: int, how: int) -> None:
        self.observer.wants_delivered = how % 4 < 2
        if how % 2 and self.monitor.observer is None:
            self.monitor.watch(self.observer)
        else:
            self.monitor.unwatch(self.observer)

    def speak(self, which: int, how: int) -> None:
        """Lose or regain the right to speak."""
        self.speaks = how % 3 != 0
        if self.gate is not None:
            self.gate.release()

    def stop(self, which: int, how: int) -> None:
        self.courier.stop()

    def _choose(self, items: list[Any], which: int) -> list[Any]:
        """Return one of them, or none if there are none."""
        return [items[which % len(items)]] if items else []

    # What is written down

    def note(self) -> None:
        """Write down all that can be seen now."""
        shares, seen = self.courier._dispatcher._shares, self.seen
        for wire in self.backend.wires:
            if wire.disconnecting and not wire.gone:  # the gateway's own ends happen at once
                wire.end()
        seen += self.calls.flush()
        seen += self.observer.heard
        seen += [attempt.times for attempt in self.observer.attempts]
        self.observer.heard.clear()
        self.observer.attempts.clear()
        held = [tuple(sorted(parties.items())) for parties in shares._held.values()]
        in_flight = tuple(shares.in_flight.values())
        seen.append((shares._free, shares._kept_free, in_flight, *held, shares.offers, *self.courier.load().values()))
        for counters in self.monitor.counters.webhooks.values():
            duration = counters.duration
            seen.append((*duration.counts, round(duration.sum, 9), *duration.exemplars, *counters.answers))
            seen.append((counters.timeouts, counters.failures, counters.refused, counters.abandoned))
        seen.append(tuple(each.breaker.failures for each in self.courier._traffic.values()))
        for session in self.sessions:
            lane = session.lane
            waits = session in self.courier._deliveries
            seen.append((session.state, len(lane), lane.size, lane.lost, lane.received, waits))
        seen.append((len(self.pool._idle), len(self.pool._connections), *self.monitor.counters.closed.items()))

    def settle(self, most: int = 400) -> None:
        """Let the backend say OK to everything until nothing waits, or so many times."""
        self.speaks = True
        self.backend.refusing = False
        if self.gate is not None:
            self.gate.release()
        for _ in range(most):
            for wire in list(self.backend.wires):
                if wire.rest and not wire.gone:
                    rest, wire.rest, wire.unanswered = wire.rest, b"", 0
                    wire.answer(rest)
                elif wire.unanswered and not wire.gone:
                    wire.unanswered = 0
                    wire.answer(OK)
            for peer in self.peers:
                peer.full = False
                if peer.session is not None:
                    peer.session.writable()
            self.clock.advance(0.5)
            self.note()
            if not self.courier._deliveries:
                break


class CountedFastPath(MessageFastPath):
    """Counts what takes it to its end, and how many of these handed their place on."""

    sent = answered_fast = 0

    def join(self, *parts: Any, **slow: Any) -> None:
        slow_send, slow_answered = slow["send"], slow["answered"]

        def counted_send(delivery: Any) -> None:
            self.sent -= 1
            slow_send(delivery)

        def counted_answered(delivery: Any, answer: Any) -> None:
            self.answered_fast -= 1
            slow_answered(delivery, answer)

        super().join(*parts, **{**slow, "send": counted_send, "answered": counted_answered})

    def send(self, delivery: Any) -> None:
        self.sent += 1
        super().send(delivery)

    def answered(self, delivery: Any, answer: Any, *moment: Any) -> None:
        self.answered_fast += 1
        super().answered(delivery, answer, *moment)


def play(options: Options, schedule: list[tuple[str, int, Any]], fast: bool) -> MessageWorld:
    """Play a schedule, settle it, and return the world."""
    world = MessageWorld(options, fast)
    for step, which, how in schedule:
        world.seen.append(f"-- {step} {which} {how}")
        getattr(world, step)(which, how)
        world.note()
    world.seen.append("-- settle")
    world.settle()
    return world


_USUAL = ["say"] * 12 + ["answer"] * 12 + ["connect"]
_UNUSUAL = [
    *("answer_slowly", "go_on", "answer_unasked", "end", "refuse", "advance", "fill", "leave", "close", "violate"),
    *("push", "repeat_others", "watch", "speak", "fail_often"),
]
_OTHER_ANSWERS = [kind for kind in ANSWERS if kind != "ok"]


def make_schedule(random: Random, options: Options, steps: int) -> list[tuple[str, int, Any]]:
    """Make a schedule: connections that open, then mostly messages and their answers, and a few kinds of trouble."""
    trouble = random.choice((0.0, 0.05, 0.3))
    """The share of answers that are no plain OK."""
    answers = random.sample(_OTHER_ANSWERS, 3)
    names = _USUAL + random.sample(_UNUSUAL, random.randrange(6)) * random.choice((1, 3))
    names += ["speak"] * 3 * options.gated
    clients = random.randrange(1, 14)
    parties = random.choice((1, 1, 99))
    schedule: list[tuple[str, int, Any]] = [("connect", random.randrange(parties), n) for n in range(clients)]
    if random.random() < 0.3:
        names += ["advance"] * 4
        schedule += [("answer", 0, "expires")] * clients
    else:
        schedule += [("answer", 0, random.choice(("ok", "ok", "ok", *answers)) if trouble else "ok")] * clients
    for _ in range(steps):
        name = random.choice(names)
        how: Any = random.randrange(1000)
        if name == "answer":
            how = random.choice(answers) if random.random() < trouble else "ok"
        elif name == "fail_often":
            schedule += [("answer", random.randrange(1000), random.choice(("away", "away", "ok"))) for _ in range(9)]
            continue
        schedule.append((name, random.randrange(1000), how))
        if name == "refuse":
            schedule.append(("refuse", 0, 1) if random.random() < 0.5 else ("advance", 0, 3))
    if random.random() < 0.1:
        schedule.insert(random.randrange(clients, len(schedule)), ("stop", 0, 0))
    return schedule
