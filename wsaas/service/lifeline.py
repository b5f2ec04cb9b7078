"""A worker's end of the pipes between it and its parent."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.fdesc import readFromFD, setNonBlocking
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from wsaas.service.roster import BEAT, Lines, Roster
from wsaas.service.worker_identity import Inheritance


class Lifeline(FileDescriptor):
    """Hears the parent's rosters, and its end; tells it each BEAT whether this worker is ready.

    `orphaned()` is called when the parent is gone. A parent that reads nothing is told nothing.
    """

    def __init__(
        self, reactor: Any, inheritance: Inheritance, ready: Callable[[], bool], orphaned: Callable[[], object]
    ) -> None:
        super().__init__(reactor)
        self._clock: IReactorTime = reactor
        self._hears, self._tells = inheritance.hears, inheritance.tells
        for descriptor in (self._hears, self._tells):
            setNonBlocking(descriptor)
        self._ready = ready
        self._orphaned = orphaned
        self._lines = Lines()
        self._beating: IDelayedCall | None = None
        self.roster = Roster(False, ())
        """The parent's last word."""

    def fileno(self) -> int:
        """Return the descriptor that is read: IFileDescriptor."""
        return self._hears

    def start(self) -> None:
        """Begin to listen and to tell."""
        self.startReading()
        self.beat()

    def beat(self) -> None:
        """Tell the parent now, and again after BEAT."""
        if self._beating is not None and self._beating.active():
            self._beating.cancel()
        self._tell({"ready": self._ready()})
        self._beating = self._clock.callLater(BEAT, self.beat)

    def stopping(self) -> None:
        """Tell the parent that this worker drains."""
        self._tell({"stopping": True})

    def stop(self) -> None:
        """Tell nothing more, and listen no more."""
        if self._beating is not None and self._beating.active():
            self._beating.cancel()
        self.stopReading()

    def doRead(self) -> Failure | None:
        """Read what the parent says: IReadDescriptor."""
        return readFromFD(self._hears, self._heard)  # type: ignore[no-any-return]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Note the end of the parent: IReadDescriptor."""
        self.stopReading()
        self.roster = Roster(False, ())
        self._orphaned()

    def _heard(self, data: bytes) -> None:
        for line in self._lines.feed(data):
            self.roster = Roster.decode(line)

    def _tell(self, news: dict[str, object]) -> None:
        with suppress(OSError):
            os.write(self._tells, json.dumps(news).encode("ascii") + b"\n")
