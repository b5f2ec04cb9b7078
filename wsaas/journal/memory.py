"""The journal of STATE_DIR=none."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from wsaas.core.events import Closed
from wsaas.core.interfaces import Connections
from wsaas.core.records import Record


class MemoryJournal:
    """Promises what the process's own memory can: while it lives, its sessions know what the backend is owed.

    So nothing is copied here, and `opened` and `accepted` call `stored(True)` before they return.
    """

    log = Logger()
    healthy = True

    def start(self, connections: Connections) -> list[Record]:
        """Say what is given up; there is no previous life to hear of."""
        self.log.warn(
            "STATE_DIR=none: connections are kept in memory only; after a crash or kill -9 their backend is not told "
            "that they are gone"
        )
        return []

    def stop(self) -> Deferred[None]:
        """Nothing to flush."""
        return succeed(None)

    def opened(self, record: Record, stored: Callable[[bool], None]) -> None:
        stored(True)

    def accepted(self, record: Record, stored: Callable[[bool], None]) -> None:
        stored(True)

    def closed(self, id: str, closed: Closed) -> None:
        pass

    def forget(self, id: str) -> None:
        pass
