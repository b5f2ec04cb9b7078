"""The breaker's rules, and those of parties that fail."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from wsaas.backend.breaker import LONGEST_PAUSE, MOST_OF_ONE, PROBES, REMEMBERED, THRESHOLD, Breaker
from wsaas.backend.failing_parties import FORGOTTEN_AFTER, FailingParties


class BreakerTests(SynchronousTestCase):
    def opened(self, kept: int = 0) -> Breaker:
        breaker = Breaker(lambda: 1.0, kept)
        for _ in range(THRESHOLD):
            breaker.failed(None, 0.0)
        self.assertTrue(breaker.open)
        return breaker

    def test_in_a_row(self) -> None:
        """Only failures in a row count."""
        breaker = Breaker(lambda: 1.0)
        for _ in range(THRESHOLD - 1):
            self.assertFalse(breaker.failed(None, 0.0))
        self.assertFalse(breaker.reached())
        for _ in range(THRESHOLD - 1):
            self.assertFalse(breaker.failed(None, 0.0))
        self.assertTrue(breaker.failed(None, 5.0))
        self.assertEqual((breaker.open, breaker.opened_at), (True, 5.0))
        self.assertFalse(breaker.failed(None, 6.0))
        self.assertTrue(breaker.reached())
        self.assertFalse(breaker.open)

    def test_one_party(self) -> None:
        """However often one party fails, it opens nothing; several do."""
        breaker = Breaker(lambda: 1.0)
        for _ in range(1000):
            self.assertFalse(breaker.failed("loud", 0.0))
        others = [f"{number}" for number in range(THRESHOLD // MOST_OF_ONE - 1)]
        opened = [breaker.failed(other, 0.0) for other in others * MOST_OF_ONE]
        self.assertEqual(opened, [False] * (len(opened) - 1) + [True])

    def test_success_forgets_parties(self) -> None:
        """After a success every party counts anew."""
        breaker = Breaker(lambda: 1.0)
        for _ in range(2):
            opened = [breaker.failed(f"{number % 5}", 0.0) for number in range(10)]
            self.assertTrue(opened[-1])
            self.assertTrue(breaker.reached())

    def test_rounds(self) -> None:
        """While it is open some may go out after each pause, and none before it."""
        breaker = self.opened()
        self.assertFalse(breaker.admit(None, 0.1))
        for moment in (1.0, 2.0):
            self.assertEqual([breaker.admit(None, moment) for _ in range(10)].count(True), PROBES)
        self.assertTrue(breaker.admit(None, 2.0 + LONGEST_PAUSE))

    def test_loudest(self) -> None:
        """A named party has one probe in a round, so that another that comes later has one, too."""
        breaker = self.opened()
        self.assertEqual([breaker.admit("loud", 1.0) for _ in range(100)].count(True), 1)
        self.assertTrue(breaker.admit("quiet", 1.01))

    def test_kept_for_the_new(self) -> None:
        """Many that are loud leave probes to those that had none before, in each round."""
        breaker = self.opened(kept=2)
        loud = [f"{number}" for number in range(20)]
        for moment in range(1, 20):
            for party in loud:
                breaker.admit(party, float(moment))
        self.assertEqual([breaker.admit(f"new {number}", 19.1) for number in range(3)], [True, True, False])

    def test_bounds(self) -> None:
        """However many parties come, only so many are remembered."""
        breaker = self.opened()
        for number in range(3 * REMEMBERED):
            breaker.admit(f"{number}", float(number + 1))
        self.assertLessEqual(len(breaker._probed), REMEMBERED)
        breaker.reached()
        for number in range(3 * REMEMBERED):
            breaker.failed(f"{number}", 0.0)
        self.assertLessEqual(len(breaker._of_party), THRESHOLD)


class FailingPartiesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.parties = FailingParties(lambda: 1.0, most=100)

    def fail(self, party: str, times: int = THRESHOLD, now: float = 0.0) -> None:  # type: ignore[override]
        for _ in range(times):
            self.parties.failed(party, now)

    def test_paced(self) -> None:
        """From so many failures in a row on, one is let through after each pause; another party does not notice."""
        self.fail("a", THRESHOLD - 1)
        self.assertEqual([self.parties.admit("a", 0.0) for _ in range(5)], [True] * 5)
        self.assertTrue(self.parties.failed("a", 0.0))
        admitted = sum(self.parties.admit("a", moment / 50) for moment in range(500))
        self.assertGreaterEqual(admitted, 15)
        self.assertLessEqual(admitted, 30)
        self.assertTrue(self.parties.admit("b", 0.0))

    def test_success(self) -> None:
        """One success lifts it."""
        self.fail("a")
        self.assertFalse(self.parties.admit("a", 0.0))
        self.parties.succeeded("a")
        self.assertEqual([self.parties.admit("a", 0.0) for _ in range(5)], [True] * 5)
        self.assertEqual(len(self.parties), 0)
        self.parties.succeeded("nobody")

    def test_begins_once(self) -> None:
        """That a party is paced from now on is said once."""
        told = [self.parties.failed("a", 0.0) for _ in range(3 * THRESHOLD)]
        self.assertEqual(told.count(True), 1)

    def test_forgotten(self) -> None:
        """A party that has not failed for a while begins anew, and is not kept."""
        self.fail("a", now=0.0)
        self.fail("b", times=1, now=FORGOTTEN_AFTER + 1)
        self.assertEqual(len(self.parties), 1)
        self.assertTrue(self.parties.admit("a", FORGOTTEN_AFTER + 1))

    def test_bound(self) -> None:
        """Of too many, the one that has not failed for longest is forgotten."""
        self.fail("first")
        for number in range(98):
            self.fail(f"{number}", times=1)
        self.assertFalse(self.parties.admit("first", 0.0))
        self.fail("first", times=1)
        for number in range(98, 500):
            self.fail(f"{number}", times=1)
            self.assertLessEqual(len(self.parties), 100)
        self.assertTrue(self.parties.admit("first", 0.0))
