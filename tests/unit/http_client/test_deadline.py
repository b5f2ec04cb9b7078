"""A deadline, moved often and reached seldom."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsaas.http_client.deadline import Deadline


class DeadlineTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.reached: list[float] = []
        self.deadline = Deadline(self.clock, lambda: self.reached.append(self.clock.seconds()))

    def test_moved(self) -> None:
        """The moment of the last move counts, be it earlier or later than the one before."""
        for first, last in ((5.0, 2.0), (2.0, 5.0), (2.0, 2.0)):
            start = self.clock.seconds()
            self.deadline.move(start + first)
            self.deadline.move(start + last)
            self.clock.pump([0.5] * 20)
            self.assertEqual(self.reached, [start + last])
            self.reached.clear()

    def test_cheap(self) -> None:
        """A deadline that is moved away over and over has one timer, set once."""
        for number in range(100):
            self.deadline.move(10.0 + number)
        self.assertEqual([call.getTime() for call in self.clock.getDelayedCalls()], [10.0])

    def test_end(self) -> None:
        """A deadline that is ended calls nobody and leaves no timer."""
        self.deadline.move(1.0)
        self.deadline.end()
        self.clock.advance(2.0)
        self.assertEqual((self.reached, self.clock.getDelayedCalls()), ([], []))
