"""The clock that counts only the time in which the process was awake."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.pollreactor import PollReactor
from twisted.internet.selectreactor import SelectReactor
from twisted.internet.task import Clock
from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from wsaas.internals.awake_clock import (
    HEARTBEAT_INTERVAL,
    LOG_INTERVAL,
    LOGGED_PAUSE,
    MAX_PAUSES,
    SLACK,
    AwakeClock,
    count_awake_time,
    passed_since,
)
from wsaas.internals.reactor_tuning import replace_iteration


class Monotonic:
    """The kernel's clock, which a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class ClockTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.monotonic = Monotonic()
        self.clock = AwakeClock(self.monotonic)

    def test_awake(self) -> None:
        """As long as marks come, turns of 0.1 s and of 0.2 s count in full."""
        self.clock.mark()
        start = self.clock.seconds()
        for turn in (0.001, HEARTBEAT_INTERVAL, 0.2, 0.0, SLACK - 0.001) * 10:
            self.monotonic.now += turn
            self.assertEqual(self.clock.mark(), 0.0)
        self.assertAlmostEqual(self.clock.seconds() - start, self.monotonic.now - 1000, 6)

    def test_pause(self) -> None:
        """A pause of any length costs as much as the slack, and from the next mark on time goes on as before."""
        self.clock.mark()
        start = self.clock.seconds()
        for count, pause in enumerate((35.0, 0.9, 100_000.0), 1):
            self.monotonic.now += pause
            self.assertAlmostEqual(self.clock.seconds() - start, count * SLACK + (count - 1), 6)
            self.assertAlmostEqual(self.clock.mark(), pause, 6)
            self.assertAlmostEqual(self.clock.seconds() - start, count * SLACK + (count - 1), 6)
            for _ in range(10):
                self.monotonic.now += 0.1
                self.assertEqual(self.clock.mark(), 0.0)
            self.assertAlmostEqual(self.clock.seconds() - start, count * (SLACK + 1), 6)

    def test_passed_since(self) -> None:
        """Since a moment has passed what the kernel's clock says, pauses included, before the next mark as well; of
        MAX_PAUSES the oldest are forgotten.
        """
        self.clock.mark()
        moments: list[tuple[float, float]] = []
        for pause in (0.1, 35.0, 0.2, 0.9, 0.1, 100.0):
            self.monotonic.now += 0.01
            moments.append((self.clock.seconds(), self.monotonic.now))
            self.monotonic.now += pause
            for moment, kernel in moments:
                self.assertAlmostEqual(self.clock.passed_since(moment), self.monotonic.now - kernel, 6)
            self.clock.mark()
            for moment, kernel in moments:
                self.assertAlmostEqual(self.clock.passed_since(moment), self.monotonic.now - kernel, 6)
        for _ in range(MAX_PAUSES):
            self.monotonic.now += 1
            self.clock.mark()
        self.assertAlmostEqual(self.clock.passed_since(moments[-1][0]), MAX_PAUSES + SLACK - 0.01, 6)

    def test_start(self) -> None:
        """Before the first mark it is the kernel's clock, and the start of a process is no pause."""
        self.monotonic.now += 20
        self.assertEqual(self.clock.seconds(), self.monotonic.now)
        self.assertEqual(self.clock.mark(), 0.0)
        self.assertEqual(self.clock.seconds(), self.monotonic.now)

    def test_monotone(self) -> None:
        """The clock never goes back, and never further than the kernel's."""
        chance = random.Random(9)
        before, kernel = self.clock.seconds(), self.monotonic.now
        for _ in range(5000):
            self.monotonic.now += chance.choice((0.0, 1e-6, 0.01, 0.1, 0.3, 2.0, 60.0))
            if chance.random() < 0.5:
                self.clock.mark()
            now = self.clock.seconds()
            self.assertGreaterEqual(now, before)
            self.assertLessEqual(now - before, self.monotonic.now - kernel + 1e-6)
            before, kernel = now, self.monotonic.now


