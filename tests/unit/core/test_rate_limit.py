"""wsaas.core.rate_limit: token buckets, by key and for one."""

from __future__ import annotations

from math import inf

from twisted.trial.unittest import SynchronousTestCase

from wsaas.core.rate_limit import Pace, Rates


class RatesTests(SynchronousTestCase):
    def test_burst_then_rate(self) -> None:
        """A burst at once, then so many a second; one key does not take from another."""
        rates = Rates(2.0, 5, 10)
        self.assertEqual([rates.allows("a", 100.0) for _ in range(7)], [True] * 5 + [False] * 2)
        self.assertTrue(rates.allows("b", 100.0))
        self.assertEqual([rates.allows("a", 100.0 + tick / 4) for tick in range(1, 9)], [False, True] * 4)

    def test_what_is_not_allowed_is_not_counted(self) -> None:
        """A key that keeps knocking is let in at the rate, not kept out."""
        rates = Rates(1.0, 1, 10)
        allowed = sum(rates.allows("a", 100.0 + tick / 10) for tick in range(100))
        self.assertTrue(9 <= allowed <= 10, allowed)

    def test_rest(self) -> None:
        """After a rest the burst is there again, and not more than that."""
        rates = Rates(1.0, 3, 10)
        for now in (0.0, 1000.0):
            self.assertEqual(sum(rates.allows("a", now) for _ in range(10)), 3)

    def test_bounded(self) -> None:
        """Over its size, the table forgets who has been quiet for longest."""
        rates = Rates(0.001, 1, 3)
        for key in "abc":
            rates.allows(key, 0.0)
        self.assertFalse(rates.allows("a", 0.0))
        rates.allows("d", 0.0)
        self.assertEqual(len(rates), 3)
        self.assertFalse(rates.allows("a", 0.0), "it was in use")
        self.assertTrue(rates.allows("b", 0.0), "it was forgotten")


class PaceTests(SynchronousTestCase):
    def run_for(self, rate: int, seconds: float) -> tuple[int, float]:
        """How many a flood gets through, and the shortest pause that it met."""
        now, count, shortest = 50.0, 0, seconds
        pace = Pace(rate, now)
        while now < 50.0 + seconds:
            count += 1
            if pace.count() and (pause := pace.pause(now)):
                shortest = min(shortest, pause)
                now += pause
        return count, shortest

    def test_flood(self) -> None:
        """A flood gets its burst of twice the rate and then the rate, in sips of a tenth of a second or more."""
        for rate in (1, 10, 1000):
            count, shortest = self.run_for(rate, 20.0)
            self.assertTrue(20 * rate <= count <= 22 * rate + 2, (rate, count))
            self.assertGreaterEqual(shortest, 0.1)

    def test_several(self) -> None:
        """Events counted by the caller count as they do one by one; less than are left pass without a question."""
        slow, fast = Pace(5, 0.0), Pace(5, 0.0)
        self.assertEqual(fast.left, 10)
        fast.left -= 9
        self.assertEqual([slow.count() for _ in range(9)], [False] * 9)
        self.assertEqual((slow.left, fast.left, slow.count(), fast.count()), (1, 1, True, True))
        self.assertEqual((slow.left, fast.left, slow.pause(0.5), fast.pause(0.5)), (0, 0, 0.0, 0.0))
        self.assertEqual((slow.left, fast.left), (2, 2))
        self.assertEqual(Pace(0, 0.0).left, inf)

    def test_slow(self) -> None:
        """Who stays below the rate is never stopped."""
        pace, now = Pace(100, 0.0), 0.0
        for _ in range(5000):
            now += 1 / 99
            if pace.count():
                self.assertEqual(pace.pause(now), 0.0)

    def test_no_more_than_a_burst(self) -> None:
        """A long rest is worth one burst, not more."""
        pace = Pace(100, 0.0)
        for _ in range(200):
            pace.count()
        self.assertEqual(pace.pause(1000.0), 0.0)
        for _ in range(199):
            self.assertFalse(pace.count())
        self.assertTrue(pace.count())
        self.assertGreater(pace.pause(1000.0), 0)

    def test_debt(self) -> None:
        """What happened in spite of a pause is paid for."""
        pace = Pace(10, 0.0)
        for _ in range(40):
            pace.count()
        self.assertGreaterEqual(pace.pause(0.0), 2.0)
        self.assertEqual(pace.pause(2.2), 0.0)

    def test_off(self) -> None:
        """A rate of 0 is none."""
        pace = Pace(0, 0.0)
        for _ in range(10000):
            self.assertFalse(pace.count())
