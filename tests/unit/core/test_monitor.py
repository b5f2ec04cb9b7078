"""Observers come and go while the process runs."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.support.core_fakes import FakeObserver, Stage, spell, text
from wsaas.core.events import Cause, Closed, Received
from wsaas.core.monitor import Monitor
from wsaas.core.observer import Attempt, Observer, Observers, Push, RefusedHandshake
from wsaas.core.outcomes import Delivered
from wsaas.core.pushes import Pushed, PushKind


def tell_all(observer: Observer) -> None:
    """Each call that an observer has."""
    session, closed = Stage.open().session, Closed(Cause.CLIENT, 1000, "", True)
    observer.connected(session)
    observer.refused(RefusedHandshake("192.0.2.1", "/", None, "no"))
    observer.tried(session, Attempt(Received(1, text("hi")), 1, None, None, None, Delivered()))
    observer.delivered(session, Received(2, text("hi")), 1, None, (0.0, 0.0, 0.0, 0.0, 0.0))
    observer.passed_over(session, Received(3, text("hi")), 1, None)
    observer.replied(session, text("pong"))
    observer.pushed(Push(PushKind.BROADCAST, "", b"hi", False, Pushed.SENT, None, 1, 0))
    observer.close_asked(session.id, 1000, None)
    observer.ending(session, closed, True)
    observer.disconnected(session, closed)


class MonitorTests(SynchronousTestCase):
    def test_none_one_several(self) -> None:
        """While nobody watches there is no observer; one is called directly; several hear everything, in order."""
        monitor, first, second = Monitor(), FakeObserver(), FakeObserver()
        self.assertIsNone(monitor.observer)
        monitor.watch(first)
        self.assertIs(monitor.observer, first)
        monitor.watch(second)
        assert monitor.observer is not None
        tell_all(monitor.observer)
        self.assertEqual(len(first.heard), 10)
        self.assertEqual(first.heard, second.heard)
        monitor.unwatch(first)
        self.assertIs(monitor.observer, second)
        monitor.unwatch(first)
        monitor.unwatch(second)
        self.assertIsNone(monitor.observer)

    def test_spelled(self) -> None:
        """The fake tells the calls apart."""
        observer = FakeObserver()
        tell_all(observer)
        self.assertEqual(observer.heard[-1], f"disconnected 0 {spell(Closed(Cause.CLIENT, 1000, '', True))}")
        self.assertEqual(len(set(observer.heard)), 10)

    def test_requests(self) -> None:
        """Several observers want the requests, or the messages that are delivered, if one of them does."""
        light, heavy = FakeObserver(), FakeObserver()
        light.wants_requests = False
        self.assertTrue(Observers([light, heavy]).wants_requests)
        self.assertFalse(Observers([light]).wants_requests)
        light.wants_delivered = False
        self.assertTrue(Observers([light, heavy]).wants_message())
        self.assertFalse(Observers([light]).wants_message())