class Reader:
    """One end of a wire, which does what a test wants of it when it has read."""

    def __init__(self, handle: socket.socket, then: Callable[[bytes], object]) -> None:
        self.handle = handle
        self.then = then

    def fileno(self) -> int:
        return self.handle.fileno()

    def logPrefix(self) -> str:
        return "reader"

    def doRead(self) -> None:
        self.then(self.handle.recv(100))

    def connectionLost(self, reason: Any) -> None:
        raise AssertionError(reason)


class ReactorTestCase(SynchronousTestCase):
    """Real reactors, whose turns the test takes one by one, with a kernel's clock that it moves."""

    def reactor(self, kind: type) -> Any:
        self.monotonic = Monotonic()
        reactor: Any = kind()
        for reader in reactor.removeAll():
            reader.connectionLost(None)
        replace_iteration(reactor)
        reactor.running = True
        count_awake_time(reactor, self.monotonic)
        self.turn(reactor)
        return reactor

    def turn(self, reactor: Any) -> None:
        """As `mainLoop` does, without waiting for real."""
        reactor.runUntilCurrent()
        reactor.timeout()
        reactor.doIteration(0)


REACTORS = (EPollReactor, PollReactor, SelectReactor)


class Interrupted:
    """A poll object whose first wait is ended by a signal, without events (PEP 475)."""

    def __init__(self, poller: Any, signal: Callable[[], None]) -> None:
        self.poller = poller
        self.signal: Callable[[], None] | None = signal

    def poll(self, *arguments: Any) -> Any:
        signal, self.signal = self.signal, None
        return self.poller.poll(*arguments) if signal is None else signal() or []


class LoopTests(ReactorTestCase):
    def test_passed_since(self) -> None:
        """It is asked of the reactor; one whose clock counts all time says what that counts."""
        reactor = self.reactor(PollReactor)
        moment = reactor.seconds()
        self.monotonic.now += 60
        self.turn(reactor)
        self.assertAlmostEqual(passed_since(reactor)(moment), 60, 6)
        clock = Clock()
        clock.advance(5)
        self.assertEqual(passed_since(clock)(2), 3)

    def reader(self, reactor: Any, then: Callable[[bytes], object]) -> socket.socket:
        near, far = socket.socketpair()
        self.addCleanup(near.close)
        self.addCleanup(far.close)
        reactor.addReader(Reader(near, then))
        return far

    def stop_in_turn(self, reactor: Any, stopped: Callable[[Any, Callable[[], None]], None]) -> list[str]:
        """What happened, in order, when the process was stopped for a minute in one turn, at the point that `stopped`
        chooses, while it waited for an answer that came meanwhile; its deadline was very close.
        """
        happened: list[str] = []

        def stop() -> None:
            self.monotonic.now += 60
            far.send(b"answer")
            happened.append("went on")

        def answered(data: bytes) -> None:
            happened.append(data.decode())
            deadline.cancel()

        far = self.reader(reactor, answered)
        deadline = reactor.callLater(SLACK / 2, happened.append, "too late")
        stopped(reactor, stop)
        self.turn(reactor)
        self.turn(reactor)
        return happened

    def test_stopped_while_waiting(self) -> None:
        """A wait that SIGCONT ends has no events: the sockets are read again before any timer runs."""

        def stopped(reactor: Any, stop: Callable[[], None]) -> None:
            reactor._poller = Interrupted(reactor._poller, stop)

        reactor = self.reactor(PollReactor)
        self.assertEqual(self.stop_in_turn(reactor, stopped), ["went on", "answer"])

    def test_stopped_while_serving(self) -> None:
        """The same when it was at one socket meanwhile: the others are looked at again before any timer runs."""

        def stopped(reactor: Any, stop: Callable[[], None]) -> None:
            self.reader(reactor, lambda _: stop()).send(b"x")

        for kind in REACTORS:
            self.assertEqual(self.stop_in_turn(self.reactor(kind), stopped), ["went on", "answer"], kind)

    def test_stopped_in_a_timer(self) -> None:
        """The same when it was at a timer."""

        def stopped(reactor: Any, stop: Callable[[], None]) -> None:
            reactor.callLater(0, stop)

        for kind in REACTORS:
            self.assertEqual(self.stop_in_turn(self.reactor(kind), stopped), ["went on", "answer"], kind)

    def test_heartbeat(self) -> None:
        """With nothing to do the next mark is never far, so that all of a short pause is noticed."""
        for kind in REACTORS:
            reactor = self.reactor(kind)
            start = reactor.seconds()
            for _ in range(100):
                self.assertLessEqual(reactor.timeout(), HEARTBEAT_INTERVAL + 1e-6)
                self.monotonic.now += reactor.timeout()
                self.turn(reactor)
            self.assertAlmostEqual(reactor.seconds() - start, self.monotonic.now - 1000, 6)
            self.monotonic.now += 0.9
            self.turn(reactor)
            self.assertAlmostEqual(reactor.seconds() - start, self.monotonic.now - 1000 - 0.9 + SLACK, 6)

    def test_busy(self) -> None:
        """Time does not stop for timers where every turn is a long one, were it longer than the slack."""
        reactor = self.reactor(EPollReactor)
        rang: list[int] = []
        reactor.callLater(5, rang.append, 1)
        wire = self.reader(reactor, lambda _: setattr(self.monotonic, "now", self.monotonic.now + 2 * SLACK))
        for _ in range(round(5 / SLACK) + 2):
            wire.send(b"x")
            self.turn(reactor)
        self.assertEqual(rang, [1])

    def test_another_loop(self) -> None:
        """A reactor that has another loop marks by its heartbeat, and forgives pauses by that."""

        class Another:
            def __init__(self) -> None:
                self.calls: list[tuple[float, Callable[[], None]]] = []

            def callWhenRunning(self, function: Callable[[], None]) -> None:
                function()

            def callLater(self, seconds: float, function: Callable[[], None]) -> None:
                self.calls.append((seconds, function))

        self.monotonic = Monotonic()
        reactor: Any = Another()
        count_awake_time(reactor, self.monotonic)
        start = reactor.seconds()
        for pause in (HEARTBEAT_INTERVAL, HEARTBEAT_INTERVAL, 60.0, HEARTBEAT_INTERVAL):
            self.monotonic.now += pause
            ((seconds, beat),) = reactor.calls
            reactor.calls.clear()
            self.assertEqual(seconds, HEARTBEAT_INTERVAL)
            beat()
        self.assertAlmostEqual(reactor.seconds() - start, 3 * HEARTBEAT_INTERVAL + SLACK, 6)
        self.assertFalse(hasattr(reactor, "doIteration"))


