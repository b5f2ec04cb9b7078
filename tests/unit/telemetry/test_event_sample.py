"""The events that one watcher is shown, and the count of the others."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsaas.core.errors import BadRequest
from wsaas.telemetry.event_sample import MAX_RATE, REFILL_EVERY, EventSample, LeftOut, rate_of


class SampleTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.reports: list[LeftOut] = []
        self.looks = 0
        self.reads = True

    def sample(self, rate: float) -> EventSample:
        def changed() -> None:
            self.looks += 1

        def report(left_out: LeftOut) -> bool:
            if self.reads:
                self.reports.append(left_out)
            return self.reads

        return EventSample(self.clock, rate, report, changed)

    def offer(self, sample: EventSample, count: int, event: str = "message", failed: bool = False) -> int:
        return sum(sample.takes(event, failed) for _ in range(count))

    def test_kinds(self) -> None:
        """Each kind of event has a budget, and another one for those that failed."""
        sample = self.sample(10)
        self.assertEqual([self.offer(sample, 25), self.offer(sample, 25, failed=True)], [10, 10])
        self.assertEqual([self.offer(sample, 25, "reply"), self.offer(sample, 7, "close")], [10, 7])
        self.clock.advance(1)
        (left_out,) = self.reports
        self.assertEqual(left_out, LeftOut(37, 1.0, {"message": 30, "reply": 15}, 15))

    def test_spread(self) -> None:
        """In a steady flood those that are shown are spread over the second, and are no more than the rate, after as
        many at once at its beginning.
        """
        sample = self.sample(50)
        shown = []
        for _ in range(30):
            shown.append(self.offer(sample, 200))
            self.clock.advance(REFILL_EVERY)
        self.assertEqual((shown[0], set(shown[1:])), (50, {5}))
        self.assertEqual(sum(each.shown + sum(each.kinds.values()) for each in self.reports), 30 * 200)
        self.assertEqual(len(self.reports), 3)

    def test_little(self) -> None:
        """Nothing is left out while there are no more than the rate, nor anything reported; then no timer is left."""
        sample = self.sample(10)
        for _ in range(5):
            self.assertEqual(self.offer(sample, 10), 10)
            for _ in range(11):
                self.clock.advance(REFILL_EVERY)
        self.assertEqual((self.reports, self.clock.getDelayedCalls()), ([], []))

    def test_pause(self) -> None:
        """After a long time no more are shown at once than the rate, be it that the process stood still meanwhile."""
        sample = self.sample(10)
        self.offer(sample, 10)
        self.clock.advance(60)
        self.assertEqual(self.offer(sample, 25), 10)

    def test_share(self) -> None:
        """A rate may be less than one a second, the share of one process of many; its first event is shown."""
        sample = self.sample(0.25)
        self.assertEqual(self.offer(sample, 2), 1)
        for _ in range(45):
            self.clock.advance(REFILL_EVERY)
        self.assertEqual(self.offer(sample, 2), 1)

    def test_unheard_report(self) -> None:
        """What cannot be reported is reported with the next."""
        sample = self.sample(1)
        self.reads = False
        self.offer(sample, 3)
        self.clock.advance(1)
        self.reads = True
        self.offer(sample, 3)
        self.clock.advance(1)
        (left_out,) = self.reports
        self.assertEqual((left_out.kinds, left_out.shown, left_out.seconds), ({"message": 4}, 2, 2.0))

    def test_looks(self) -> None:
        """A caller that asks for room hears when a budget is spent, and when there is room again."""
        sample = self.sample(2)
        self.offer(sample, 1)
        self.assertEqual((self.looks, sample.room("message")), (0, 1))
        self.offer(sample, 1)
        self.assertEqual((self.looks, sample.room("message")), (1, 0))
        self.clock.advance(0.6)
        self.assertEqual((self.looks, sample.room("message")), (3, 1))

    def test_stop(self) -> None:
        """The end says what is left to say, and leaves no timer behind."""
        sample = self.sample(1)
        self.offer(sample, 3)
        sample.stop()
        sample.stop()
        self.assertEqual([each.kinds for each in self.reports], [{"message": 2}])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_rate(self) -> None:
        """The parameter is a number with a bound; anything else is refused by its name."""
        self.assertEqual([rate_of(None), rate_of("1"), rate_of(str(MAX_RATE))], [None, 1, MAX_RATE])
        for text in ("0", "-1", "1.5", "", "x", "10001", "999999", "\N{ARABIC-INDIC DIGIT TWO}"):
            error = self.assertRaises(BadRequest, rate_of, text)
            self.assertTrue(str(error).startswith("rate: "))
