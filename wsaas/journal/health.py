"""The health of the journal, and what the log says of it."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from twisted.logger import Logger, LogLevel

from wsaas.journal.lock import JournalDisplaced
from wsaas.telemetry.log_limit import LogLimit

RETRY_AFTER = 1.0
"""Seconds between two tries to write again."""
MOST_REASONS = 8


class Condition(Enum):
    WELL = "well"
    FAILING = "failing"
    """The disk refuses writes. What is in the file is right, and what waits is added to it later."""
    DISPLACED = "displaced"
    """A start on the directory would not read what was written. Everything is to be written anew."""


class Health:
    """The condition of the journal in `directory`, said when it changes, within the bounds of `log_limit`.

    While it is displaced, each reason why it cannot be written anew is said once, at most `MOST_REASONS` of them.
    """

    log = Logger()

    def __init__(self, directory: Path, log_limit: LogLimit) -> None:
        self.condition = Condition.WELL
        self._directory = str(directory)
        self._log_limit = log_limit
        self._said: set[str] = set()

    def failed(self, error: Exception) -> None:
        """The last batch could not be written."""
        if self.condition is Condition.DISPLACED:
            self._still_displaced(str(error))
        elif isinstance(error, JournalDisplaced):
            self.condition = Condition.DISPLACED
            self._log_limit.emit(
                self.log,
                LogLevel.error,
                "displaced",
                "STATE_DIR {directory} is not what the gateway works on any more: {flaw}. After a crash the backend "
                "would not hear of the connections that it ended; so new ones are refused (503) until the journal is "
                "written anew, which is tried now and then every {seconds} s. Leave that directory to the gateway "
                "while it runs",
                directory=self._directory,
                flaw=str(error),
                seconds=RETRY_AFTER,
            )
        elif self.condition is Condition.WELL:
            self.condition = Condition.FAILING
            self._log_limit.emit(
                self.log,
                LogLevel.error,
                "cannot write",
                "the journal cannot write to {directory}: {error}; new connections are refused (503) until it can, "
                "which is tried every {seconds} s",
                directory=self._directory,
                error=str(error),
                seconds=RETRY_AFTER,
            )

    def written(self, connections: int) -> None:
        """The last batch is in the file, which is the directory's, and has so many connections."""
        if self.condition is Condition.DISPLACED:
            self._log_limit.emit(
                self.log,
                LogLevel.warn,
                "written anew",
                "the journal in {directory} is written anew, with all {count} connections; new ones are let in again",
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
        """The gateway stops, and the last try to write failed."""
        if self.condition is Condition.DISPLACED:
            self.log.error(
                "the journal stops without being written anew: the backend will not hear of the end of {count} "
                "connections",
                count=connections,
            )
        else:
            self.log.error(
                "the journal stops with changes that it could not write: the next start may repeat DELETEs of {count} "
                "connections",
                count=forgotten,
            )

    def _still_displaced(self, reason: str) -> None:
        if reason not in self._said and len(self._said) < MOST_REASONS:
            kind = f"not yet {len(self._said)}"
            self._said.add(reason)
            self._log_limit.emit(
                self.log, LogLevel.error, kind, "the journal cannot be written anew yet: {reason}", reason=reason
            )
