"""The time for which the backend has accepted a connection, and the question whether it keeps the connection.

    Accepted(expires_in) -> Expiry -> 101 -> timer -> Refresh -> Kept(expires_in) -> timer -> ...
                                                              -> Expired: the connection is closed
                                                              -> Kept(): it stays for good

A connection without `expires_in` has no Expiry.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from wsaas.core.events import Refresh


class Timer(Protocol):
    """A call that is to come."""

    def cancel(self) -> object:
        """Call it off."""


CallLater = Callable[[float, Callable[[], object]], Timer]
"""Calls a function once, after so many seconds."""


class Expiry:
    """The time of one connection: its timer runs, or it is over and `due` is the question for the backend.

    The question is there until it is answered. While it waits for its turn, the connection's messages wait behind it.
    """

    __slots__ = ("_asked", "_timer", "due", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        """The time from the 101, or from the last answer, to the next question."""
        self.due: Refresh | None = None
        self._timer: Timer | None = None
        self._asked = 0

    def start(self, call_later: CallLater, over: Callable[[], object]) -> None:
        """Let the time run; `over` is called at its end, and has to call `fall_due`."""
        self._timer = call_later(self.seconds, over)

    def fall_due(self, moment: float) -> None:
        """Ask the backend, now that the time is over."""
        self._timer = None
        self._asked += 1
        self.due = Refresh(self._asked, moment)

    def renew(self, seconds: float | None) -> Expiry | None:
        """Hear the answer: the connection is kept for so many seconds more, once `start` is called; for None for good,
        and nothing is returned.
        """
        if seconds is None:
            return None
        self.due = None
        self.seconds = seconds
        return self

    def stop(self) -> None:
        """Let the connection end: no further question is due. One that is due already is for its messages."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class ExpiryTimers:
    """Lets the times of connections run. `wall_clock()` is the time in seconds since the epoch."""

    def __init__(self, call_later: CallLater, wall_clock: Callable[[], float]) -> None:
        self._call_later = call_later
        self._wall_clock = wall_clock

    def start(self, expiry: Expiry, due: Callable[[], object]) -> None:
        """Let a time run; `due` is called once the backend is to be asked."""
        expiry.start(self._call_later, partial(self._over, expiry, due))

    def _over(self, expiry: Expiry, due: Callable[[], object]) -> None:
        expiry.fall_due(self._wall_clock())
        due()
