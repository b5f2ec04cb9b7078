"""The journal of a node: the one on disk, or in memory, and the copy in the engine, side by side.

A connection is stored once both have it; its row is encoded once, for both. While the engine is away, the one on disk
is enough; in memory it is not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred

from wsaas.cluster.row_copy import RowCopy
from wsaas.core.events import Closed
from wsaas.core.interfaces import Connections, Journal, Stored
from wsaas.core.records import Record
from wsaas.journal.rows import encode_record


class LocalJournal(Journal, Protocol):
    """The journal of a single process."""

    @property
    def healthy(self) -> bool:
        """False while it refuses new connections."""

    @property
    def size(self) -> int:
        """Bytes of its files."""

    def start(self, connections: Connections) -> list[Record]:
        """Open it, and return the connections of an earlier process."""

    def stop(self) -> Deferred[None]:
        """Write what is left and close it."""

    def opened(self, record: Record, stored: Stored, text: str | None = None) -> None:
        """Keep a connection, as a Journal does; `text` is the record as `encode_record` writes it, if that is known."""

    def accepted(self, record: Record, stored: Stored, text: str | None = None) -> None:
        """Keep what the backend's answer has added, as a Journal does."""


class ClusterJournal:
    """Journal. `local` is None with STATE_DIR=none. While `may_speak()` is false, newcomers are refused."""

    def __init__(self, local: LocalJournal | None, may_speak: Callable[[], bool], keep_authorization: bool) -> None:
        self.local = local
        self._may_speak = may_speak
        self._keep_authorization = keep_authorization
        self.copy: RowCopy
        """Set before `start`."""
        self.forgotten: Callable[[str], object] = id
        """Called with each connection of a claimed process of which nothing is left to say."""
        self.earlier: list[Record] = []
        """The connections that an earlier process left on this disk, which bounds them, until they are settled with
        the engine.
        """

    @property
    def healthy(self) -> bool:
        """False while new connections are refused."""
        return self.local is None or self.local.healthy

    @property
    def size(self) -> int:
        """Bytes of the files on disk."""
        return 0 if self.local is None else self.local.size

    def start(self, connections: Connections) -> list[Record]:
        """Open the journal on disk. What an earlier process left there is kept until the engine says who tells it."""
        self.copy.connections = connections
        if self.local is not None:
            self.earlier = self.local.start(connections)
        return []

    async def _stop(self) -> None:
        self.copy.stop()
        if self.local is not None:
            await self.local.stop()

    def stop(self) -> Deferred[None]:
        """Close the journal on disk."""
        return Deferred.fromCoroutine(self._stop())

    def opened(self, record: Record, stored: Stored) -> None:
        if not self._may_speak():
            stored(False)
        elif self.local is None:
            self.copy.put(record, stored)
        else:
            text, heard = encode_record(record, self._keep_authorization), _Both(stored).heard
            self.local.opened(record, heard, text)
            self.copy.put(record, heard, text)

    def accepted(self, record: Record, stored: Stored) -> None:
        if self.local is None:
            self.copy.put(record, stored)
        else:
            text, heard = encode_record(record, self._keep_authorization), _Both(stored).heard
            self.local.accepted(record, heard, text)
            self.copy.put(record, heard, text)

    def closed(self, id: str, closed: Closed) -> None:
        if self.local is not None:
            self.local.closed(id, closed)
        self.copy.closed(id, closed)

    def forget(self, id: str) -> None:
        if self.local is not None:
            self.local.forget(id)
        if self.copy.remove(id):
            self.forgotten(id)

    def disown(self, ids: list[str]) -> None:
        """Forget connections that another process tells of now; the engine's rows are not this one's any more."""
        if self.local is not None:
            for id in ids:
                self.local.forget(id)


class _Both:
    """Waits for two words, and passes on whether both were yes."""

    __slots__ = ("_first", "_stored")

    def __init__(self, stored: Stored) -> None:
        self._stored = stored
        self._first: bool | None = None

    def heard(self, safe: bool) -> None:
        if self._first is None:
            self._first = safe
        else:
            self._stored(self._first and safe)
