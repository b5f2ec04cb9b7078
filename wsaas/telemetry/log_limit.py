"""Bounds on log lines that a client or the backend can cause.

    self._limit = LogLimit(reactor)
    ...
    self._limit.emit(self._log, LogLevel.warn, "refused", "refused {id}: {reason}", id=id, reason=reason)

writes one such line in ten seconds; the next one says how many were left out. Code whose line is costly to make asks
`allows` first and logs `with_left_out(format)` with a field `left_out`.
"""

from __future__ import annotations

from typing import Any, Protocol

from twisted.logger import Logger
from twisted.python.failure import Failure

INTERVAL = 10.0
"""Seconds between two lines of one kind."""
MAX_KINDS = 64
"""Kinds that are remembered, at most."""


class Clock(Protocol):
    """Counts seconds, like Twisted's reactor."""

    def seconds(self) -> float: ...


class LogLimit:
    """Allows one line of each kind in `every` seconds and counts the others.

    A kind is a fixed word of the code, or a few words and a status, never a text from a peer. The table holds `kinds`
    kinds. When it is full, kinds whose interval is over are removed with their counts; if there are none, all further
    kinds count as one. So `every` seconds have at most `kinds` + 1 lines.
    """

    def __init__(self, clock: Clock, every: float = INTERVAL, kinds: int = MAX_KINDS) -> None:
        self._clock = clock
        self._every = every
        self._kinds = kinds
        self._written: dict[str | None, tuple[float, int]] = {}  # when the last line was written, lines left out since

    def __len__(self) -> int:
        return len(self._written)

    def allows(self, kind: str) -> int | None:
        """Return the number of lines of this kind left out since the last one; None if this line must be left out."""
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
        """Log one line, unless the limit of its kind is reached."""
        left_out = self.allows(kind)
        if left_out is not None:
            log.emit(level, with_left_out(format, left_out), left_out=left_out, **fields)

    def failure(self, log: Logger, kind: str, format: str, failure: Failure | None = None, **fields: Any) -> None:
        """Log `failure`, or the exception being handled, with a traceback, unless the limit of its kind is reached."""
        left_out = self.allows(kind)
        if left_out is not None:
            log.failure(with_left_out(format, left_out), failure, left_out=left_out, **fields)


def with_left_out(format: str, left_out: int) -> str:
    """Return the format of a line, with a remark if `left_out` lines like it were left out before it.

    The event must have a field `left_out`.
    """
    return f"{format} ({{left_out}} more like it left out)" if left_out else format