class LogTests(ReactorTestCase):
    """The log lines about pauses."""

    def setUp(self) -> None:
        self.lines: list[Any] = []

        def observe(event: Any) -> None:
            if event["log_namespace"] == "wsaas.internals.awake_clock":
                self.lines.append((event["log_level"], event["seconds"]))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        self.loop = self.reactor(EPollReactor)

    def stop(self, seconds: float) -> None:
        self.monotonic.now += seconds
        self.turn(self.loop)

    def run_on(self, seconds: float) -> None:
        for _ in range(round(seconds / HEARTBEAT_INTERVAL)):
            self.stop(HEARTBEAT_INTERVAL)

    def test_one_line(self) -> None:
        """A long pause is said in one line, at once."""
        self.stop(35.0)
        self.run_on(60)
        self.assertEqual(self.lines, [(LogLevel.warn, 35.0)])

    def test_short_ones(self) -> None:
        """Short pauses are said together, in a line in ten seconds at most, and none is left out."""
        for _ in range(100):
            self.stop(0.9)
            self.run_on(0.1)
        self.run_on(LOG_INTERVAL)
        self.stop(LOGGED_PAUSE)
        awake = 100 * (0.1 + SLACK) + LOG_INTERVAL + SLACK
        self.assertLessEqual(len(self.lines), awake / LOG_INTERVAL + 1)
        self.assertAlmostEqual(sum(seconds for _, seconds in self.lines), 90 + LOGGED_PAUSE, 0)

    def test_long_turns(self) -> None:
        """Nothing is said of turns that are just long."""
        for _ in range(100):
            self.stop(0.2)
        self.assertEqual(self.lines, [])
