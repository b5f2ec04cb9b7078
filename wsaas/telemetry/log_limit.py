"""Bounds on how often a line may be logged that a client or the backend can cause.

    self._limit = LogLimit(reactor)
    ...
    self._limit.emit(self._log, LogLevel.warn, "refused", "refused {id}: {reason}", id=id, reason=reason)

writes one such line in ten seconds; the next says how many were left out. An owner who needs to know before a line is
made (what it says may be costly) asks `allows` and writes `with_left_out(format)` with a field `left_out`.
"""

from __future__ import annotations

from typing import Any, Protocol

from twisted.logger import Logger
from twisted.python.failure import Failure

EVERY = 10.0
"""Seconds between two lines of one kind."""
KINDS = 64
"""Kinds that are remembered."""


class Clock(Protocol):
    """Counts seconds, like Twisted's reactor."""

    def seconds(self) -> float: ...


class LogLimit:
    """Lets one line of each kind pass in `every` seconds and counts the others.

    A kind is a word of the code's, or a few of them and a status: not a text that a stranger chooses. The table holds
    `kinds` of them. When it is full, kinds whose time is over are forgotten, and their counts with them; if there are
    none, all further kinds count as one, so that there are never more than `kinds` + 1 lines in `every` seconds.
    """

    def __init__(self, clock: Clock, every: float = EVERY, kinds: int = KINDS) -> None:
        self._clock = clock
        self._every = every
        self._kinds = kinds
        self._written: dict[str | None, tuple[float, int]] = {}  # since when, and how many were left out since then

    def __len__(self) -> int:
        return len(self._written)

    def allows(self, kind: str) -> int | None:
        """Return how many lines of this kind were left out since the last one, or None to leave this one out, too."""
        now = self._clock.seconds()
        key = self._key(kind, now)
        since, left_out = self._written.get(key, (now - self._every, 0))
        if now - since < self._every:
            self._written[key] = (since, left_out + 1)
            return None
        self._written[key] = (now, 0)
        return left_out

    def _key(self, kind: str, now: float) -> str | None:
        if kind not in self._written and len(self._written) >= self._kinds:
            for each, (since, _) in list(self._written.items()):
                if now - since >= self._every and each is not None:
                    del self._written[each]
            if len(self._written) >= self._kinds:
                return None
        return kind

    def emit(self, log: Logger, level: Any, kind: str, format: str, **fields: Any) -> None:
        """Log one line, if its kind may have one now."""
        left_out = self.allows(kind)
        if left_out is not None:
            log.emit(level, with_left_out(format, left_out), left_out=left_out, **fields)

    def failure(self, log: Logger, kind: str, format: str, failure: Failure | None = None, **fields: Any) -> None:
        """Log the failure, or the exception that is being handled, with its traceback, if its kind may have one now."""
        left_out = self.allows(kind)
        if left_out is not None:
            log.failure(with_left_out(format, left_out), failure, left_out=left_out, **fields)


def with_left_out(format: str, left_out: int) -> str:
    """The format of a line before which `left_out` like it were left out; that is also the name of its field."""
    return f"{format} ({{left_out}} more like it left out)" if left_out else format
