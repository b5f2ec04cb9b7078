"""Deadlines that are all equally far away when they are set: one timer of the reactor for all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from twisted.internet.interfaces import IDelayedCall, IReactorTime

T = TypeVar("T")


class Deadlines(Generic[T]):
    """Calls `reached` with an item `seconds` after that was set, unless it was dropped before.

    A timer of the reactor costs a connection as much as all its other bookkeeping: here it has an entry in a table. The
    order of the table is that of time, so that only those are looked at whose time has come. There is a timer while
    there are entries. Bound: one entry for each item.
    """

    __slots__ = ("_call", "_clock", "_reached", "_seconds", "_since")

    def __init__(self, clock: IReactorTime, seconds: float, reached: Callable[[T], object]) -> None:
        self._clock = clock
        self._seconds = seconds
        self._reached = reached
        self._since: dict[T, float] = {}
        self._call: IDelayedCall | None = None

    def __len__(self) -> int:
        return len(self._since)

    def set(self, item: T, now: float | None = None) -> None:
        """Let the deadline of the item be `seconds` from now; one that it had before counts no more. `now` is this
        moment, where it is known.
        """
        since = self._since
        if item in since:
            del since[item]  # it goes to the end
        since[item] = self._clock.seconds() if now is None else now
        if self._call is None:
            self._call = self._clock.callLater(self._seconds, self._ring)

    def drop(self, item: T) -> None:
        """Drop the deadline of the item. Idempotent."""
        self._since.pop(item, None)
        if not self._since and self._call is not None:
            self._call.cancel()
            self._call = None

    def oldest(self) -> tuple[T, float] | None:
        """Return the item whose deadline was set first, and the seconds since then; None if there is none."""
        for item, since in self._since.items():
            return item, self._clock.seconds() - since
        return None

    def _ring(self) -> None:
        self._call = None
        now = self._clock.seconds()
        while self._since:
            item = next(iter(self._since))
            left = self._since[item] + self._seconds - now
            if left > 0:
                if self._call is None:
                    self._call = self._clock.callLater(left, self._ring)
                else:  # one that was reached has set another, whose time is later
                    self._call.reset(left)
                return
            del self._since[item]
            self._reached(item)  # which may set and drop others
