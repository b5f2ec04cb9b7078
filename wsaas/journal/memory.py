"""The journal for STATE_DIR=none."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from wsaas.core.events import Closed
from wsaas.core.interfaces import Connections
from wsaas.core.records import Record


class MemoryJournal:
    """A journal that stores nothing: while the process lives, its sessions hold all that the DELETEs need.

    `opened` and `accepted` call `stored(True)` before they return.
    """

    log = Logger()
    healthy = True
    size = 0

    def start(self, connections: Connections) -> list[Record]:
        """Warn of the consequence of STATE_DIR=none. No connections are left from an earlier process."""
        self.log.warn(
            "STATE_DIR=none: connections are kept in memory only; after a crash or kill -9 the backend gets no DELETE "
            "for them"
        )
        return []

    def stop(self) -> Deferred[None]:
        """Return at once: there is nothing to flush."""
        return succeed(None)

    def opened(self, record: Record, stored: Callable[[bool], None]) -> None:
        stored(True)

    def accepted(self, record: Record, stored: Callable[[bool], None]) -> None:
        stored(True)

    def closed(self, id: str, closed: Closed) -> None:
        pass

    def forget(self, id: str) -> None:
        pass
