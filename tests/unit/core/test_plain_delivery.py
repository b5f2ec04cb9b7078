"""The fast path of a message that was delivered: it does what the slow one does."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.support.core_fakes import Stage
from wsaas.core.events import Cause, EventKind
from wsaas.core.expiry import Expiry
from wsaas.core.lane import OVERHEAD
from wsaas.core.outcomes import Delivered
from wsaas.core.plain_delivery import resolve_delivered


def full() -> Stage:
    """The client is not read from, since its lane is full."""
    stage = Stage.open("one", "two", "six", receive_buffer=3 * (OVERHEAD + 3))
    stage.session.announce(3)
    return stage


def leaving() -> Stage:
    """The client is gone, and its messages are still to be delivered."""
    stage = Stage.open("one", "two")
    stage.session.disconnected(Cause.CLIENT, 1000, "", True)
    return stage


def dismissed() -> Stage:
    """The client was closed by the API, and has not answered yet."""
    stage = Stage.open("one", "two")
    stage.session.close(Cause.API, 4001, "enough")
    return stage


def asking() -> Stage:
    """The time of the connection is over: the question comes before the next message, and behind the last."""
    stage = Stage.open("one", "two")
    stage.session.expiry = Expiry(1.0)
    stage.session.expiry.fall_due(0.0)
    return stage


class PlainDeliveryTests(SynchronousTestCase):
    def test_as_slow(self) -> None:
        """After each message the two paths have called the same, and leave the same state, messages and next event."""
        for build in (lambda: Stage.open("one", "two"), full, leaving, dismissed, asking):
            slow, fast = build(), build()
            steps = 0
            while slow.session.lane.messages:
                self.assertEqual(slow.next_event(), fast.next_event())
                slow.resolve(Delivered())
                pending = resolve_delivered(fast.session)
                steps += 1
                self.assertEqual(slow.calls, fast.calls)
                self.assertEqual(pending, slow.session.pending)
                left = [
                    (each.session.state, len(each.session.lane), each.session.lane.refused) for each in (slow, fast)
                ]
                self.assertEqual(*left)
            self.assertGreater(steps, 1)
            self.assertEqual(slow.next_event(), fast.next_event())
        self.assertEqual(full().calls, ["pause"])

    def test_ends_at_once(self) -> None:
        """A client that is read from again, now that the lane is empty, may be found gone: its end comes next."""
        stage = Stage.open("one", receive_buffer=OVERHEAD + 3)
        stage.session.announce(3)
        stage.calls.then["resume"] = lambda: stage.session.disconnected(Cause.CLIENT, 1000, "", True)
        self.assertIs(resolve_delivered(stage.session), EventKind.DISCONNECT)
