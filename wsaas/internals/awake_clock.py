"""The reactor's clock: it counts only the time in which this process was awake.

A process can be paused: by SIGSTOP, a frozen cgroup, or a machine without a free processor. When the process continues,
every deadline seems to have passed, although the data that it waited for arrived in the meantime and lies in the
sockets. A reactor runs its timers before it reads the sockets again (an epoll_wait that SIGCONT interrupts returns no
events, PEP 475), so each deadline would hold the pause against a client or the backend. Two rules prevent that:

- Time does not pass during a pause. The reactor's loop marks each of its turns, and a heartbeat ensures that the next
  turn comes soon. The clock never runs more than `SLACK` seconds beyond the last mark: it stops there, and continues
  from there at the next mark. So a pause costs a deadline `SLACK` seconds at most. A turn of the reactor that takes
  longer than `SLACK` counts as a pause, too.
- After a pause the sockets are read before any timer runs.

A suspended machine needs neither rule: on Linux CLOCK_MONOTONIC does not count that time.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.base import ReactorBase
from twisted.logger import Logger

HEARTBEAT_INTERVAL = 0.1
"""Seconds between two marks of an idle process."""
SLACK = 0.25
"""Seconds that the clock runs beyond the last mark. Turns of 0.1 s are common under load, and count in full."""
LOGGED_PAUSE = 1.0
"""Seconds of pauses, added up, after which a line is logged."""
LOG_INTERVAL = 10.0
"""Seconds of awake time between two log lines about pauses."""

MAX_PAUSES = 1000
"""Pauses that are remembered."""

_log = Logger()


def passed_since(reactor: Any) -> Callable[[float], float]:
    """Return the function that says how many seconds have passed since a moment of the reactor's clock, also those in
    which the process stood still.
    """
    plain: Callable[[float], float] = lambda moment: reactor.seconds() - moment  # noqa: E731
    return getattr(reactor.seconds, "passed_since", plain)


class AwakeClock:
    """Counts the seconds of `monotonic` without the pauses: of the time between two marks, `SLACK` seconds at most.

    The clock never goes back. Before the first mark it follows `monotonic`, so that the start of the process is no
    pause. The functions are closures, because each message reads the clock several times. Bound: MAX_PAUSES are
    remembered, the last ones.
    """

    seconds: Callable[[], float]
    """Return the time in seconds."""
    mark: Callable[[], float]
    """Mark a turn of the reactor. Return 0, or after a pause the seconds since the last mark."""
    passed_since: Callable[[float], float]
    """Return the seconds that have passed since a moment of this clock, the pauses included."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        skipped, limit = 0.0, math.inf
        pauses: deque[tuple[float, float]] = deque(maxlen=MAX_PAUSES)
        """The moment of each, and how long it was."""

        def seconds() -> float:
            now = monotonic()
            return now - skipped if now < limit else limit - skipped

        def mark() -> float:
            nonlocal skipped, limit
            now, until = monotonic(), limit
            limit = now + SLACK
            if now <= until:
                return 0.0
            pauses.append((until - skipped, now - until))
            skipped += now - until
            return now - until + SLACK

        def passed_since(moment: float) -> float:
            passed = seconds() - moment + max(0.0, monotonic() - limit)
            for at, length in reversed(pauses):
                if at <= moment:
                    break
                passed += length
            return passed

        self.seconds, self.mark, self.passed_since = seconds, mark, passed_since
        seconds.passed_since = passed_since  # type: ignore[attr-defined]


def count_awake_time(reactor: Any, monotonic: Callable[[], float] = time.monotonic) -> None:
    """Replace the reactor's clock by an `AwakeClock`, and let the reactor's loop mark it.

    A reactor that replaces Twisted's own loop (such as asyncio's) is marked by the heartbeat alone: timers due within
    `SLACK` seconds may then run before the sockets are read.
    """
    clock = AwakeClock(monotonic)
    mark, pauses = clock.mark, _Pauses(clock.seconds)
    reactor.seconds = clock.seconds

    def beat() -> None:
        if stood_still := mark():
            pauses.add(stood_still)
        reactor.callLater(HEARTBEAT_INTERVAL, beat)

    reactor.callWhenRunning(beat)
    iterate = getattr(reactor, "doIteration", None)
    if iterate is None or getattr(type(reactor), "doIteration", None) is ReactorBase.doIteration:
        return

    def do_iteration(timeout: float | None) -> None:
        iterate(timeout)
        if stood_still := mark():  # reads the sockets before any timer runs
            iterate(0)
            pauses.add(stood_still)

    reactor.doIteration = do_iteration


class _Pauses:
    """Logs pauses: a long one at once, short ones together, in at most one line in `LOG_INTERVAL` seconds."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._unlogged = 0.0
        self._next = -math.inf

    def add(self, pause: float) -> None:
        self._unlogged += pause
        now = self._seconds()
        if self._unlogged >= LOGGED_PAUSE and now >= self._next:
            _log.warn(
                "this process stood still for {seconds} s (stopped, short of processor time, or busy with one task); "
                "no deadline counts that time",
                seconds=round(self._unlogged, 1),
            )
            self._unlogged, self._next = 0.0, now + LOG_INTERVAL
