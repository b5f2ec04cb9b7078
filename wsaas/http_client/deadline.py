"""A moment that is moved often and reached seldom."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Deadline:
    """Calls `reached` at the moment to which it was moved last.

    The reactor's timer is set anew only when it would ring too late. When it rings too early, it is set again. So the
    deadline of an exchange that is answered in time costs no timer.
    """

    __slots__ = ("_clock", "_reached", "_timer", "moment", "rings_at")

    def __init__(self, clock: IReactorTime, reached: Callable[[], None]) -> None:
        self._clock = clock
        self._reached: Callable[[], None] | None = reached
        self.moment = inf
        """The moment to which it was moved last."""
        self._timer: IDelayedCall | None = None
        self.rings_at = inf
        """The moment at which the timer rings. A later moment may be set as it is, without `move`: a message does."""

    def move(self, moment: float) -> None:
        """Let the deadline be at this moment, by the clock, and not at the one before."""
        self.moment = moment
        if moment < self.rings_at:
            if self._timer is not None:
                self._timer.cancel()
            self.rings_at = moment
            self._timer = self._clock.callLater(max(0.0, moment - self._clock.seconds()), self._ring)

    def end(self) -> None:
        """Drop the deadline: `reached` is not called any more."""
        self._reached = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer, self.rings_at = None, inf
        if self.moment > self._clock.seconds():
            self.move(self.moment)
        elif self._reached is not None:
            self._reached()
