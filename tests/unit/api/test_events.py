"""The route of the event stream, over a connection in memory."""

from __future__ import annotations

import json
from typing import Any

from tests.support.api_fakes import HERE, MAX_MESSAGE_SIZE, router_of
from tests.support.core_fakes import Stage, text
from tests.support.http_wire import Wire, WireCase
from wsaas.api.app import Api
from wsaas.api.events import add_event_routes
from wsaas.api.server.site import ApiSite, api_site
from wsaas.core.monitor import Monitor
from wsaas.telemetry.event_lines import EventLines
from wsaas.telemetry.event_stream import EventStream
from wsaas.telemetry.watcher import FLUSH_AFTER, MAX_EVENTS, MAX_SILENT_TICKS, TICK

HELLO = b'{"event":"hello"}\n'


class FakeFollowed:
    """The streams of other processes, which the test plays."""

    def __init__(self, target: bytes, heard: Any, note: Any) -> None:
        self.target = target
        self.heard = heard
        self.note = note
        self.stopped = False

    def stop(self) -> None:
        self.stopped = True


class EventsCase(WireCase):
    processes = 1

    def new_site(self, *_: Any) -> ApiSite:
        self.monitor = Monitor()
        self.stream = EventStream(
            self.monitor, self.clock, EventLines(lambda: 0.0, "abcdefgh"), lambda error: (404, "X")
        )
        self.subject = Stage.open().session
        self.followed: list[FakeFollowed] = []

        def follow(target: bytes, heard: Any, note: Any) -> FakeFollowed:
            self.followed.append(FakeFollowed(target, heard, note))
            return self.followed[-1]

        def add_more(api: Api) -> None:
            add_event_routes(
                api, self.stream, lambda: HELLO, most=lambda: 2, processes=lambda: self.processes, follow=follow
            )

        return api_site(
            self.clock,
            router_of(self.session),
            tokens=self.tokens,
            max_message_size=MAX_MESSAGE_SIZE,
            ready=lambda: True,
            add_more=add_more,
        )

    def watch(self, query: str = "", version: str = "1.1") -> Wire:
        wire = self.wire()
        wire.send(f"GET /-/events{query} HTTP/{version}\r\nHost: localhost\r\n\r\n".encode())
        return wire

    def read(self, wire: Wire) -> list[bytes]:
        """The lines that came since the last time, out of their chunks."""
        self.clock.advance(FLUSH_AFTER)
        data = wire.transport.value()
        wire.transport.clear()
        head, _, rest = data.rpartition(b"\r\n\r\n") if data.startswith(b"HTTP") else (b"", b"", data)
        self.head = head
        lines = []
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            lines += rest[: int(size, 16)].splitlines()
            rest = rest[int(size, 16) + 2 :]
        return lines


