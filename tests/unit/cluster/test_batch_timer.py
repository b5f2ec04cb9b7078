"""The moment at which the next batch leaves."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsaas.cluster.batch_timer import BatchTimer


class BatchTimerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.sent = Clock(), 0
        self.timer = BatchTimer(self.clock, self.send)

    def send(self) -> None:
        self.sent += 1
        self.timer.clear()

    def test_soonest(self) -> None:
        """The one that is due first decides, in whatever order they come; then nothing is due any more."""
        for waits in ((4.0, 1.0, 3.0), (1.0, 4.0)):
            before = self.sent
            for seconds in waits:
                self.timer.within(seconds)
            self.clock.advance(0.5)
            self.assertEqual(self.sent, before)
            self.clock.advance(0.5)
            self.assertEqual((self.sent, self.clock.getDelayedCalls()), (before + 1, []))

    def test_the_clock_is_not_asked(self) -> None:
        """What may wait as long as what is due, or longer, changes nothing, and does not even ask the clock."""
        self.timer.within(2.0)
        self.clock.advance(1.0)
        asked, self.clock.seconds = self.clock.seconds, self.fail  # type: ignore[method-assign, assignment]
        self.timer.within(2.0)
        self.timer.within(3.0)
        self.clock.seconds = asked  # type: ignore[method-assign]
        self.timer.within(1.5)  # later than what is due, although it waits for less
        self.clock.advance(1.0)
        self.assertEqual((self.sent, self.clock.getDelayedCalls()), (1, []))
        self.timer.within(9.0)
        self.clock.advance(9.0)
        self.assertEqual(self.sent, 2)

    def test_held(self) -> None:
        """Nothing leaves while a batch is under way; what was due before it, and what came meanwhile, is due then."""
        self.timer.within(4.0)
        self.timer.hold()
        self.timer.within(2.0)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(1.0)
        self.timer.release()
        self.assertEqual(self.sent, 0)
        self.clock.advance(1.0)
        self.assertEqual(self.sent, 1)
        self.timer.within(2.0)
        self.timer.hold()
        self.clock.advance(3.0)
        self.timer.release()
        self.assertEqual((self.sent, self.clock.getDelayedCalls()), (2, []))

    def test_at_once(self) -> None:
        """What is to leave at once leaves with the end of the batch, although others could wait."""
        self.timer.hold()
        self.timer.at_once()
        self.timer.within(4.0)
        self.timer.release()
        self.assertEqual((self.sent, self.clock.getDelayedCalls()), (1, []))

    def test_nothing_waits(self) -> None:
        """The end of a batch behind which nothing waits is told, too."""
        self.timer.hold()
        self.timer.release()
        self.assertEqual((self.sent, self.clock.getDelayedCalls()), (1, []))
