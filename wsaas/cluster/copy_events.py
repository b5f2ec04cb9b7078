"""The state of a copy of the journal, and the events of it."""

from __future__ import annotations

from enum import Enum
from typing import Protocol


class CopyState(Enum):
    """The state of the copy."""

    OFFLINE = "offline"
    SYNCING = "syncing"
    ONLINE = "online"


class CopyEvents(Protocol):
    """Hears what the answers to batches say of this process."""

    def copy_fenced(self) -> None:
        """Hear that another process owns the rows of this one."""

    def copy_unknown(self) -> None:
        """Hear that the engine does not know this process."""

    def copy_complete(self, complete: bool) -> None:
        """Hear whether the engine has every row that the journal on disk has, before a row is left out."""


class Completeness:
    """Knows if the engine has every row that the journal on disk has, and tells when that changes."""

    def __init__(self, events: CopyEvents) -> None:
        self._events = events
        self._complete = True

    def set(self, complete: bool) -> None:
        """Note that a row is only on disk, before it counts as safe, or that the engine has all."""
        if complete is not self._complete:
            self._complete = complete
            self._events.copy_complete(complete)
