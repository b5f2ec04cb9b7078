"""Whether and when to try again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.support.properties import examples
from wsaas.core.retry import FIRST_DELAY, LONGEST_DELAY, Attempted, GiveUp, Wait, decide

HOUR = 3600.0


def seconds(decision: Wait | GiveUp) -> float:
    assert isinstance(decision, Wait), decision
    return decision.seconds


class RetryTests(SynchronousTestCase):
    def test_growth(self) -> None:
        """The longest possible wait doubles with each try, from 0.2 s to half a minute."""
        waits = [seconds(decide(Attempted(tries, 0.0), HOUR, lambda: 1.0)) for tries in range(1, 12)]
        self.assertEqual(waits, [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0, 30.0])

    def test_full_jitter(self) -> None:
        """The wait is anything from nothing to the longest, in proportion to the random number."""
        for random, expected in [(0.0, 0.0), (0.25, 0.2), (1.0, 0.8)]:
            self.assertEqual(seconds(decide(Attempted(3, 0.0), HOUR, lambda random=random: random)), expected)

    def test_many_tries(self) -> None:
        """However many tries there were, the wait stays what it was."""
        self.assertEqual(decide(Attempted(100_000, 0.0), HOUR, lambda: 1.0), Wait(30.0))

    def test_retry_after(self) -> None:
        """Retry-After makes a wait longer, never shorter, and not longer than half a minute."""
        for retry_after, random, expected in [
            (5.0, 0.0, 5.0),
            (0.5, 1.0, 0.8),
            (0.0, 1.0, 0.8),
            (30.0, 0.0, 30.0),
            (86400.0, 0.0, 30.0),
            (float("inf"), 0.0, 30.0),
        ]:
            decision = decide(Attempted(3, 0.0, retry_after), HOUR, lambda random=random: random)
            self.assertEqual(decision, Wait(expected), retry_after)

    def test_last_try(self) -> None:
        """A wait that patience would cut off ends with it, whichever side asked for it; the try then is the last."""
        self.assertEqual(decide(Attempted(9, 27.0), 30.0, lambda: 1.0), Wait(3.0))
        self.assertEqual(decide(Attempted(1, 27.0, 20.0), 30.0, lambda: 0.0), Wait(3.0))
        self.assertEqual(decide(Attempted(9, 29.5), 30.0, lambda: 0.01), Wait(0.3))
        self.assertIsInstance(decide(Attempted(10, 30.0), 30.0, lambda: 1.0), GiveUp)
        self.assertIsInstance(decide(Attempted(10, 31.0, 1.0), 30.0, lambda: 1.0), GiveUp)

    def test_no_patience(self) -> None:
        """With no patience there is one try."""
        self.assertIsInstance(decide(Attempted(1, 0.0), 0.0, lambda: 1.0), GiveUp)

    def test_reason(self) -> None:
        """Giving up says how long and how often it was tried."""
        self.assertEqual(decide(Attempted(7, 30.0), 30.0, lambda: 1.0), GiveUp("no success within 30 s and 7 tries"))

    @examples(100)
    @given(
        st.builds(
            Attempted,
            tries=st.integers(1, 10**6),
            elapsed=st.floats(0, 2 * HOUR),
            retry_after=st.none() | st.floats(0, 10**9),
        ),
        st.floats(0, HOUR),
        st.floats(0, 1),
    )
    def test_bounds(self, attempted: Attempted, patience: float, random: float) -> None:
        """A wait is within the bound of its try or Retry-After and within patience; past that there is none."""
        decision = decide(attempted, patience, lambda: random)
        if attempted.elapsed >= patience:
            self.assertIsInstance(decision, GiveUp)
            return
        bound = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(attempted.tries, 20))
        asked = min(attempted.retry_after or 0.0, LONGEST_DELAY)
        left = patience - attempted.elapsed
        self.assertLessEqual(seconds(decision), min(left, max(bound, asked)))
        self.assertGreaterEqual(seconds(decision), min(left, max(random * bound, asked)))
