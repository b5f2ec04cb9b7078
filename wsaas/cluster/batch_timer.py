"""The moment at which the next batch leaves for the engine.

A batch of many costs both ends little more than one of one. So what comes while a batch is under way does not leave
with its answer, which is there within a millisecond, but waits for others as long as it would have without.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class BatchTimer:
    """Calls `send` when what waits is due; while `held`, a batch is under way, and nothing else leaves."""

    def __init__(self, clock: IReactorTime, send: Callable[[], object]) -> None:
        self._clock = clock
        self._send = send
        self._timer: IDelayedCall | None = None
        self._due = inf
        """The moment by which what waits is to leave; infinite if nothing waits, -inf for the end of this batch."""
        self._wait = inf
        """The seconds that were left until then when that was set."""
        self.held = False

    def within(self, seconds: float) -> None:
        """Have something that has come leave within so many seconds, or else with the end of the batch under way."""
        if seconds >= self._wait:  # what is due came earlier and waits no longer, so the clock need not be asked
            return
        due = self._clock.seconds() + seconds
        if due < self._due:
            self._due, self._wait = due, seconds
            if self._timer is not None:
                self._timer.reset(seconds)
            elif not self.held:
                self._timer = self._clock.callLater(seconds, self._ring)

    def at_once(self) -> None:
        """Have what waits leave as soon as the batch under way is answered."""
        self._due = self._wait = -inf

    def clear(self) -> None:
        """Note that nothing waits any more."""
        self._due = self._wait = inf
        self._cancel()

    def hold(self) -> None:
        """Let nothing leave until `release`; what waits stays due."""
        self.held = True
        self._cancel()

    def release(self) -> None:
        """Go on after a batch. With nothing that waits, `send` is called, too: it sees that all is done."""
        self.held = False
        left = self._due - self._clock.seconds()
        if 0 < left < inf:
            self._timer = self._clock.callLater(left, self._ring)
        else:
            self._send()

    def _cancel(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _ring(self) -> None:
        self._timer = None
        self._send()
