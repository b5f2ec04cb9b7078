"""A clock that counts only the time in which this process was awake: it is the reactor's.

A process can stand still: SIGSTOP, a frozen cgroup, a machine without a processor to spare. When the process goes on,
every deadline seems to be over, although what the process waited for arrived meanwhile and is in the sockets; and a
reactor runs its timers before it looks at the sockets again (an epoll_wait that SIGCONT interrupts returns no events,
PEP 475). Each deadline would hold the pause against a client or the backend. Hence two rules, in this one place:

- Time does not pass while the process stands still. The reactor's loop marks each of its turns, and a heartbeat makes
  sure that the next one comes soon. The clock never goes more than `SLACK` beyond the last mark: there it waits for
  the next one, and goes on from where it is. So a pause costs a deadline `SLACK` seconds at most, and one long turn of
  the reactor's own (over `SLACK`) is treated as what it is to everybody else, a pause.
- After a pause the sockets are read before any timer runs.

The time of a suspended machine needs neither: CLOCK_MONOTONIC does not count it on Linux.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.base import ReactorBase
from twisted.logger import Logger

BEAT = 0.1
"""Seconds between two marks of a process that has nothing to do."""
SLACK = 0.25
"""Seconds beyond the last mark that the clock goes. Turns of 0.1 s are common under load, and count in full."""
WORTH_A_LINE = 1.0
"""Seconds in all that the process stood still, unsaid, before the log says so."""
BETWEEN_LINES = 10.0
"""Seconds of awake time between two lines about it."""

_log = Logger()


class AwakeClock:
    """Counts the seconds of `monotonic` without the pauses: the time between two marks, up to `SLACK` of each.

    It never goes back. Before the first mark it follows `monotonic`: the start of a process is no pause. Both functions
    are closures, since the clock is read several times for each message.
    """

    seconds: Callable[[], float]
    """The time."""
    mark: Callable[[], float]
    """Note that the process is awake. Returns 0, or after a pause the seconds since the last mark."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        skipped, limit = 0.0, math.inf

        def seconds() -> float:
            now = monotonic()
            return now - skipped if now < limit else limit - skipped

        def mark() -> float:
            nonlocal skipped, limit
            now, until = monotonic(), limit
            limit = now + SLACK
            if now <= until:
                return 0.0
            skipped += now - until
            return now - until + SLACK

        self.seconds, self.mark = seconds, mark


def count_awake_time(reactor: Any, monotonic: Callable[[], float] = time.monotonic) -> None:
    """Give the reactor an `AwakeClock`, and have its loop mark it.

    A reactor without the usual loop (asyncio's, for one) marks by the heartbeat alone: what was due within `SLACK`
    seconds may then run before the sockets are read.
    """
    clock = AwakeClock(monotonic)
    mark, pauses = clock.mark, _Pauses(clock.seconds)
    reactor.seconds = clock.seconds

    def beat() -> None:
        if stood_still := mark():
            pauses.add(stood_still)
        reactor.callLater(BEAT, beat)

    reactor.callWhenRunning(beat)
    iterate = getattr(reactor, "doIteration", None)
    if iterate is None or getattr(type(reactor), "doIteration", None) is ReactorBase.doIteration:
        return

    def do_iteration(timeout: float | None) -> None:
        iterate(timeout)
        if stood_still := mark():  # others have something to read that no timer has seen
            iterate(0)
            pauses.add(stood_still)

    reactor.doIteration = do_iteration


class _Pauses:
    """Tells the log of pauses: of a long one at once, of short ones together, in at most one line in ten seconds."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._unsaid = 0.0
        self._next = -math.inf

    def add(self, pause: float) -> None:
        self._unsaid += pause
        now = self._seconds()
        if self._unsaid >= WORTH_A_LINE and now >= self._next:
            _log.warn(
                "this process stood still for {seconds} s (stopped, short of processor time, or busy with one thing); "
                "no deadline counts that time",
                seconds=round(self._unsaid, 1),
            )
            self._unsaid, self._next = 0.0, now + BETWEEN_LINES
