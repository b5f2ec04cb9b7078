"""Signals: held while the process starts, acted on once the reactor runs, one request when sent twice."""

from __future__ import annotations

import signal
from collections.abc import Callable

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsaas.internals.signals import OTHERS, SAME_REQUEST, STOPS, Signals


class SignalsTests(SynchronousTestCase):
    def setUp(self) -> None:
        for number in (*STOPS, *OTHERS):
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        self.clock = Clock()
        self.done: list[str] = []
        self.later: list[Callable[[], object]] = []
        self.signals = Signals(self.clock.seconds)
        self.signals.on_stop(lambda: self.done.append("stop"), lambda: self.done.append("hurry"))
        self.signals.on(signal.SIGHUP, lambda: self.done.append("reopen"))
        self.signals.on(signal.SIGHUP, lambda: self.done.append("reload"))

    def serve(self) -> None:
        self.signals.serve(lambda call, *arguments: self.later.append(lambda: call(*arguments)))

    def turn(self) -> list[str]:
        """Run the calls of the reactor's next turn."""
        self.done.clear()
        for call in self.later:
            call()
        self.later.clear()
        return list(self.done)

    def test_in_the_reactors_turn(self) -> None:
        """The actions of a signal run in the reactor's turn, in the order in which they were registered."""
        self.serve()
        signal.raise_signal(signal.SIGHUP)
        self.assertEqual(self.done, [])
        self.assertEqual(self.turn(), ["reopen", "reload"])

    def test_held(self) -> None:
        """A signal that comes during the start is done after it, once each."""
        self.signals.hold()
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
            signal.raise_signal(number)
        self.assertEqual((self.done, self.later), ([], []))
        self.serve()
        self.assertEqual(self.turn(), ["reopen", "reload", "stop"])
        self.assertEqual(self.turn(), [])

    def test_one_request(self) -> None:
        """SIGTERM and SIGINT within three seconds are one request; each later one asks to hurry."""
        self.serve()
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
            signal.raise_signal(number)
        self.clock.advance(SAME_REQUEST - 0.1)
        signal.raise_signal(signal.SIGTERM)
        self.assertEqual(self.turn(), ["stop"])
        self.clock.advance(0.1)
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        self.assertEqual(self.turn(), ["hurry", "hurry"])

    def test_one_request_across_the_start(self) -> None:
        """SIGTERM during the start and SIGINT after it, within three seconds, are one request."""
        self.signals.hold()
        signal.raise_signal(signal.SIGTERM)
        self.serve()
        signal.raise_signal(signal.SIGTERM)
        self.assertEqual(self.turn(), ["stop"])

    def test_harmless(self) -> None:
        """A signal that nothing is registered for does nothing."""
        self.serve()
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            signal.raise_signal(number)
        self.assertEqual(self.turn(), [])

    def test_over_the_reactors_own(self) -> None:
        """A SIGTERM that comes while the reactor installs its own handlers waits for ours."""
        self.signals.hold()
        self.signals.block()
        signal.signal(signal.SIGTERM, lambda *_: self.done.append("Twisted"))
        signal.raise_signal(signal.SIGTERM)
        self.serve()
        self.assertEqual(self.turn(), ["stop"])

    def test_ignored_at_the_end(self) -> None:
        """At the end nothing is left to Python, which would let a signal end the process."""
        self.serve()
        self.signals.ignore()
        self.assertEqual({signal.getsignal(number) for number in (*STOPS, *OTHERS)}, {signal.SIG_IGN})

    def test_released(self) -> None:
        """`release` restores the handlers from before."""
        before = [signal.getsignal(number) for number in (*STOPS, *OTHERS)]
        self.signals.hold()
        self.signals.release()
        self.assertEqual([signal.getsignal(number) for number in (*STOPS, *OTHERS)], before)
