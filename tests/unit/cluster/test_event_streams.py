"""The event streams of other processes, as one reader follows them: their lines, and what is said of those missing."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.support.backend_wires import Backend, Wire
from wsaas.api.events import MAX_WATCHERS
from wsaas.cluster.event_streams import FILES, LOOK_EVERY, MAX_LINE, SILENCE, FollowedStreams, watchers_at_once

A, B = "aaaaaaaa", "bbbbbbbb"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n"
LINE = b'{"time":"2026-11-28T11:30:00.123Z","event":"message","worker":"aaaaaaaa"}\n'
END = b'{"time":"2026-11-28T11:30:00.123Z","event":"end","worker":"aaaaaaaa"}\n'


class Places:
    """Processes in memory."""

    def __init__(self) -> None:
        self.names = [A]
        self.backend = Backend()
        self.known = True

    def prefixes(self) -> list[str]:
        return self.names

    def place(self, prefix: str) -> tuple[Any, bytes] | None:
        return (self.backend, b"Host: " + prefix.encode() + b"\r\nX: 1\r\n") if self.known else None


class FollowTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.places = Places()
        self.heard: list[bytes] = []
        self.notes: list[tuple[str, str]] = []

    def follow(self) -> FollowedStreams:
        return FollowedStreams(
            self.clock, self.places, b"/-/events?id=x", self.heard.append, lambda *words: self.notes.append(words)
        )

    def wire(self) -> Wire:
        return self.places.backend.wires[-1]

    def look(self) -> None:
        self.clock.advance(LOOK_EVERY)

    def test_lines(self) -> None:
        """Each process is asked for the same target; its lines are heard whole, in whatever pieces they come, and its
        empty ones are not.
        """
        followed = self.follow()
        self.assertEqual(self.wire().requests(), b"GET /-/events?id=x HTTP/1.0\r\nHost: aaaaaaaa\r\nX: 1\r\n\r\n")
        for part in (OK[:-3], OK[-3:] + b"\n" + LINE + LINE[:7], LINE[7:]):
            self.wire().answer(part)
        self.assertEqual(self.heard, [LINE, LINE])
        self.assertEqual(self.notes, [])
        followed.stop()
        self.assertTrue(self.wire().aborted)
        self.wire().end()
        self.assertEqual((self.notes, self.clock.getDelayedCalls()), ([], []))

    def test_lost_and_found(self) -> None:
        """A stream that breaks off is lost, once; it is found when it begins again. So is one that could not begin."""
        self.follow()
        self.wire().answer(OK + LINE)
        self.wire().end(clean=False)
        self.assertEqual(self.notes, [("lost", A)])
        self.places.backend.refusal = ConnectionRefusedError()
        self.look()
        self.look()
        self.assertEqual(self.notes, [("lost", A)])
        self.places.backend.refusal = None
        self.look()
        self.assertEqual(self.notes, [("lost", A)])
        self.wire().answer(OK)
        self.assertEqual(self.notes, [("lost", A), ("found", A)])
        self.wire().end()
        self.assertEqual(self.notes[2:], [("lost", A)])

    def test_refused(self) -> None:
        """A process that refuses to be watched, or whose address is not known, is lost to the reader."""
        self.follow()
        self.wire().answer(b"HTTP/1.1 503 Busy\r\n\r\n")
        self.assertTrue(self.wire().aborted)
        self.wire().end()
        self.assertEqual(self.notes, [("lost", A)])
        self.places.names = [B]
        self.places.known = False
        self.look()
        self.assertEqual(self.notes, [("lost", A), ("lost", B)])

    def test_new(self) -> None:
        """A process that comes later is found: what it had before is missing. Of the first ones nothing is noted."""
        self.follow()
        self.wire().answer(OK)
        self.places.names = [A, B]
        self.look()
        self.wire().answer(OK)
        self.assertEqual(self.notes, [("found", B)])

    def test_end(self) -> None:
        """The last line of a process that stops is not handed on; nothing is missing, and it is not followed again."""
        self.follow()
        self.wire().answer(OK + LINE + END)
        self.wire().end()
        self.look()
        self.assertEqual((self.heard, self.notes, len(self.places.backend.wires)), ([LINE], [], 1))

    def test_end_in_text(self) -> None:
        """A line that has the words of a last line among what a client or the backend chose is none."""
        self.follow()
        line = b'{"time":"x","event":"message","request":{"headers":{"a":"","event":"end","b":""}}}\n'
        self.wire().answer(OK + line)
        self.wire().end()
        self.assertEqual((self.heard, self.notes), ([line], [("lost", A)]))

    def test_silent(self) -> None:
        """A stream in which not even the empty line comes is dropped: its machine may be gone. Any byte keeps it."""
        self.follow()
        self.wire().answer(OK)
        for _ in range(4):
            self.clock.pump([LOOK_EVERY] * int(SILENCE / LOOK_EVERY))
            self.assertFalse(self.wire().aborted)
            self.wire().answer(b"\n")
        self.clock.pump([LOOK_EVERY] * int(2 * SILENCE / LOOK_EVERY))
        self.assertTrue(self.wire().aborted)

    def test_long_line(self) -> None:
        """A line without an end is not kept."""
        self.follow()
        self.wire().answer(OK + b"x" * (MAX_LINE + 1))
        self.assertTrue(self.wire().aborted)

    def test_stopped_meanwhile(self) -> None:
        """A reader that leaves while a connection is made leaves no connection behind, and hears nothing more."""
        self.places.backend.slow = True
        made: list[Any] = []
        self.patch(self.places.backend, "connect", lambda factory: made.append(factory) or _Later(made))
        followed = self.follow()
        followed.stop()
        wire = Wire()
        wire.protocol = protocol = made[0].buildProtocol(None)
        protocol.makeConnection(wire)
        made[1](protocol)
        self.assertTrue(wire.aborted)
        wire.answer(OK + LINE)
        self.assertEqual((self.heard, self.notes), ([], []))

    def test_bound(self) -> None:
        """So many readers are served that their streams take a bounded number of files, among many processes too."""
        self.assertEqual([watchers_at_once(count) for count in (0, 1, 4, 16, 1000)], [MAX_WATCHERS, 16, 16, 4, 2])
        self.assertLessEqual(16 * watchers_at_once(16) * 2, FILES)


class _Later:
    """A Deferred whose callback the test calls."""

    def __init__(self, made: list[Any]) -> None:
        self._made = made

    def addCallbacks(self, callback: Any, errback: Any) -> None:
        self._made.append(callback)
