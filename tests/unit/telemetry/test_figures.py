"""The figures for people: those of a process, and of several together."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsaas.core.census import Census
from wsaas.core.counters import DURATIONS, MessageCounters
from wsaas.core.events import EventKind
from wsaas.core.monitor import Monitor
from wsaas.telemetry.figures import RECENT, Figures, added_up, quantile


class FigureTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.monitor = Clock(), Monitor()
        self.clock.advance(1000)
        census = Census(1, 2, MessageCounters(received=5, sent=7), 0, 0, 0)
        self.figures = Figures(
            self.monitor, lambda: census, lambda: 10, self.clock.seconds, lambda: 5000 + self.clock.seconds()
        )

    def test_one_process(self) -> None:
        """Connections, messages, tries and what waits are read off the counters."""
        webhooks = self.monitor.counters.webhooks
        message, connect = webhooks[EventKind.MESSAGE], webhooks[EventKind.CONNECT]
        message.answers[2], message.answers[5], message.timeouts, connect.answers[4] = 6, 1, 1, 2
        self.monitor.owed.lost("a", 5990.0)
        self.monitor.owed.lost("b", 5999.0)
        self.clock.advance(4)
        stats = added_up([self.figures.read()])
        self.assertEqual(
            stats,
            {
                "uptime": 4,
                "connections": 3,
                "limit": 10,
                "waiting_disconnects": 2,
                "oldest_waiting": 14,
                "counters": {"messages_received": 5, "messages_sent": 7, "webhook_attempts": 10, "webhook_failures": 2},
                "webhook_p50": None,
                "webhook_p99": None,
            },
        )

    def test_several(self) -> None:
        """The figures of several processes are sums; uptime and the longest wait are those of the oldest."""
        self.clock.advance(7)
        self.monitor.owed.lost("a", 6005.0)
        one, other = self.figures.read(), self.figures.read()
        other |= {"uptime": 60.0, "oldest_waiting": 3.0, "limit": 5}
        stats = added_up([one, other])
        self.assertEqual((stats["connections"], stats["limit"], stats["uptime"]), (6, 15, 60))
        self.assertEqual((stats["oldest_waiting"], stats["counters"]["messages_sent"]), (3, 14))
        self.assertEqual(added_up([other, one])["oldest_waiting"], 3)

    def test_lately(self) -> None:
        """The quantiles are of what was lately: what is long past does not count."""
        duration = self.monitor.counters.webhooks[EventKind.MESSAGE].duration
        for _ in range(100):
            duration.observe(9.0)
        self.assertGreater(added_up([self.figures.read()])["webhook_p50"], 5000)
        for _ in range(2):
            self.clock.advance(RECENT)
            self.figures.read()
        self.assertIsNone(added_up([self.figures.read()])["webhook_p50"])
        duration.observe(0.0008)
        self.assertLessEqual(added_up([self.figures.read()])["webhook_p99"], 1.0)

    def test_quantiles(self) -> None:
        """A quantile lies in the bucket that has it, in proportion; above all bounds it is the last one."""
        bounds = (1.0, 2.0, 4.0)
        for counts, part, value in [
            ([0, 10, 0, 0], 0.5, 1.5),
            ([10, 0, 10, 0], 0.5, 1.0),
            ([10, 0, 10, 0], 0.75, 3.0),
            ([0, 0, 1, 99], 0.5, 4.0),
            ([0, 0, 0, 0], 0.5, None),
        ]:
            self.assertEqual(quantile(part, bounds, counts), value, counts)
        self.assertEqual(quantile(0.99, DURATIONS, [0] * len(DURATIONS) + [1]), DURATIONS[-1])
