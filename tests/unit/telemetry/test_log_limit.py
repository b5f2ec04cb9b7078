"""One line of a kind in ten seconds, and the number of those left out."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.logger import LogEvent, Logger, LogLevel, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from wsaas.telemetry.log_limit import INTERVAL, LogLimit, with_left_out


class LogLimitTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.limit = LogLimit(self.clock)
        self.events: list[LogEvent] = []
        self.log = Logger("wsaas.test", observer=self.events.append)

    def test_one_of_a_kind(self) -> None:
        """The first line of a kind is written, the others of ten seconds are not, and the next says how many."""
        self.assertEqual(self.limit.allows("one"), 0)
        self.assertEqual([self.limit.allows("one") for _ in range(3)], [None] * 3)
        self.clock.advance(INTERVAL - 0.1)
        self.assertIsNone(self.limit.allows("one"))
        self.clock.advance(0.1)
        self.assertEqual(self.limit.allows("one"), 4)
        self.assertIsNone(self.limit.allows("one"))
        self.clock.advance(INTERVAL)
        self.assertEqual(self.limit.allows("one"), 1)

    def test_kinds_apart(self) -> None:
        """Each kind has a count of its own."""
        self.assertEqual(self.limit.allows("one"), 0)
        self.assertIsNone(self.limit.allows("one"))
        self.assertEqual(self.limit.allows("other"), 0)
        self.clock.advance(INTERVAL)
        self.assertEqual((self.limit.allows("other"), self.limit.allows("one")), (0, 1))

    def test_bounded(self) -> None:
        """Ever new kinds take neither memory nor more lines than the table has room for, and one."""
        limit = LogLimit(self.clock, kinds=3)
        answers = [limit.allows(str(number)) for number in range(1000)]
        self.assertEqual(answers, [0] * 4 + [None] * 996)
        self.assertEqual(len(limit), 4)
        self.assertIsNone(limit.allows("0"))

    def test_table_is_used_again(self) -> None:
        """Kinds whose time is over make room for others; those that share a place are still counted together."""
        limit = LogLimit(self.clock, kinds=2)
        for kind in ("one", "two", "three", "four"):
            limit.allows(kind)
        self.clock.advance(INTERVAL)
        self.assertEqual(limit.allows("five"), 0)
        self.assertIsNone(limit.allows("five"))
        self.assertEqual(limit.allows("six"), 1)

    def test_emit(self) -> None:
        """A line is written with its fields and with how many were left out, in the text and as a field."""
        for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
            self.limit.emit(self.log, LogLevel.warn, "kind", "refused {address}", address=address)
        self.clock.advance(INTERVAL)
        self.limit.emit(self.log, LogLevel.warn, "kind", "refused {address}", address="192.0.2.4")
        self.assertEqual(
            [formatEvent(event) for event in self.events],
            ["refused 192.0.2.1", "refused 192.0.2.4 (2 more like it left out)"],
        )
        self.assertEqual([event["left_out"] for event in self.events], [0, 2])
        self.assertEqual({event["log_level"] for event in self.events}, {LogLevel.warn})

    def test_failure(self) -> None:
        """A traceback is a line like any other."""
        for _ in range(3):
            try:
                raise ValueError("x")
            except ValueError:
                self.limit.failure(self.log, "kind", "broke at {place}", place="here")
        self.assertEqual([formatEvent(event) for event in self.events], ["broke at here"])
        self.assertEqual(self.events[0]["log_failure"].type, ValueError)

    def test_braces(self) -> None:
        """The format keeps its fields: the count is one more of them."""
        self.assertEqual(with_left_out("{a}", 0), "{a}")
        self.assertEqual(with_left_out("{a}", 7).format(a=1, left_out=7), "1 (7 more like it left out)")
