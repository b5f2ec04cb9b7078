"""Judges if a client is still there by when it was heard and when it took what it was sent."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from wsaas.core.events import Cause, CloseCode


class Verdict(Enum):
    FINE = "fine"
    SILENT = "silent"
    """Not heard for half of the timeout: ping it, once."""
    GONE = "gone"
    TOO_SLOW = "too slow"
    HUNG_UP = "hung up"


ENDS = {
    Verdict.GONE: (Cause.TIMEOUT, CloseCode.ABNORMAL),
    Verdict.TOO_SLOW: (Cause.TOO_SLOW, CloseCode.POLICY),
    Verdict.HUNG_UP: (Cause.NETWORK, CloseCode.ABNORMAL),
}
"""The findings that end a connection, and what its session hears of it."""


class Liveness:
    """The memory of one client's signs of life. Moments and durations are seconds of one clock."""

    __slots__ = ("_hung_up_at", "_pinged_at", "_took_at", "heard")

    def __init__(self, now: float) -> None:
        self.heard = now
        self._pinged_at = 0.0
        self._took_at = 0.0
        self._hung_up_at: float | None = None

    def beat(self, now: float) -> None:
        """Something came, or the gateway listens again after it did not."""
        self.heard = now
        self._hung_up_at = None

    def took(self, now: float) -> None:
        """Note that the client has taken something of what was sent to it: a sign of life, though nothing is heard."""
        self._took_at = now

    def doubtful(self, now: float, timeout: float) -> bool:
        """Return whether the client may soon be given up, so that it matters if it `took` something."""
        return self._hung_up_at is not None or now - self.heard >= timeout * 5 / 8

    def find(
        self,
        now: float,
        timeout: float,
        *,
        full_since: float | None,
        reading: bool,
        hung_up: Callable[[], bool],
    ) -> Verdict:
        """Judge the client now; `full_since` is when its send buffer first refused a message.

        One that takes what it is sent is never given up, however slow it is: its pong is behind all of that.
        One that is not read from cannot be heard, so it is not given up for that. If it closes, that is not noticed by
        reading either: hence `hung_up`. What it sent before may still be read when there is room again; if there is
        none for most of the timeout, it is given up.
        """
        if full_since is not None and now - max(full_since, self._took_at) >= timeout:
            return Verdict.TOO_SLOW
        if not reading:
            if self._hung_up_at is None:
                self._hung_up_at = now if hung_up() else None
            elif now - max(self._hung_up_at, self._took_at) >= timeout * 3 / 4:
                return Verdict.HUNG_UP
            return Verdict.FINE
        silent = now - max(self.heard, self._took_at)
        if silent >= timeout:
            return Verdict.GONE if full_since is None else Verdict.TOO_SLOW
        if silent >= timeout / 2 and self._pinged_at <= self.heard:
            return Verdict.SILENT
        return Verdict.FINE

    def pinged(self, now: float) -> None:
        self._pinged_at = now
