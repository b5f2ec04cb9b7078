"""The health of the journal, and the log lines about it."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from twisted.logger import Logger, LogLevel

from wsaas.journal.lock import JournalDisplaced
from wsaas.telemetry.log_limit import LogLimit

RETRY_INTERVAL = 1.0
"""Seconds between two attempts to write while the journal cannot be written."""
MAX_REASONS_LOGGED = 8
"""Log lines about reasons why the journal stays displaced, at most, until it is written again."""


class Condition(Enum):
    """The condition of the journal."""

    WELL = "well"
    """The last write succeeded."""
    FAILING = "failing"
    """The disk refuses writes. The rows in the file are right, and pending changes are added later."""
    DISPLACED = "displaced"
    """A start on the directory would not read the file. All connections must be written again."""


class Health:
    """The condition of the journal in `directory`. Logs each change of it, within the bounds of `log_limit`.

    While the journal is displaced, each reason why it cannot be written again is logged once, at most
    `MAX_REASONS_LOGGED` of them.
    """

    log = Logger()

    def __init__(self, directory: Path, log_limit: LogLimit) -> None:
        self.condition = Condition.WELL
        self._directory = str(directory)
        self._log_limit = log_limit
        self._said: set[str] = set()

    def failed(self, error: Exception) -> None:
        """Note that the last batch could not be written."""
        if self.condition is Condition.DISPLACED:
            self._still_displaced(str(error))
        elif isinstance(error, JournalDisplaced):
            self.condition = Condition.DISPLACED
            self._log_limit.emit(
                self.log,
                LogLevel.error,
                "displaced",
                "the journal in STATE_DIR {directory} is lost: {reason}. After a crash the backend would get no DELETE "
                "for the open connections; so new ones are refused (503) until the journal is written again, which is "
                "tried at once and every {seconds} s. No other program may change that directory while the gateway "
                "runs",
                directory=self._directory,
                reason=str(error),
                seconds=RETRY_INTERVAL,
            )
        elif self.condition is Condition.WELL:
            self.condition = Condition.FAILING
            self._log_limit.emit(
                self.log,
                LogLevel.error,
                "cannot write",
                "the journal cannot write to {directory}: {reason}; new connections are refused (503) until a write "
                "succeeds, which is tried every {seconds} s",
                directory=self._directory,
                reason=str(error),
                seconds=RETRY_INTERVAL,
            )

    def written(self, connections: int) -> None:
        """Note that the last batch is in the directory's file, which holds this number of connections."""
        if self.condition is Condition.DISPLACED:
            self._log_limit.emit(
                self.log,
                LogLevel.warn,
                "written anew",
                "the journal in {directory} is written again, with all {count} connections; new ones are let in again",
                directory=self._directory,
                count=connections,
            )
        elif self.condition is Condition.FAILING:
            self._log_limit.emit(
                self.log,
                LogLevel.warn,
                "can write",
                "the journal can write to {directory} again",
                directory=self._directory,
            )
        self.condition = Condition.WELL
        self._said.clear()

    def stops(self, connections: int, forgotten: int) -> None:
        """Log the consequence of a stop after the last write failed."""
        if self.condition is Condition.DISPLACED:
            self.log.error(
                "the journal stops before it could be written again: the backend will get no DELETE for {count} "
                "connections",
                count=connections,
            )
        else:
            self.log.error(
                "the journal stops with changes that it could not write: the next start may repeat the DELETEs of "
                "{count} connections",
                count=forgotten,
            )

    def _still_displaced(self, reason: str) -> None:
        if reason not in self._said and len(self._said) < MAX_REASONS_LOGGED:
            kind = f"not yet {len(self._said)}"
            self._said.add(reason)
            self._log_limit.emit(
                self.log, LogLevel.error, kind, "the journal still cannot be written again: {reason}", reason=reason
            )
