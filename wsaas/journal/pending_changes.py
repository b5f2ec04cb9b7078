"""The changes that wait to be written to the journal's file."""

from __future__ import annotations

from collections.abc import Iterable

from wsaas.core.events import Closed
from wsaas.core.interfaces import Stored
from wsaas.core.records import Record
from wsaas.journal.rows import CONNECTING, OPEN, JournalRow, encode_closed, encode_record


class Changes:
    """One batch of changes to the file, by key, with the callbacks that wait for it.

    A key stands in `upserts` and `endings`, or in `deletions`, never in both. `opening` holds the callbacks of new
    connections, which are dropped if the batch cannot be written. `accepting` holds the callbacks of connections whose
    row exists and gets the accepted headers; that row stays if the batch cannot be written. Bound: one entry for each
    connection that lives or has a row in the file.
    """

    __slots__ = ("accepting", "deletions", "endings", "opening", "upserts")

    def __init__(self) -> None:
        self.upserts: dict[int, tuple[str, Record, str | None]] = {}
        """Of each row its phase, and its record, with its text if that is known."""
        self.endings: dict[int, Closed] = {}
        self.deletions: set[int] = set()
        self.opening: dict[int, Stored] = {}
        self.accepting: list[Stored] = []

    def put(self, key: int, record: Record) -> None:
        """Add a connection that the backend may have accepted, with its end if it has ended."""
        self.upserts[key] = (OPEN, record, None)
        if record.closed is not None:
            self.endings[key] = record.closed

    def __bool__(self) -> bool:
        return bool(self.upserts or self.endings or self.deletions or self.opening or self.accepting)

    def rows(self, keep_authorization: bool) -> list[JournalRow]:
        """Return the rows to be written, encoded."""
        ends = {key: encode_closed(closed) for key, closed in self.endings.items()}
        rows = [
            JournalRow(key, phase, text or encode_record(record, keep_authorization), ends.pop(key, None))
            for key, (phase, record, text) in self.upserts.items()
        ]
        rows += [JournalRow(key, None, None, ended) for key, ended in ends.items()]
        return rows

    def take_callbacks(self) -> list[Stored]:
        """Return and clear the callbacks: those of new connections first, each kind in order."""
        callbacks = [*self.opening.values(), *self.accepting]
        self.opening.clear()
        self.accepting.clear()
        return callbacks

    def merge_under(self, newer: Changes) -> None:
        """Merge these changes into `newer` ones. Where both have a key, the newer change wins."""
        for key, put in self.upserts.items():
            if key not in newer.deletions:
                newer.upserts.setdefault(key, put)
        for key, closed in self.endings.items():
            if key not in newer.deletions:
                newer.endings.setdefault(key, closed)
        newer.deletions |= self.deletions


class PendingChanges:
    """The changes since the last batch was taken, and the keys of all connections in the file.

    `opened`, `accepted`, `closed` and `forget` return whether there is a change to write.
    """

    def __init__(self) -> None:
        self.keys: dict[str, int] = {}
        self.gathered = Changes()
        self._next = 1

    def known(self, keys: dict[str, int]) -> None:
        """Set the keys of all connections in the file, by connection id."""
        self.keys = keys
        self._next = max(keys.values(), default=0) + 1

    def opened(self, record: Record, stored: Stored, text: str | None = None) -> bool:
        key = self._next
        self._next = key + 1
        self.keys[record.id] = key
        self.gathered.upserts[key] = (CONNECTING, record, text)
        self.gathered.opening[key] = stored
        return True

    def accepted(self, record: Record, stored: Stored, text: str | None = None) -> bool:
        key = self.keys.get(record.id)
        if key is None:
            return False
        self.gathered.upserts[key] = (OPEN, record, text)
        self.gathered.accepting.append(stored)
        return True

    def closed(self, id: str, closed: Closed) -> bool:
        key = self.keys.get(id)
        if key is None:
            return False
        self.gathered.endings[key] = closed
        return True

    def forget(self, id: str) -> bool:
        key = self.keys.pop(id, None)
        if key is None:
            return False
        self.gathered.upserts.pop(key, None)
        self.gathered.endings.pop(key, None)
        if key not in self.gathered.opening:  # else the file never had a row for it
            self.gathered.deletions.add(key)
        return True

    def take(self) -> Changes:
        """Return all changes as the next batch, and begin a new one."""
        batch, self.gathered = self.gathered, Changes()
        return batch

    def everything(self, records: Iterable[Record], foreign: Iterable[Record]) -> tuple[Changes, dict[str, int]]:
        """Return the changes that fill a new file, and the new keys of the `foreign` connections.

        The changes hold the present state of those `records` that have a key, and the foreign connections, whose keys
        count only after the changes are written. Changes gathered before are included; they also stay in the next
        batch.
        """
        everything, keys = Changes(), {}
        for record in records:
            key = self.keys.get(record.id)
            if key is not None:
                everything.put(key, record)
        for record in foreign:
            keys[record.id] = self._next
            everything.put(self._next, record)
            self._next += 1
        return everything, keys

    def put_back(self, batch: Changes) -> list[Stored]:
        """Put a batch that could not be written before the gathered changes, and drop new connections from both.

        Return the callbacks to be called with False.
        """
        callbacks = self._drop(batch)
        batch.merge_under(self.gathered)
        return callbacks + self.refuse()

    def refuse(self) -> list[Stored]:
        """Drop the new connections gathered so far. Return the callbacks to be called with False."""
        return self._drop(self.gathered)

    def _drop(self, changes: Changes) -> list[Stored]:
        newer = self.gathered
        for key in changes.opening:
            put = changes.upserts.pop(key, None)
            if put is not None:
                self.keys.pop(put[1].id, None)
            changes.endings.pop(key, None)
            newer.upserts.pop(key, None)
            newer.endings.pop(key, None)
            newer.deletions.discard(key)
        return changes.take_callbacks()
