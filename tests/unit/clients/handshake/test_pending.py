"""wsaas.clients.handshake.pending: the time that each handshake has for its head."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsaas.clients.handshake.pending import EVICTION_AGE, PendingHandshakes


class Handshake:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def too_slow(self) -> None:
        self.calls.append("too slow")

    def evict(self) -> None:
        self.calls.append("evict")


class PendingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.pending = PendingHandshakes(self.clock, 10.0)

    def test_each_its_time(self) -> None:
        """Each handshake has its own time, and hears once that it is over; one that is there in time hears nothing."""
        handshakes = [Handshake() for _ in range(4)]
        for handshake in handshakes:
            self.pending.set(handshake)
            self.clock.advance(3)
        self.assertEqual([each.calls for each in handshakes], [["too slow"], [], [], []])
        self.pending.drop(handshakes[1])
        self.clock.advance(3.9)
        self.assertEqual([each.calls for each in handshakes], [["too slow"], [], [], []])
        self.clock.advance(0.1)
        self.assertEqual([each.calls for each in handshakes], [["too slow"], [], ["too slow"], []])
        self.clock.advance(100)
        self.assertEqual([each.calls for each in handshakes], [["too slow"], [], ["too slow"], ["too slow"]])

    def test_no_timer_left(self) -> None:
        """There is a timer only while a handshake waits."""
        handshakes = [Handshake() for _ in range(2)]
        for handshake in handshakes:
            self.pending.set(handshake)
        self.pending.drop(handshakes[0])
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.pending.drop(handshakes[1])
        self.pending.drop(handshakes[1])
        self.assertEqual((self.clock.getDelayedCalls(), len(self.pending)), ([], 0))

    def test_make_room(self) -> None:
        """The one that waits for longest makes room, if that is long enough."""
        handshakes = [Handshake() for _ in range(2)]
        for handshake in handshakes:
            self.pending.set(handshake)
        self.pending.make_room()
        self.clock.advance(EVICTION_AGE)
        self.pending.make_room()
        self.assertEqual([each.calls for each in handshakes], [["evict"], []])
        self.pending.drop(handshakes[1])
        self.pending.make_room()
        self.assertEqual(handshakes[1].calls, [])
