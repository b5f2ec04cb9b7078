"""Controls how fast one client is read: not at all while there is a reason, never so fast that others wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from wsaas.core.rate_limit import Pace

TURN = 128
"""Frames of one client that are read in one turn of the reactor, before others have theirs."""

LANE, PACE = 1, 2
"""Why nothing is read: there is no room for what comes; or too much came in too short a time."""


class ReadControl:
    """The reasons why a client is not read from: only the first in and the last out touch the transport.

    Frames are counted: over `rate` a second, or more than a turn's, they wait where they are, in the protocol's
    buffer and the client's socket, and `go_on` is called when it is time for more. What is in the buffer comes
    before what is in the socket: `go_on` reads that, and `flowing` says afterwards whether there is still room.
    """

    __slots__ = ("_call", "_clock", "_closed", "_go_on", "_pace", "_reasons", "_transport", "_turn", "paused")

    def __init__(self, transport: Any, clock: IReactorTime, rate: int, go_on: Callable[[], None]) -> None:
        self._transport = transport
        self._clock = clock
        self._go_on = go_on
        self._pace = Pace(rate, clock.seconds())
        self._turn = TURN
        self._reasons = 0
        self.paused = False
        self._call: IDelayedCall | None = None
        self._closed = False

    def begin_turn(self) -> None:
        """The reactor has been elsewhere since the last frame."""
        self._turn = TURN

    def frame(self) -> None:
        """A frame has begun."""
        self._turn -= 1
        spent = self._pace.count()
        if spent or self._turn <= 0:
            wait = self._pace.pause(self._clock.seconds()) if spent and not self._closed else 0.0
            if wait or self._turn <= 0:
                self._rest(wait)

    def _rest(self, seconds: float) -> None:
        self.pause(PACE)
        if self._call is None:
            self._call = self._clock.callLater(seconds, self._next_turn)

    def _next_turn(self) -> None:
        self._call = None
        self._turn = TURN
        if self._closed:
            self._go_on()
        else:
            self.resume(PACE)

    def pause(self, reason: int) -> None:
        """Idempotent."""
        if not self._reasons and not self._closed:
            self._transport.pauseProducing()
        self._reasons |= reason
        self.paused = True

    def resume(self, reason: int) -> None:
        """Idempotent."""
        if self._reasons & reason:
            self._reasons &= ~reason
            self.paused = bool(self._reasons)
            if not self.paused:
                self._go_on()
            if not self.paused and not self._closed:
                self._transport.resumeProducing()

    def close(self) -> None:
        """The transport is gone, or about to go: it is not touched again. Only turns still count."""
        self._closed = True

    def press_on(self) -> bool:
        """Forget the reasons; False if it is for the next turn to go on, which it will."""
        if self._call is None:
            self._reasons = 0
            self.paused = False
        return self._call is None

    def stop(self) -> None:
        """Take no further turn."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
