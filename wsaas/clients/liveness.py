"""Judges if a client is still there, by when it was heard and when it took what it was sent."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from wsaas.clients.hangup import hung_up
from wsaas.clients.progress import Progress
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
"""The verdicts that end a connection, and the cause and close code that its session hears."""


class Liveness:
    """The memory of one client's signs of life. Moments and durations are seconds of one clock."""

    __slots__ = ("_listens_since", "_pinged_at", "_progress", "_took_at", "heard_at", "hung_up_at")

    def __init__(self, now: float) -> None:
        self.heard_at = self._listens_since = now
        self._pinged_at = 0.0
        self._took_at = 0.0
        self.hung_up_at: float | None = None
        self._progress: Progress | None = None
        """Kept while it is doubtful that the client is still there."""

    def heard(self, now: float) -> None:
        """Note that something came."""
        self.heard_at = now
        self.hung_up_at = None

    def listens(self, now: float) -> None:
        """Note that the gateway listens again after it did not: the client has a whole timeout from now on."""
        self._listens_since = now
        self.hung_up_at = None

    def pinged(self, now: float) -> None:
        """Note that the client is asked for a sign of life."""
        self._pinged_at = now

    def check(self, now: float, timeout: float, transport: Any, *, full_since: float | None, reading: bool) -> Verdict:
        """Judge the client now; `full_since` is when its send buffer first refused a message.

        The transport tells if the client takes something, and, if it is not read from, whether it hung up.
        """
        if full_since is None and self.hung_up_at is None and now - self._since < timeout * 5 / 8:
            self._progress = None
        elif self._progress is None:
            self._progress = Progress(transport)
        elif self._progress.goes_on():
            self._took_at = now
        return self._judge(now, timeout, full_since, reading, lambda: hung_up(transport))

    def _judge(
        self, now: float, timeout: float, full_since: float | None, reading: bool, hung_up: Callable[[], bool]
    ) -> Verdict:
        """Judge by the moments that are known.

        One that takes what it is sent is never given up, however slow it is: its pong is behind all of that.
        One that is not read from cannot be heard, so it is not given up for that. If it closes, that is not noticed by
        reading either: hence `hung_up`. What it sent before may still be read when there is room again; if there is
        none for most of the timeout, it is given up.
        """
        if full_since is not None and now - max(full_since, self._took_at) >= timeout:
            return Verdict.TOO_SLOW
        if not reading:
            if self.hung_up_at is None:
                self.hung_up_at = now if hung_up() else None
            elif now - max(self.hung_up_at, self._took_at) >= timeout * 3 / 4:
                return Verdict.HUNG_UP
            return Verdict.FINE
        silent = now - max(self._since, self._took_at)
        if silent >= timeout:
            return Verdict.GONE if full_since is None else Verdict.TOO_SLOW
        if silent >= timeout / 2 and self._pinged_at <= self._since:
            return Verdict.SILENT
        return Verdict.FINE

    @property
    def _since(self) -> float:
        """The moment since which the client could be heard, and was not."""
        return max(self.heard_at, self._listens_since)
