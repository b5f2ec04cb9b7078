"""wsaas.clients.deadlines: one timer for all deadlines of a kind."""

from __future__ import annotations

from random import Random

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.support.properties import rounds
from wsaas.clients.deadlines import Deadlines


class DeadlinesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.reached: list[tuple[int, float]] = []
        self.deadlines: Deadlines[int] = Deadlines(self.clock, 2.0, self.reach)
        self.then = lambda item: None

    def reach(self, item: int) -> None:
        self.reached.append((item, self.clock.seconds()))
        self.then(item)

    def note(self, items: list[tuple[int, float]], item: int) -> None:
        items.append((item, self.clock.seconds()))

    def test_as_timers(self) -> None:
        """Whatever is set, set again and dropped, each item is reached when a timer of its own would ring."""
        random = Random(3)
        for _ in range(rounds(30)):
            self.setUp()
            alone, calls = [], {}
            for _ in range(60):
                item = random.randrange(6)
                if random.random() < 0.6:
                    self.deadlines.set(item)
                    if item in calls and calls[item].active():
                        calls[item].cancel()
                    calls[item] = self.clock.callLater(2.0, self.note, alone, item)
                elif item in calls:
                    self.deadlines.drop(item)
                    if calls[item].active():
                        calls[item].cancel()
                self.clock.advance(random.choice([0, 0.125, 0.25, 0.5]))
            self.clock.pump([0.125] * 20)
            self.assertEqual(sorted(self.reached, key=lambda each: each[1]), sorted(alone, key=lambda each: each[1]))
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_timer(self) -> None:
        """There is one timer while there are items, and none without."""
        for item in range(100):
            self.deadlines.set(item)
        self.assertEqual((len(self.clock.getDelayedCalls()), len(self.deadlines)), (1, 100))
        for item in range(100):
            self.deadlines.drop(item)
            self.deadlines.drop(item)
        self.assertEqual((self.clock.getDelayedCalls(), self.deadlines.oldest()), ([], None))

    def test_changed_meanwhile(self) -> None:
        """An item that another drops, when both are due, is not reached; one that is set anew is, later."""
        self.then = lambda item: (self.deadlines.drop(1), self.deadlines.set(2))
        for item in range(3):
            self.deadlines.set(item)
        self.clock.advance(2)
        self.assertEqual(self.reached, [(0, 2.0)])
        self.then = lambda item: None
        self.clock.advance(1.9)
        self.clock.advance(0.1)
        self.assertEqual((self.reached[1:], self.clock.getDelayedCalls()), ([(2, 4.0)], []))

    def test_set_by_another(self) -> None:
        """One that is set when another is reached, as a refused client is, changes nothing for those between."""
        for at in range(4):
            self.deadlines.set(at)
            self.clock.advance(0.25)
        self.then = lambda item: item < 8 and self.deadlines.set(item + 4)
        self.clock.pump([0.25] * 40)
        expected = [(item, 2.0 * (1 + item // 4) + item % 4 * 0.25) for item in range(12)]
        self.assertEqual((self.reached, self.clock.getDelayedCalls()), (expected, []))

    def test_oldest(self) -> None:
        """The item that was set first is known, and how long ago that was."""
        for item in (1, 2, 1):
            self.deadlines.set(item)
            self.clock.advance(0.5)
        self.assertEqual(self.deadlines.oldest(), (2, 1.0))
