"""The event stream: who is told of what, and the line of each event."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random
from sys import getrefcount
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.support.core_fakes import ID, Stage, hello, text
from wsaas.backend.requests import Webhook
from wsaas.core.errors import GatewayError, NoSuchConnection
from wsaas.core.events import Cause, Closed, Event, Opened, Received, Refresh
from wsaas.core.model import Frame
from wsaas.core.monitor import Monitor
from wsaas.core.observer import Attempt, Push, RefusedHandshake, Times
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
from wsaas.core.pushes import Pushed, PushKind
from wsaas.core.refusal import Refusal, RefusalReason
from wsaas.core.session import Session
from wsaas.http_client.exchange import HttpResponse, TimedOut
from wsaas.net.handshake_response import HandshakeResponse
from wsaas.telemetry.delivered_lines import LONGEST_KEPT
from wsaas.telemetry.event_filter import EventFilter
from wsaas.telemetry.event_lines import EventLines
from wsaas.telemetry.event_stream import EventStream
from wsaas.telemetry.watcher import FLUSH_AFTER, MAX_EVENTS, Watcher

TRACE = "ab" * 16
CLOSED = Closed(Cause.CLIENT, 1001, 'by"e', True, 2)
NO = Refusal(RefusalReason.VETOED)
NO_CONTENT = HttpResponse(204, (), b"", False)
MOMENTS = (0.0, 0.001, 0.001, 0.002, 0.002)
MESSAGE_ID = f"{ID}_7_message"
HEAD = f"WSAAS-Event: message\r\nX: webhook-id: no\r\nwebhook-id: {MESSAGE_ID}\r\nwebhook-timestamp: 1\r\n".encode()


def not_found(error: GatewayError) -> tuple[int, str]:
    return 404, "NOT_FOUND"


class StreamTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.now = 1795865400.1239
        self.monitor = Monitor()
        self.lines = EventLines(lambda: self.now, "abcdefgh")
        self.stream = EventStream(self.monitor, self.clock, self.lines, not_found)
        self.session = Stage.open().session

    def watch(self, rate: float | None = None, **parameters: str) -> tuple[Watcher, list[bytes]]:
        written: list[bytes] = []
        ended: list[Watcher] = []
        watcher = self.stream.watch(
            EventFilter(parameters.get), written.append, lambda: self.stream.unwatch(ended.pop()), rate
        )
        ended.append(watcher)
        return watcher, written

    def read(self, written: list[bytes]) -> list[dict[str, Any]]:
        self.clock.advance(FLUSH_AFTER)
        lines = [json.loads(line) for line in b"".join(written).splitlines() if line]
        written.clear()
        return lines

    def attempt(self, event: Event, outcome: Outcome | None, answer: object, **changes: Any) -> Attempt:
        request = Webhook(b"PUT", ID.encode(), HEAD, b"hello", 0)
        times = Times(0.001, 0.0, 0.0123, 0.0124)
        return Attempt(event, 1, request, answer, times, outcome)._replace(**changes)


class WatchTests(StreamTestCase):
    def test_only_while_watched(self) -> None:
        """The first watcher sets the stream as observer, and the last one takes it away."""
        self.assertIsNone(self.monitor.observer)
        first, _ = self.watch()
        second, _ = self.watch()
        self.assertIs(self.monitor.observer, self.stream)
        self.stream.unwatch(first)
        self.stream.unwatch(first)
        self.assertIs(self.monitor.observer, self.stream)
        self.stream.unwatch(second)
        self.assertIsNone(self.monitor.observer)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stop(self) -> None:
        """A stop lets all watchers go, each with a last line, whatever its filter wants."""
        _, written = self.watch()
        _, filtered = self.watch(event="reply")
        self.stream.replied(self.session, text("pong"))
        self.stream.stop()
        self.assertIsNone(self.monitor.observer)
        self.assertEqual(
            [[each["event"] for each in self.read(lines)] for lines in (written, filtered)], [["reply", "end"]] * 2
        )

    def test_filters(self) -> None:
        """Each watcher gets what its own filter wants."""
        _, all = self.watch()
        _, replies = self.watch(event="reply")
        _, nothing = self.watch(id="z" * 32)
        self.stream.replied(self.session, text("pong"))
        self.stream.ending(self.session, CLOSED, True)
        self.assertEqual([each["event"] for each in self.read(all)], ["reply", "close"])
        self.assertEqual([each["event"] for each in self.read(replies)], ["reply"])
        self.assertEqual(self.read(nothing), [])

    def test_end_of_a_member(self) -> None:
        """A watcher of a group sees the end of its members as well, which have left it by then."""
        _, written = self.watch(group="room:7")
        self.session.groups = {"room:7"}
        self.stream.ending(self.session, CLOSED, False)
        self.session.groups = frozenset()
        self.stream.ending(self.session, CLOSED, True)
        self.stream.tried(self.session, self.attempt(CLOSED, Acknowledged(), HttpResponse(200, (), b"", False)))
        self.stream.tried(self.session, self.attempt(CLOSED, Acknowledged(), HttpResponse(200, (), b"", False)))
        self.assertEqual([each["event"] for each in self.read(written)], ["close", "disconnect"])

    def test_a_bug(self) -> None:
        """An event that cannot be written is logged and left out; nothing is raised into the code that tells it."""
        _, written = self.watch()
        self.stream.replied(self.session, None)  # type: ignore[arg-type]
        self.stream.tried(self.session, self.attempt(CLOSED, object(), None))  # type: ignore[arg-type]
        self.assertEqual(self.read(written), [])
        self.assertEqual(len(self.flushLoggedErrors()), 2)


class SampledTests(StreamTestCase):
    """Watchers that are shown so many events a second."""

    def deliver(self, count: int, session: Session | None = None) -> None:
        """Deliver messages as the courier does: it asks first."""
        for _ in range(count):
            message = Received(7, text("hello"))
            if self.stream.wants_message():
                self.stream.delivered(session or self.session, message, 1, NO_CONTENT, MOMENTS)
            else:
                self.stream.passed_over(session or self.session, message, 1, NO_CONTENT)

    def seconds(self, count: int) -> None:
        for _ in range(10 * count):
            self.clock.advance(0.1)

    def test_messages(self) -> None:
        """Of a flood of messages some are shown, the others are passed over, and a line a second counts them: by these
        two every one is known. Once there is room again, messages are wanted again.
        """
        _, written = self.watch(rate=10)
        self.deliver(1000)
        self.assertFalse(self.stream.wants_message())
        self.seconds(1)
        *lines, last = self.read(written)
        self.assertEqual([line["event"] for line in lines], ["message"] * 10)
        self.assertEqual(
            {name: value for name, value in last.items() if name not in ("time", "worker")},
            {
                "event": "sampled",
                "count": 990,
                "failed": 0,
                "shown": 10,
                "duration": 1000,
                "left_out": {"message": 990},
            },
        )
        self.seconds(3)
        self.assertEqual(self.read(written), [])
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)  # a quiet stream has its tick and no other timer
        self.deliver(10)
        self.assertEqual(len(self.read(written)), 10)

    def test_under_way(self) -> None:
        """No more messages are wanted than there is room for, before one of them is answered."""
        self.watch(rate=10)
        self.assertEqual(sum(self.stream.wants_message() for _ in range(50)), 10)
        self.watch()
        self.assertEqual(sum(self.stream.wants_message() for _ in range(50)), 50)

    def test_filter_first(self) -> None:
        """The filter comes first: what others do leaves no less room for what it wants."""
        _, of_one = self.watch(rate=10, id=ID)
        other = Stage.open().session
        other.id = "z" * 32
        self.deliver(1000, other)
        self.deliver(25)
        self.deliver(1000, other)
        _, of_failures = self.watch(rate=10, status="5xx")
        answer = HttpResponse(500, (), b"", False)
        self.stream.tried(self.session, self.attempt(Received(7, text("hello")), None, answer, retry_in=1.0))
        self.seconds(2)
        *lines, last = self.read(of_one)
        self.assertEqual([line["event"] for line in lines], ["message"] * 10 + ["retry"])
        self.assertEqual(last["left_out"], {"message": 15})
        self.assertEqual([line["event"] for line in self.read(of_failures)], ["retry"])

    def test_failures(self) -> None:
        """Messages, however many, leave out nothing that failed, no close and no refusal; nor do many ends that were
        meant leave out one that was not.
        """
        _, written = self.watch(rate=5)
        refused = RefusedHandshake("192.0.2.1", "/", HandshakeResponse(403, "ORIGIN_NOT_ALLOWED"), "no", None)
        for _ in range(5):
            self.deliver(100)
            for _ in range(20):
                self.stream.replied(self.session, text("pong"))
                self.stream.ending(self.session, CLOSED, True)
            self.stream.ending(self.session, replace(CLOSED, cause=Cause.NETWORK), True)
            self.stream.refused(refused)
            for outcome, status in ((Delivered(), 400), (Undelivered(), 503)):
                answer = HttpResponse(status, (), b"", False)
                self.stream.tried(self.session, self.attempt(Received(7, text("hello")), outcome, answer))
                self.seconds(1)
        lines = self.read(written)
        self.assertEqual(sum(line["event"] == "refusal" for line in lines), 5)
        self.assertEqual(sum(line.get("cause") == "network" for line in lines), 5)
        self.assertEqual([line["status"] for line in lines if line.get("status", 0) in (400, 503)], [400, 503] * 5)
        self.assertEqual(sum(line.get("failed", 0) for line in lines), 0)
        self.assertGreater(sum(line.get("count", 0) for line in lines), 500)

    def test_failures_left_out(self) -> None:
        """Failures have a bound of their own; those left out are counted as such."""
        _, written = self.watch(rate=5)
        answer = HttpResponse(503, (), b"", False)
        for _ in range(20):
            self.stream.tried(self.session, self.attempt(Received(7, text("hello")), None, answer, retry_in=1.0))
        self.seconds(1)
        *lines, last = self.read(written)
        self.assertEqual((len(lines), last["count"], last["failed"]), (5, 15, 15))

    def test_beside_others(self) -> None:
        """A reader of the whole stream gets each message, whichever others read a part. A message that no reader wanted
        when it was sent is in a stream that began since.
        """
        _, some = self.watch(rate=2)
        self.deliver(10)
        _, all = self.watch()
        self.stream.passed_over(self.session, Received(7, text("hello")), 1, NO_CONTENT)
        self.deliver(10)
        self.seconds(1)
        lines = self.read(all)
        self.assertEqual([line["event"] for line in lines], ["message"] * 11)
        self.assertEqual((lines[0]["times"], lines[0]["status"], lines[0]["outcome"]), (None, 204, "delivered"))
        lines = self.read(some)
        self.assertEqual((len(lines) - 1, lines[-1]["count"]), (2, 19))

    def test_slow_reader(self) -> None:
        """A count for which a slow reader has no room is added to the next."""
        watcher, written = self.watch(rate=1000)
        watcher.pauseProducing()
        self.deliver(1001 + MAX_EVENTS)
        self.seconds(1)
        watcher.resumeProducing()
        self.assertEqual(self.read(written)[-1], {"event": "skipped", "count": 1000 - MAX_EVENTS})
        self.seconds(1)
        (last,) = self.read(written)
        self.assertEqual((last["event"], last["count"], last["duration"] > 1000), ("sampled", 1 + MAX_EVENTS, True))

    def test_end(self) -> None:
        """A stream that ends says first what it has left out, and leaves no timer behind."""
        _, written = self.watch(rate=2)
        self.deliver(5)
        self.stream.stop()
        *_, last, end = self.read(written)
        self.assertEqual((last["event"], last["count"], end["event"]), ("sampled", 3, "end"))
        self.assertEqual(self.clock.getDelayedCalls(), [])


class LineTests(StreamTestCase):
    def line(self, tell: str, *arguments: Any) -> dict[str, Any]:
        """The one line of an event."""
        watcher, written = self.watch()
        getattr(self.stream, tell)(*arguments)
        (line,) = self.read(written)
        self.stream.unwatch(watcher)
        return line

    def test_message(self) -> None:
        """A webhook's line has all that is known of the try."""
        answer = HttpResponse(200, (), b"pong", False)
        self.assertEqual(
            self.line("tried", self.session, self.attempt(Received(7, text("hello")), Delivered(), answer)),
            {
                "time": "2026-11-28T11:30:00.123Z",
                "event": "message",
                "worker": "abcdefgh",
                "id": ID,
                "trace": TRACE,
                "webhook_id": MESSAGE_ID,
                "method": "PUT",
                "attempt": 1,
                "status": 200,
                "outcome": "delivered",
                "bytes": 5,
                "answer_bytes": 4,
                "times": {"queue": 1.0, "connect": 0.0, "first_byte": 12.3, "total": 12.4},
                "type": "text",
            },
        )

    def test_time(self) -> None:
        """The time of each event is its own."""
        self.assertEqual(self.line("replied", self.session, text("x"))["time"], "2026-11-28T11:30:00.123Z")
        self.now += 0.5
        self.assertEqual(self.line("replied", self.session, text("x"))["time"], "2026-11-28T11:30:00.623Z")
        self.now += 0.5
        self.assertEqual(self.line("replied", self.session, text("x"))["time"], "2026-11-28T11:30:01.123Z")

    def test_retry(self) -> None:
        """A try after which another follows says when, and which fault it was if there was no answer."""
        attempt = self.attempt(Received(7, Frame(b"\0", True)), None, TimedOut('no "answer"'), retry_in=0.25)
        line = self.line("tried", self.session, attempt._replace(times=Times(0, None, None, 10)))
        self.assertEqual((line["event"], line["outcome"], line["retry_in"]), ("retry", "retried", 250))
        self.assertEqual((line["status"], line["error"], line["type"]), (None, 'no "answer"', "binary"))
        self.assertEqual(line["times"], {"queue": 0, "connect": None, "first_byte": None, "total": 10000})

    def test_connect(self) -> None:
        """A connect says who came, and a disconnect how it ended."""
        answer = HttpResponse(403, (), b"", False)
        opened = Opened(replace(hello(), path='/a"b', remote_address="2001:db8::1"))
        line = self.line("tried", self.session, self.attempt(opened, Refused(NO), answer))
        self.assertEqual((line["event"], line["path"], line["remote_address"]), ("connect", '/a"b', "2001:db8::1"))
        line = self.line("tried", self.session, self.attempt(CLOSED, Acknowledged(), answer))
        self.assertEqual(
            {name: line[name] for name in ("cause", "close_code", "close_reason", "clean", "lost_messages")},
            {"cause": "client", "close_code": 1001, "close_reason": 'by"e', "clean": True, "lost_messages": 2},
        )

    def test_replies(self) -> None:
        """A message whose answer has the header of a reply says what became of that, on the fast path as well, and
        whatever the answer before it was; without the header there is nothing to say.
        """
        message = Received(7, text("hello"))
        plain, flawed = (HttpResponse(200, headers, b"pong", False) for headers in ((), ((b"wsaas-reply", b"txt"),)))
        for outcome, answer, word in (
            (Delivered(text("pong")), flawed, "sent"),
            (Delivered(stream=object()), flawed, "streamed"),  # type: ignore[arg-type]
            (Delivered(), flawed, "unsent"),
            (Delivered(), plain, None),
            (Delivered(), replace(flawed, status=404), None),
            (Delivered(), replace(flawed, status=204), None),
            (Undelivered(), None, None),
        ):
            line = self.line("tried", self.session, self.attempt(message, outcome, answer))
            self.assertEqual(line.get("reply"), word)
        _, written = self.watch()
        for answer in (plain, flawed, plain, replace(flawed, status=204)):
            self.stream.delivered(self.session, message, 1, answer, MOMENTS)
        self.assertEqual([line.get("reply") for line in self.read(written)], [None, "unsent", None, None])

    def test_refresh(self) -> None:
        """A refresh says whether the client is kept, and a client that is not is refused, or nothing could be asked."""
        for outcome, status, word in (
            (Kept(expires_in=60.0), 200, "accepted"),
            (Expired(4001), 200, "refused"),
            (Expired(), 401, "refused"),
            (Expired(), 503, "undelivered"),
            (Expired(), 429, "undelivered"),
        ):
            answer = HttpResponse(status, (), b"{}", False)
            line = self.line("tried", self.session, self.attempt(Refresh(2, 0.0), outcome, answer))
            self.assertEqual((line["event"], line["outcome"], line["status"]), ("refresh", word, status))
        unsent = Attempt(Refresh(2, 0.0), 0, None, None, None, Expired())
        line = self.line("tried", self.session, unsent)
        self.assertEqual((line["method"], line["webhook_id"]), ("POST", f"{ID}_2_refresh"))
        self.assertEqual((line["status"], line["outcome"]), (None, "undelivered"))

    def test_ways(self) -> None:
        """The line of a message that was delivered is the same by the fast path as by the slow one, whatever its times,
        its size, its answer, and the number of its tries.
        """
        started = 1795865000.0
        for due, sent_at, begun, first_byte, answered_at in (
            (0.0, 0.0, 0.0, 0.0, 0.0),
            (0.0, 0.0000124, 0.0000126, 0.0009996, 0.0099994),
            (0.0, 0.0099996, 0.0200001, 0.5, 61.25),
            (1.0, 0.5, 0.4, 0.3, 0.2),  # the clock was set back
        ):
            for event, number, answer in (
                (Received(7, Frame(b"hello", True)), 1, HttpResponse(204, (), b"", False)),
                (Received(7, Frame(b"x" * 5000, False)), 3, HttpResponse(200, (), b"pong", False)),
            ):
                moments = tuple(started + each for each in (due, sent_at, begun, first_byte, answered_at))
                at = moments[1]
                times = Times(at - moments[0], moments[2] - at, moments[3] - at, moments[4] - at)
                attempt = self.attempt(event, Delivered(), answer, number=number, times=times)
                if not event.frame.binary:
                    attempt = attempt._replace(request=Webhook(b"PUT", ID.encode(), HEAD, event.frame.payload, 0))
                fast = self.line("delivered", self.session, event, number, answer, moments)
                self.assertEqual(self.line("tried", self.session, attempt), fast)
                self.assertEqual((fast["webhook_id"], fast["attempt"]), (MESSAGE_ID, number))

    def test_json(self) -> None:
        """Each line is byte for byte what the json module makes of its members."""
        _, written = self.watch()
        random = Random(14)
        for number in range(300):
            moments = [random.choice((0.0, 1e-6, 1e-3, 0.01, 1.0, 100.0)) * random.random() for _ in range(5)]
            message = Received(number, Frame(b"x" * random.randrange(200), number % 2 == 0))
            answer = HttpResponse(random.choice((200, 204)), (), b"x" * random.randrange(200), False)
            self.now += random.random()
            self.stream.delivered(self.session, message, number, answer, (*sorted(moments),))  # type: ignore[arg-type]
            times = Times(*moments[:4])
            attempt = self.attempt(message, Undelivered(), TimedOut('no "answer" \u2028 \N{SNOWMAN}\n'), times=times)
            self.stream.tried(self.session, attempt)
        closed = replace(CLOSED, reason='\N{SNOWMAN}"\\\x7f')
        self.stream.tried(self.session, self.attempt(closed, Acknowledged(), NO_CONTENT))
        opened = Opened(replace(hello(), path='/a"b\N{SNOWMAN}', remote_address="2001:db8::1"))
        self.stream.tried(self.session, self.attempt(opened, Accepted(), NO_CONTENT, times=None))
        self.stream.ending(self.session, closed, True)
        self.stream.replied(self.session, text("pong"))
        self.stream.pushed(Push(PushKind.CONNECTION, ID, b"hi", False, Pushed.SENT, self.session))
        self.stream.pushed(Push(PushKind.CONNECTION, ID, b"hi", True, NoSuchConnection("gone"), None))
        self.stream.pushed(Push(PushKind.GROUP, 'a"b\N{SNOWMAN}', b"hi", False, Pushed.SENT, None, 12, 1))
        self.stream.refused(RefusedHandshake("192.0.2.1", "/\N{SNOWMAN}", HandshakeResponse(403, "X"), "no", None))
        self.stream.stop()
        self.clock.advance(FLUSH_AFTER)
        lines = b"".join(written).splitlines()
        self.assertGreater(len(lines), 600)
        for line in lines:
            self.assertEqual(line.decode(), json.dumps(json.loads(line), separators=(",", ":")))

    def test_shared(self) -> None:
        """All readers get the same line of a message that was delivered, which is written once."""
        watchers = [
            self.watch(),
            self.watch(event="message"),
            self.watch(event="reply"),
            self.watch(status="4xx,error"),
        ]
        self.stream.delivered(self.session, Received(7, text("hello")), 1, NO_CONTENT, MOMENTS)
        self.clock.advance(FLUSH_AFTER)
        found = [written for _, written in watchers]
        self.assertEqual([len(each) for each in found], [1, 1, 0, 0])
        self.assertIs(found[0][0], found[1][0])

    def test_long_message(self) -> None:
        """A line that waits for its reader keeps no long message."""
        watcher, _ = self.watch()
        watcher.pauseProducing()
        for size, kept in ((LONGEST_KEPT, True), (LONGEST_KEPT + 1, False)):
            payload = b"x" * size
            before = getrefcount(payload)
            self.stream.delivered(self.session, Received(7, Frame(payload, False)), 1, NO_CONTENT, MOMENTS)
            self.assertEqual(getrefcount(payload) > before, kept)

    def test_late(self) -> None:
        """A line that is written when it is sent has the moment of its event, and keeps its bound and its place."""
        watcher, written = self.watch(status="2xx")
        event, answer = Received(7, text("hello")), HttpResponse(200, (), b"", False)
        watcher.pauseProducing()
        for _ in range(MAX_EVENTS + 2):
            self.stream.delivered(self.session, event, 1, answer, MOMENTS)
            self.now += 1
        self.stream.replied(self.session, text("pong"))
        watcher.resumeProducing()
        lines = self.read(written)
        self.assertEqual([line["time"][14:19] for line in lines[:3]], ["30:00", "30:01", "30:02"])
        self.assertEqual((len(lines), lines[-1]), (MAX_EVENTS + 1, {"event": "skipped", "count": 2}))
        self.stream.unwatch(watcher)
        _, nothing = self.watch(status="5xx")
        self.stream.delivered(self.session, event, 1, answer, MOMENTS)
        self.assertEqual(self.read(nothing), [])

    def test_unseen(self) -> None:
        """The line of a try that began unwatched, and of an event that was given up untried, has what is known."""
        unseen = {"request": None, "times": None}
        line = self.line("tried", self.session, self.attempt(Received(7, text("hello")), Undelivered(), None, **unseen))
        self.assertEqual((line["webhook_id"], line["method"], line["bytes"]), (MESSAGE_ID, "PUT", 5))
        self.assertEqual((line["times"], line["status"], line["outcome"]), (None, None, "undelivered"))
        line = self.line("tried", self.session, self.attempt(CLOSED, Acknowledged(), None, **unseen))
        self.assertEqual((line["webhook_id"], line["method"]), (f"{ID}_0_disconnect", "DELETE"))

    def test_outcomes(self) -> None:
        """Each outcome has its word: what was refused is not called delivered, nor what was given up acknowledged."""
        for outcome, status, word in [
            (Accepted(), 200, "accepted"),
            (Refused(NO), 403, "refused"),
            (Indeterminate(NO), 200, "unknown"),
            (Delivered(), 204, "delivered"),
            (Delivered(), 404, "refused"),
            (CloseRequested(1008), 401, "close_requested"),
            (Undelivered(), 503, "undelivered"),
            (Acknowledged(), 200, "acknowledged"),
            (Acknowledged(), 410, "acknowledged"),
            (Acknowledged(), 429, "undelivered"),
            (Acknowledged(), 500, "undelivered"),
        ]:
            attempt = self.attempt(Received(1, text("")), outcome, HttpResponse(status, (), b"", False))
            self.assertEqual(self.line("tried", self.session, attempt)["outcome"], word)

    def test_pushes(self) -> None:
        """A push says what the API answered; one to many how many clients got it."""
        push = Push(PushKind.CONNECTION, ID, b"hi", False, Pushed.SENT, self.session)
        line = self.line("pushed", push)
        self.assertEqual((line["event"], line["id"], line["trace"]), ("push", ID, TRACE))
        self.assertEqual((line["status"], line["code"], line["bytes"], line["type"]), (200, "OK", 2, "text"))
        self.assertEqual(self.line("pushed", push._replace(kind=PushKind.AWS))["event"], "push")
        line = self.line("pushed", push._replace(result=Pushed.QUEUED, binary=True))
        self.assertEqual((line["status"], line["type"]), (202, "binary"))
        line = self.line("pushed", push._replace(result=NoSuchConnection("gone"), session=None))
        self.assertEqual((line["id"], line["status"], line["code"]), (ID, 404, "NOT_FOUND"))
        line = self.line("pushed", Push(PushKind.GROUP, 'a"b', b"hi", False, Pushed.SENT, None, 12, 1))
        self.assertEqual((line["event"], line["group"], line["sent"], line["skipped"]), ("group_push", 'a"b', 12, 1))
        line = self.line("pushed", Push(PushKind.BROADCAST, "", b"hi", False, Pushed.SENT, None, 3, 0))
        self.assertEqual((line["event"], line["sent"], "group" in line), ("broadcast", 3, False))

    def test_refusal(self) -> None:
        """A refusal says what the client got, and of which connection if it had an id."""
        response = HandshakeResponse(403, "ORIGIN_NOT_ALLOWED")
        line = self.line("refused", RefusedHandshake("192.0.2.1", "/room", response, "no", None))
        self.assertEqual(
            {name: line[name] for name in line if name not in ("time", "worker")},
            {
                "event": "refusal",
                "status": 403,
                "code": "ORIGIN_NOT_ALLOWED",
                "message": "no",
                "remote_address": "192.0.2.1",
                "path": "/room",
            },
        )
        self.assertEqual(self.line("refused", RefusedHandshake("", None, response, "", self.session))["id"], ID)

    def test_close(self) -> None:
        """A close says how it came, how long the connection was, and what went over it."""
        self.session.connected_at = self.now - 61.5
        line = self.line("ending", self.session, CLOSED, True)
        self.assertEqual((line["cause"], line["close_code"], line["clean"]), ("client", 1001, True))
        self.assertEqual((line["duration"], line["messages_in"], line["messages_out"]), (61500, 0, 0))

    def test_silent(self) -> None:
        """What another event says already has no line of its own."""
        _, written = self.watch()
        self.stream.connected(self.session)
        self.stream.close_asked(ID, 1000, None)
        self.stream.disconnected(self.session, CLOSED)
        self.stream.ending(self.session, CLOSED, False)
        self.stream.pushed(Push(PushKind.GROUP, "g", b"", False, NoSuchConnection("x")))
        self.assertEqual(self.read(written), [])

    def test_hello(self) -> None:
        """The first line says whose stream it is."""
        line = json.loads(self.lines.hello(version="1.0", console="on", workers=2))
        self.assertEqual((line["event"], line["version"], line["console"], line["workers"]), ("hello", "1.0", "on", 2))
