"""The lines that wait for one watcher."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsaas.telemetry.event_filter import EventFilter
from wsaas.telemetry.watcher import FLUSH_AFTER, FLUSH_AT, MAX_BYTES, MAX_EVENTS, MAX_SILENT_TICKS, TICK, Watcher


class WatcherTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.written: list[bytes] = []
        self.ended: list[str] = []
        self.watcher = Watcher(
            self.clock, EventFilter(), self.written.append, lambda: self.ended.append("end"), lambda late: late[0]
        )

    def offer(self, *numbers: int) -> None:
        for number in numbers:
            self.watcher.offer(b"%d\n" % number)

    def test_together(self) -> None:
        """Events that come within a moment are written together; very many are not waited for."""
        self.offer(1, 2)
        self.assertEqual(self.written, [])
        self.clock.advance(FLUSH_AFTER)
        self.assertEqual(self.written, [b"1\n2\n"])
        self.offer(*range(FLUSH_AT))
        self.assertEqual(len(self.written), 2)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_slow_reader(self) -> None:
        """For a watcher that does not read 256 events are kept, in order; then a line says how many were left out."""
        self.watcher.pauseProducing()
        self.offer(*range(MAX_EVENTS + 3))
        self.clock.advance(1)
        self.assertEqual(self.written, [])
        self.watcher.resumeProducing()
        lines = b"".join(self.written).splitlines()
        self.assertEqual(lines[:-1], [b"%d" % number for number in range(MAX_EVENTS)])
        self.assertEqual(lines[-1], b'{"event":"skipped","count":3}')
        self.offer(7)
        self.clock.advance(FLUSH_AFTER)
        self.assertEqual(self.written[-1], b"7\n")

    def test_bytes(self) -> None:
        """The events that are kept have a bound in bytes, too; one that is larger is kept if it is alone."""
        self.watcher.pauseProducing()
        line = b"x" * (MAX_BYTES + 1) + b"\n"
        self.watcher.offer(line)
        self.offer(1)
        self.watcher.resumeProducing()
        self.assertEqual(self.written, [line + b'{"event":"skipped","count":1}\n'])

    def test_tick(self) -> None:
        """A quiet stream has an empty line now and then."""
        self.clock.advance(TICK)
        self.assertEqual(self.written, [b"\n"])

    def test_reads_nothing(self) -> None:
        """A watcher that reads nothing for minutes is let go; one that reads now and then is not."""
        self.watcher.pauseProducing()
        for _ in range(MAX_SILENT_TICKS - 1):
            self.clock.advance(TICK)
        self.watcher.resumeProducing()
        self.watcher.pauseProducing()
        for _ in range(MAX_SILENT_TICKS - 1):
            self.clock.advance(TICK)
        self.assertEqual(self.ended, [])
        self.clock.advance(TICK)
        self.assertEqual((self.ended, self.written), (["end"], []))

    def test_stop(self) -> None:
        """A watcher that is stopped is given what waits if it reads, and leaves no timer behind."""
        self.offer(1)
        self.watcher.stop()
        self.watcher.stop()
        self.assertEqual((self.written, self.clock.getDelayedCalls()), ([b"1\n"], []))

    def test_stop_paused(self) -> None:
        """A watcher that is gone is given nothing."""
        self.offer(1)
        self.watcher.stopProducing()
        self.watcher.stop()
        self.assertEqual((self.written, self.clock.getDelayedCalls()), ([], []))
