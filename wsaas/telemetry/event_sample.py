"""The part of all events that a person can follow: so many a second of each kind, and a count of those left out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from wsaas.core.errors import BadRequest
from wsaas.telemetry.event_filter import EVENTS

RATE = "rate"
"""The parameter."""
MAX_RATE = 10_000
REFILL_EVERY = 0.1
"""Seconds after which a budget has room again: the events that are shown are spread over the second."""
REPORT_EVERY = 1.0
"""Seconds between two lines that say how many events were left out."""
_ONE = 0.999
"""The room for one event, whatever the sums of seconds come to."""


class LeftOut(NamedTuple):
    """The events of one process that a watcher was not shown, in `seconds` in which it was shown so many others."""

    shown: int
    seconds: float
    kinds: dict[str, int]
    failed: int
    """Those of them that had failed."""


class EventSample:
    """Chooses which of the events that a watcher's filter wants are shown. Bound: two budgets for each kind.

    Each kind of event has two budgets, one of them for events that failed: no kind hides another, and the events that
    went well, however many, hide none that failed. A budget is `rate` events a second, and after a quiet second as many
    at once. Within it the first events to come are shown, of any connection. `report` takes the count of those left
    out, and returns False if it could not; `changed()` hears that a budget is spent, and each REFILL_EVERY while one is
    not full.
    """

    def __init__(
        self, clock: Any, rate: float, report: Callable[[LeftOut], bool], changed: Callable[[], object]
    ) -> None:
        self._clock = clock
        self._rate = rate
        self._burst = max(1.0, rate)
        self._report = report
        self._changed = changed
        self._budgets = tuple(dict.fromkeys(EVENTS, self._burst) for _ in range(2))
        """The room for events that went well, and for those that failed."""
        self._left_out: Counter[str] = Counter()
        self._failed = self._shown = 0
        self._refill_call: Any = None
        self._refilled_at = self._reported_at = 0.0

    def room(self, event: str) -> int:
        """Return how many events of this kind that went well would be shown now."""
        return int(self._budgets[False][event] + 1.0 - _ONE)

    def takes(self, event: str, failed: bool) -> bool:
        """Say if this event is shown, and count it."""
        budget = self._budgets[failed]
        room = budget[event]
        if room < _ONE:
            self._left_out[event] += 1
            self._failed += failed
            return False
        budget[event] = room - 1.0
        self._shown += 1
        if self._refill_call is None:
            self._refilled_at = self._reported_at = self._clock.seconds()
            self._refill_call = self._clock.callLater(REFILL_EVERY, self._refill)
        if room < 1.0 + _ONE:
            self._changed()
        return True

    def leave_out(self, event: str, count: int) -> None:
        """Count so many events that went well, while there was no room for them."""
        self._left_out[event] += count

    def stop(self) -> None:
        """Report what is left to report, and show no more."""
        if self._refill_call is not None:
            self._refill_call.cancel()
            self._refill_call = None
            self._changed()
            self._tell(self._clock.seconds())

    def _refill(self) -> None:
        self._refill_call = None
        now = self._clock.seconds()
        self._changed()  # before there is room again
        more, self._refilled_at = (now - self._refilled_at) * self._rate, now
        full = True
        for budget in self._budgets:
            for event, room in budget.items():
                if room < self._burst:
                    budget[event] = room = min(self._burst, room + more)
                    full = full and room >= self._burst
        if now - self._reported_at >= REPORT_EVERY - REFILL_EVERY / 2:
            self._tell(now)
        if not full or self._left_out:
            self._refill_call = self._clock.callLater(REFILL_EVERY, self._refill)
        self._changed()

    def _tell(self, now: float) -> None:
        """Report the events left out, if there are any. The next report says it if the reader has no room for this."""
        left_out = LeftOut(self._shown, now - self._reported_at, dict(self._left_out), self._failed)
        if not self._left_out or self._report(left_out):
            self._left_out.clear()
            self._shown = self._failed = 0
            self._reported_at = now


def rate_of(text: str | None) -> int | None:
    """Return the number that `?rate=` gives, None without it. Raises BadRequest for anything else."""
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,5}", text, re.ASCII) or not 0 < int(text) <= MAX_RATE:
        raise BadRequest(f"{RATE}: a number of events a second from 1 to {MAX_RATE}")
    return int(text)
