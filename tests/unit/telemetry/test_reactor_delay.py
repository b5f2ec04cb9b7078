"""The lateness of the reactor."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsaas.telemetry.reactor_delay import INTERVAL, ReactorDelay


class ReactorDelayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.monotonic = 0.0
        self.delay = ReactorDelay(self.clock, lambda: self.monotonic)
        self.delay.startService()

    def pass_(self, seconds: float) -> None:
        """Let so much time pass, of which the reactor's clock counts INTERVAL."""
        self.monotonic += seconds
        self.clock.advance(INTERVAL)

    def test_late(self) -> None:
        """Each look counts the seconds by which it came too late, those of a pause too."""
        for late in (0.0, 0.0, 0.02, 3.0):
            self.pass_(INTERVAL + late)
        counts = self.delay.histogram.counts
        self.assertEqual((counts[0], counts[4], counts[-1], sum(counts)), (2, 1, 1, 4))

    def test_one_timer(self) -> None:
        """It has one timer while it runs, and none before and after."""
        self.pass_(INTERVAL)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.delay.stopService()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.delay.stopService()
