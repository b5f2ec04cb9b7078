"""Histograms, and the moments of losses, as plain numbers."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from wsaas.core.histogram import Histogram
from wsaas.core.owed_ends import OwedEnds


class HistogramTests(SynchronousTestCase):
    def test_buckets(self) -> None:
        """A value is in the first bucket whose bound it does not exceed, as Prometheus's `le` has it."""
        histogram = Histogram(1.0, 10.0)
        for value in (0.0, 1.0, 1.5, 10.0, 11.0):
            histogram.observe(value)
        self.assertEqual((histogram.counts, histogram.sum), ([2, 2, 1], 23.5))


class OwedEndsTests(SynchronousTestCase):
    def test_delay(self) -> None:
        """The delay is from the first moment of a loss to the answer; a clock that was set back makes none negative."""
        owed = OwedEnds(Histogram(1.0, 60.0))
        owed.lost("a", 100.0)
        owed.lost("a", 105.0)
        owed.lost("b", 100.0)
        owed.answered("a", 130.0)
        owed.answered("b", 99.0)
        owed.answered("c", 99.0)
        self.assertEqual((owed.delay.counts, owed.delay.sum, len(owed)), ([1, 1, 0], 30.0, 0))
