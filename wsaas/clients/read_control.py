"""Controls how fast one client is read: not while there is a reason to pause, and never so fast that others wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from wsaas.clients.backpressure import Backpressure
from wsaas.core.rate_limit import Pace

FRAMES_PER_TURN = 128
"""Frames of one client that are read in one turn of the reactor, before others have theirs."""

LANE, PACE = 1, 2
"""Reasons to pause: the session's lane has no room for the next message; too many frames came in too short a time."""


class ReadControl:
    """The reasons why a client is not read from. The first one pauses the transport, the last to go resumes it.

    Frames are counted. Over `rate` a second (0 for no limit), or over FRAMES_PER_TURN in one turn of the reactor, they
    wait in the reader's buffer and in the client's socket, and `go_on` is called when it is time for more. The buffer
    comes before the socket: `go_on` reads the buffer, and `paused` says afterwards whether the transport stays paused.
    `backpressure` lists it while the transport is paused.
    """

    __slots__ = (
        "_backpressure",
        "_call",
        "_clock",
        "_closed",
        "_go_on",
        "_reasons",
        "_transport",
        "_turn",
        "pace",
        "paused",
    )

    def __init__(
        self, transport: Any, clock: IReactorTime, rate: int, go_on: Callable[[], None], backpressure: Backpressure
    ) -> None:
        self._backpressure = backpressure
        self._transport = transport
        self._clock = clock
        self._go_on = go_on
        self.pace = Pace(rate, clock.seconds())
        """The rate of the frames. Its `left` may be counted down outside, which calls `defer_if_due` at 0 or below."""
        self._turn = FRAMES_PER_TURN
        self._reasons = 0
        self.paused = False
        self._call: IDelayedCall | None = None
        self._closed = False

    def begin_turn(self) -> None:
        """Begin to count the frames of a turn of the reactor."""
        self._turn = FRAMES_PER_TURN

    def frame(self) -> None:
        """Count a frame, and pause if that was one too many."""
        self._turn -= 1
        spent = self.pace.count()
        if spent or self._turn <= 0:
            self.defer_if_due(spent)

    @property
    def left(self) -> int:
        """The number of frames after which there is no reason to pause yet."""
        left, pace = self._turn, self.pace.left
        return (left if left <= pace else int(pace)) - 1

    def count(self, frames: int) -> None:
        """Count several frames, no more than are `left`: as `frame` for each."""
        self._turn -= frames
        self.pace.left -= frames

    def defer_if_due(self, spent: bool = True) -> None:
        """Pause if the rate is `spent`, or the turn is over."""
        wait = self.pace.pause(self._clock.seconds()) if spent and not self._closed else 0.0
        if wait or self._turn <= 0:
            self._defer(wait)

    def _defer(self, seconds: float) -> None:
        self.pause(PACE)
        if self._call is None:
            self._call = self._clock.callLater(seconds, self._next_turn)

    def _next_turn(self) -> None:
        self._call = None
        self._turn = FRAMES_PER_TURN
        if self._closed:
            self._go_on()
        else:
            self.resume(PACE)

    def pause(self, reason: int) -> None:
        """Add a reason to pause. Idempotent."""
        if not self._reasons and not self._closed:
            self._transport.pauseProducing()
            self._backpressure.unread.add(self)
        self._reasons |= reason
        self.paused = True

    def resume(self, reason: int) -> None:
        """Take a reason away; go on reading if it was the last. Idempotent."""
        if self._reasons & reason:
            self._reasons &= ~reason
            self.paused = bool(self._reasons)
            if not self.paused:
                self._go_on()
            if not self.paused and not self._closed:
                self._transport.resumeProducing()
                self._backpressure.unread.discard(self)

    def close(self) -> None:
        """Leave the transport alone from now on: it is closed, or about to close. Only turns still count."""
        self._closed = True
        self._backpressure.unread.discard(self)

    def clear(self) -> bool:
        """Clear all reasons; return False if a scheduled turn will continue."""
        if self._call is None:
            self._reasons = 0
            self.paused = False
        return self._call is None

    def forget(self) -> None:
        """Leave the reader: all is read. Without this only the garbage collector could free the two."""
        self._go_on = _nothing

    def stop(self) -> None:
        """Take no further turn."""
        if self._call is not None:
            self._call.cancel()
            self._call = None


def _nothing() -> None:
    pass
