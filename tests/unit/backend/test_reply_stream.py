"""Streamed replies from the head of an answer to the client: order, room, turns, bounds, ends."""

from __future__ import annotations

from twisted.logger import LogLevel, capturedLogs, formatEvent

from tests.support.core_fakes import FakePeer
from tests.support.courier_case import MAX_STREAMS, OK, CourierTestCase
from wsaas.backend.reply_stream import MESSAGES_PER_TURN, asks_for_stream
from wsaas.core.events import Cause
from wsaas.core.session import Session
from wsaas.http_client.body_stream import BodyStream, StreamedResponse
from wsaas.http_client.exchange import Lost


class FakeSource:
    """The connection on which a body comes."""

    def __init__(self) -> None:
        self.state = "paused"
        self.body = BodyStream(self)

    def pause_body(self) -> None:
        self.state = "paused"

    def resume_body(self) -> None:
        self.state = "reading"

    def drop(self) -> None:
        self.state = "dropped"


class ReplyStreamTests(CourierTestCase):
    def stream(self, session: Session, kind: bytes = b"lines", *headers: tuple[bytes, bytes]) -> FakeSource:
        """The client says something, and the backend answers with a stream."""
        self.say(session, b"go")
        source = FakeSource()
        answer = StreamedResponse(200, ((b"wsaas-reply", kind), *headers), b"", False, source.body)
        self.sender.answer(answer, -1)
        return source

    def sent(self, peer: FakePeer) -> list[str]:
        """The messages that the client got since the last time."""
        return [call.removeprefix("send ") for call in peer.calls.flush() if call.startswith("send ")]

    def test_lines_and_events(self) -> None:
        """Each line, or each event's data, is sent as soon as it is there, and the client's next message goes out."""
        for kind, parts in ((b"Lines", [b"one\ntw", b"o\n"]), (b" events", [b"data: one\n\ndata: tw", b"o\n\n"])):
            peer, session = self.open()
            source = self.stream(session, kind)
            self.assertEqual(source.state, "reading")
            source.body.received(parts[0])
            self.assertEqual(self.sent(peer), ["one"])
            self.say(session, b"stop")
            self.assertEqual(self.bodies()[-1], b"stop")
            self.sender.answer(OK, -1)
            source.body.received(parts[1])
            source.body.ended(None)
            self.assertEqual(self.sent(peer), ["two"])
        self.assertEqual((self.monitor.counters.streams.ended, self.monitor.counters.streams.cut), (2, 0))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_last_line(self) -> None:
        """A last line without a line end is sent when the body is whole, and not when it is cut short."""
        peer, session = self.open()
        source = self.stream(session)
        source.body.received(b"one")
        source.body.ended(None)
        self.assertEqual(self.sent(peer), ["one"])
        source = self.stream(session)
        source.body.received(b"one")
        with self.warning("the early end of the backend's answer (reset)"):
            source.body.ended(Lost("reset"))
        self.assertEqual(self.sent(peer), [])
        self.assertEqual((self.monitor.counters.streams.ended, self.monitor.counters.streams.cut), (1, 1))

    def test_no_room(self) -> None:
        """While the client has no room the backend is not read from; then all goes on, in order, with nothing lost."""
        peer, session = self.open()
        source = self.stream(session)
        peer.full = True
        source.body.received(b"one\ntwo\n")
        self.assertEqual(source.state, "paused")
        source.body.received(b"three\n")
        source.body.ended(None)
        self.assertEqual(self.sent(peer), [])
        session.writable()
        peer.full = False
        session.writable()
        self.assertEqual(self.sent(peer), ["one", "two", "three"])
        self.assertEqual(self.monitor.counters.streams.ended, 1)
        session.writable()

    def test_turns(self) -> None:
        """So many messages are sent in one turn of the reactor; meanwhile the backend is not read from."""
        peer, session = self.open()
        source = self.stream(session)
        source.body.received(b"x\n" * (2 * MESSAGES_PER_TURN + 1))
        for count in (MESSAGES_PER_TURN, MESSAGES_PER_TURN + 1):  # advance(0) takes all turns that are due
            self.assertEqual(len(self.sent(peer)), count)
            session.writable()
            self.assertEqual(source.state, "paused" if count == MESSAGES_PER_TURN else "reading")
            self.clock.advance(0)
        source.body.received(b"x\n" * (MESSAGES_PER_TURN + 1))
        session.disconnected(Cause.CLIENT, 1000, "", True)
        self.assertEqual((source.state, len(self.clock.getDelayedCalls())), ("dropped", 0))

    def test_unsendable(self) -> None:
        """A line that is too long or no UTF-8 ends the stream with a warning; the connection goes on."""
        for bad, words in ((b"x" * 1001 + b"\n", "of over MAX_MESSAGE_SIZE"), (b"\xff\n", "is not UTF-8")):
            self.build()
            peer, session = self.open()
            source = self.stream(session)
            with self.warning(words):
                source.body.received(b"ok\n" + bad + b"never\n")
            self.assertEqual((self.sent(peer), source.state), (["ok"], "dropped"))
            self.assertEqual(self.monitor.counters.streams.cut, 1)
            again = self.stream(session)
            again.body.received(b"next\n")
            self.assertEqual(self.sent(peer), ["next"])

    def test_coded(self) -> None:
        """A stream in a coding that nobody asked for is not read, with a warning; the message is delivered."""
        _, session = self.open()
        with self.warning("Content-Encoding: gzip"):
            source = self.stream(session, b"lines", (b"content-encoding", b"gzip"))
        self.assertEqual(source.state, "dropped")
        self.assertEqual(len(session.lane), 0)

    def test_client_gone(self) -> None:
        """When the client is gone, or the API closes it, the request is aborted; counted, and never repeated."""
        for end in (
            lambda session: session.disconnected(Cause.NETWORK, 1006, "", False),
            lambda session: self.router.close(session.id, 1000, ""),
        ):
            self.build()
            _, session = self.open()
            source = self.stream(session)
            source.body.received(b"one\n")
            end(session)
            self.assertEqual(source.state, "dropped")
            source.body.received(b"two\n")
            source.body.ended(Lost("gone"))
            self.assertEqual(self.bodies(), [b"go"])
            self.assertEqual((self.monitor.counters.streams.ended, self.monitor.counters.streams.cut), (0, 1))

    def test_next_waits(self) -> None:
        """Of one connection one stream is read at a time; the next waits unread, and begins when the first ends."""
        peer, session = self.open()
        first, second = self.stream(session), self.stream(session)
        self.assertEqual((first.state, second.state), ("reading", "paused"))
        second.body.received(b"second\n")  # what came with its head
        first.body.received(b"first\n")
        self.assertEqual(self.sent(peer), ["first"])
        first.body.ended(None)
        self.assertEqual((self.sent(peer), second.state), (["second"], "reading"))

    def test_places(self) -> None:
        """So many streams are read at once, of one party three quarters at most; others wait unread, and have their
        turn; one more than may wait is cut, with a warning.
        """
        self.assertEqual(MAX_STREAMS, 4)
        sources = [self.stream(self.open("192.0.2.1")[1]) for _ in range(4)]
        self.assertEqual([source.state for source in sources], ["reading"] * 3 + ["paused"])
        other = self.stream(self.open("192.0.2.2")[1])
        self.assertEqual(other.state, "paused")
        with self.warning("MAX_STREAMS"):
            surplus = self.stream(self.open("192.0.2.3")[1])
        self.assertEqual(surplus.state, "dropped")
        sources[0].body.ended(None)
        self.assertEqual((sources[3].state, other.state), ("reading", "reading"))

    def test_place_given_up(self) -> None:
        """A stream whose client leaves while it waits for a place takes none."""
        sources = [self.stream(self.open("192.0.2.1")[1]) for _ in range(3)]
        _, leaving = self.open("192.0.2.1")
        waiting = self.stream(leaving)
        leaving.disconnected(Cause.NETWORK, 1006, "", False)
        self.assertEqual(waiting.state, "dropped")
        sources[0].body.ended(None)
        self.assertEqual(self.stream(self.open("192.0.2.1")[1]).state, "reading")

    def test_asked_for(self) -> None:
        """A stream is a 2xx with a body whose WSAAS-Reply says lines or events, in any case."""
        for status, value, expected in (
            (200, b"lines", True),
            (202, b" Events ", True),
            (200, b"text", False),
            (204, b"lines", False),
            (205, b"events", False),
            (500, b"lines", False),
            (302, b"events", False),
            (200, b"line", False),
        ):
            self.assertIs(asks_for_stream(status, [(b"a", b"lines"), (b"wsaas-reply", value)]), expected, value)
        self.assertFalse(asks_for_stream(200, []))

    def warning(self, words: str) -> Warning_:
        return Warning_(self, words)


class Warning_:
    """Checks that what happens within logs one warning, with these words and the connection's id."""

    def __init__(self, case: ReplyStreamTests, words: str) -> None:
        self._case = case
        self._words = words
        self._captured = capturedLogs()

    def __enter__(self) -> None:
        self._events = self._captured.__enter__()

    def __exit__(self, *failure: object) -> None:
        self._captured.__exit__(None, None, None)
        lines = [formatEvent(event) for event in self._events if event["log_level"] is LogLevel.warn]
        self._case.assertEqual(len(lines), 1, lines)
        self._case.assertIn(self._words, lines[0])
        self._case.assertIn("connection ", lines[0])
