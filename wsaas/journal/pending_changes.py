"""The changes that wait to be made to the journal's file."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from wsaas.core.events import Closed
from wsaas.core.records import Record
from wsaas.journal.rows import CONNECTING, OPEN, JournalRow, encode_closed, encode_record

Stored = Callable[[bool], None]


class Changes:
    """One batch of changes to the file, by key, with the callbacks that wait for it.

    A key stands in `puts` and `ends`, or in `forgotten`, never in both. `opening` are new connections, of which nothing
    is kept if they cannot be written; `accepting` wait for the headers of a connection that is in the file already, and
    stays. Bound: one entry per connection that lives, or whose row is in the file.
    """

    __slots__ = ("accepting", "ends", "forgotten", "opening", "puts")

    def __init__(self) -> None:
        self.puts: dict[int, tuple[str, Record]] = {}
        self.ends: dict[int, Closed] = {}
        self.forgotten: set[int] = set()
        self.opening: dict[int, Stored] = {}
        self.accepting: list[Stored] = []

    def put(self, key: int, record: Record) -> None:
        """Write a connection that may have been accepted, and how it ended, if it has."""
        self.puts[key] = (OPEN, record)
        if record.closed is not None:
            self.ends[key] = record.closed

    def __bool__(self) -> bool:
        return bool(self.puts or self.ends or self.forgotten or self.opening or self.accepting)

    def rows(self, keep_authorization: bool) -> list[JournalRow]:
        """The rows to be written, encoded."""
        ends = {key: encode_closed(closed) for key, closed in self.ends.items()}
        rows = [
            JournalRow(key, phase, encode_record(record, keep_authorization), ends.pop(key, None))
            for key, (phase, record) in self.puts.items()
        ]
        rows += [JournalRow(key, None, None, ended) for key, ended in ends.items()]
        return rows

    def take_callbacks(self) -> list[Stored]:
        """Those who wait, new connections first, each kind in order; from now on nobody does."""
        callbacks = [*self.opening.values(), *self.accepting]
        self.opening.clear()
        self.accepting.clear()
        return callbacks

    def merge_under(self, newer: Changes) -> None:
        """Add these changes to `newer` ones, which win."""
        for key, put in self.puts.items():
            if key not in newer.forgotten:
                newer.puts.setdefault(key, put)
        for key, closed in self.ends.items():
            if key not in newer.forgotten:
                newer.ends.setdefault(key, closed)
        newer.forgotten |= self.forgotten


class PendingChanges:
    """The changes since the last batch was taken, and the keys of all connections in the file.

    Each call says whether there is anything to write.
    """

    def __init__(self) -> None:
        self.keys: dict[str, int] = {}
        self.gathered = Changes()
        self._next = 1

    def known(self, keys: dict[str, int]) -> None:
        """These connections, and no others, are in the file, under these keys."""
        self.keys = keys
        self._next = max(keys.values(), default=0) + 1

    def opened(self, record: Record, stored: Stored) -> bool:
        key = self._next
        self._next = key + 1
        self.keys[record.id] = key
        self.gathered.puts[key] = (CONNECTING, record)
        self.gathered.opening[key] = stored
        return True

    def accepted(self, record: Record, stored: Stored) -> bool:
        key = self.keys.get(record.id)
        if key is None:
            return False
        self.gathered.puts[key] = (OPEN, record)
        self.gathered.accepting.append(stored)
        return True

    def closed(self, id: str, closed: Closed) -> bool:
        key = self.keys.get(id)
        if key is None:
            return False
        self.gathered.ends[key] = closed
        return True

    def forget(self, id: str) -> bool:
        key = self.keys.pop(id, None)
        if key is None:
            return False
        self.gathered.puts.pop(key, None)
        self.gathered.ends.pop(key, None)
        if key not in self.gathered.opening:  # else it was never written, and now never will be
            self.gathered.forgotten.add(key)
        return True

    def take(self) -> Changes:
        """All of it, for the next batch."""
        batch, self.gathered = self.gathered, Changes()
        return batch

    def everything(self, records: Iterable[Record], foreign: Iterable[Record]) -> tuple[Changes, dict[str, int]]:
        """All that a new file has to have: of `records` those that were in the old one, as they are now, and foreign
        ones, under keys that are returned and count once these are written. What was gathered is in it, and follows.
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
        """The batch could not be written: it waits for the next try, but for new connections. Returns those who have
        to hear that nothing is safe.
        """
        callbacks = self._drop(batch)
        batch.merge_under(self.gathered)
        return callbacks + self.refuse()

    def refuse(self) -> list[Stored]:
        """Nothing is written for now: new connections are not kept. Returns those who have to hear of it."""
        return self._drop(self.gathered)

    def _drop(self, changes: Changes) -> list[Stored]:
        newer = self.gathered
        for key in changes.opening:
            put = changes.puts.pop(key, None)
            if put is not None:
                self.keys.pop(put[1].id, None)
            changes.ends.pop(key, None)
            newer.puts.pop(key, None)
            newer.ends.pop(key, None)
            newer.forgotten.discard(key)
        return changes.take_callbacks()