class EventTests(EventsCase):
    def test_stream(self) -> None:
        """The stream is NDJSON in chunks that no proxy may keep: a line of greeting, and then one for each event."""
        wire = self.watch()
        self.assertEqual(self.read(wire), HELLO.splitlines())
        for line in (b"HTTP/1.1 200 OK", b"Content-Type: application/x-ndjson", b"Cache-Control: no-store"):
            self.assertIn(line, self.head.split(b"\r\n"))
        self.assertIn(b"Transfer-Encoding: chunked", self.head.split(b"\r\n"))
        self.stream.replied(self.subject, text("pong"))
        self.assertEqual([json.loads(line)["event"] for line in self.read(wire)], ["reply"])

    def test_plain(self) -> None:
        """A client of HTTP/1.0 gets the lines without chunks."""
        wire = self.watch(version="1.0")
        self.stream.replied(self.subject, text("pong"))
        self.clock.advance(FLUSH_AFTER)
        head, _, lines = wire.transport.value().partition(b"\r\n\r\n")
        self.assertNotIn(b"chunked", head)
        self.assertTrue(lines.startswith(HELLO + b'{"time":'))

    def test_reader_leaves(self) -> None:
        """When the last reader is gone, nobody observes any more, and nothing is left behind."""
        wires = [self.watch(), self.watch()]
        self.assertIs(self.monitor.observer, self.stream)
        for wire in wires:
            wire.hang_up()
        self.assertIsNone(self.monitor.observer)
        self.assertEqual([each.stopped for each in self.followed], [True, True])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_further_request(self) -> None:
        """The connection of a reader that has sent a further request is read on, so that it is noticed if it leaves."""
        wire = self.watch()
        wire.send(b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertEqual(wire.transport.producerState, "producing")

    def test_bound(self) -> None:
        """One reader too many is told how many there may be; a place that becomes free is given to the next."""
        wires = [self.watch(), self.watch()]
        late = self.wire()
        late.send(b"GET /-/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        (got,) = late.answers()
        self.assertEqual((got.status, got.json["code"]), (503, "TOO_MANY_WATCHERS"))
        self.assertIn("2 watch already", got.json["message"])
        wires[0].hang_up()
        self.assertEqual(self.read(self.watch()), HELLO.splitlines())

    def test_bad_values(self) -> None:
        """A parameter that means nothing is refused by its name and value; so is one that is not there."""
        for query, shown in (
            ("?event=mesage", "event=mesage"),
            ("?status=9", "status=9"),
            ("?rate=0", "rate: "),
            ("?x=1", "'x'"),
        ):
            wire = self.watch(query)
            (got,) = wire.answers()
            self.assertEqual((got.status, got.json["code"]), (400, "BAD_REQUEST"))
            self.assertIn(shown, got.json["message"])
        self.assertIsNone(self.monitor.observer)

    def test_head(self) -> None:
        """A HEAD has the headers of a stream, and none begins."""
        wire = self.wire()
        wire.send(b"HEAD /-/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertIn(b"Content-Type: application/x-ndjson", wire.transport.value())
        self.assertIsNone(self.monitor.observer)

    def test_slow_reader(self) -> None:
        """A reader that does not read pauses its own stream only: 256 events are kept, and the rest is counted."""
        wire, other = self.watch(), self.watch()
        self.read(wire), self.read(other)
        wire.transport.producer.pauseProducing()
        for _ in range(MAX_EVENTS + 5):
            self.stream.replied(self.subject, text("pong"))
        self.assertEqual(self.read(wire), [])
        self.assertEqual(len(self.read(other)), MAX_EVENTS + 5)
        wire.transport.producer.resumeProducing()
        lines = self.read(wire)
        self.assertEqual((len(lines), json.loads(lines[-1])), (MAX_EVENTS + 1, {"event": "skipped", "count": 5}))

    def test_reads_nothing(self) -> None:
        """A reader that reads nothing for minutes is let go."""
        wire = self.watch()
        wire.transport.producer.pauseProducing()
        for _ in range(MAX_SILENT_TICKS):
            self.clock.advance(TICK)
        self.assertIsNone(self.monitor.observer)

    def test_end(self) -> None:
        """At a stop of the gateway a stream ends as it should, by a last line, and its connection serves on."""
        wire = self.watch()
        self.read(wire)
        self.stream.stop()
        self.assertTrue(wire.transport.value().endswith(b"\r\n0\r\n\r\n"))
        self.assertIn(b'"event":"end","worker":"abcdefgh"}\n', wire.transport.value())
        wire.transport.clear()
        wire.send(f"GET /{HERE} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        self.assertEqual(wire.statuses(), [200])

    def test_other_processes(self) -> None:
        """The other processes are asked with the same filter, and their lines come between those of this one."""
        wire = self.watch("?event=reply")
        self.assertEqual(self.followed[0].target, b"/-/events?event=reply")
        self.read(wire)
        self.followed[0].heard(b'{"event":"reply","worker":"other"}\n')
        self.stream.replied(self.subject, text("pong"))
        self.assertEqual([json.loads(line)["worker"] for line in self.read(wire)], ["other", "abcdefgh"])
        self.followed[0].note("lost", "other")
        (line,) = self.read(wire)
        self.assertEqual(json.loads(line), {"time": "1970-01-01T00:00:00.000Z", "event": "lost", "worker": "other"})


class RateTests(EventsCase):
    processes = 4

    def test_rate(self) -> None:
        """Readers with a rate are shown so many events a second, and told how many more there were. The processes share
        the rate evenly: each is asked the same, and shows its part.
        """
        wire = self.watch("?rate=20&event=reply")
        self.assertEqual(self.followed[0].target, b"/-/events?rate=20&event=reply")
        self.read(wire)
        for _ in range(12):
            self.stream.replied(self.subject, text("pong"))
        self.clock.advance(1)
        lines = [json.loads(line) for line in self.read(wire)]
        self.assertEqual([line["event"] for line in lines], ["reply"] * 5 + ["sampled"])
        self.assertEqual((lines[-1]["count"], lines[-1]["left_out"]), (7, {"reply": 7}))
        self.followed[0].heard(b'{"event":"sampled","worker":"other"}\n')
        self.assertEqual(json.loads(self.read(wire)[0])["worker"], "other")
        wire.hang_up()
        self.assertEqual((self.monitor.observer, self.clock.getDelayedCalls()), (None, []))


class TokenTests(EventsCase):
    tokens = ("s3cret",)

    def test_token(self) -> None:
        """Without the token nobody watches."""
        wire = self.watch()
        self.assertEqual(wire.statuses(), [401])
        self.assertIsNone(self.monitor.observer)
