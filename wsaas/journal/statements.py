"""The statements that the journal sends to SQLite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TypeVar

from wsaas.journal.rows import JournalRow

T = TypeVar("T")

SCHEMA_VERSION = 1
PAGE = 4096
"""Bytes of a page of SQLite's."""
LOG_SIZE = 1024 * PAGE
"""Bytes to which SQLite truncates its write-ahead log after a checkpoint."""
CHECKPOINT_AFTER = 1000
"""Pages in the write-ahead log (estimated) after which a checkpoint moves its rows into the file."""

SETTINGS = (
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA wal_autocheckpoint = 0",
    f"PRAGMA journal_size_limit = {LOG_SIZE}",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA secure_delete = ON",  # overwrites deleted Authorization values
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
)
SCHEMA = (
    "BEGIN IMMEDIATE",
    "CREATE TABLE connections (key INTEGER PRIMARY KEY, phase TEXT, record TEXT, ended TEXT)",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
    "COMMIT",
)
_UPSERT = (
    "INSERT INTO connections (key, phase, record, ended) VALUES {} ON CONFLICT (key) DO UPDATE SET"
    " phase = coalesce(excluded.phase, phase), record = coalesce(excluded.record, record),"
    " ended = coalesce(excluded.ended, ended)"
)
DELETE_ALL = "DELETE FROM connections"
_DELETE = "DELETE FROM connections WHERE key IN ({})"
# Key 0 is never a connection's. The row with that key is written and deleted to check for room on the disk: it is as
# long as the rows of about a hundred connections.
PROBE = "INSERT OR REPLACE INTO connections (key, record) VALUES (0, zeroblob(65536))"
PROBE_PAGES = 40
UNPROBE = "DELETE FROM connections WHERE key = 0"

# Rows per statement. A batch of up to 16 rows, as most are, is one statement; and there are few enough distinct ones
# for the sqlite3 module, which keeps 128, to prepare each once.
_WHOLE = 16
_ROWS = (128, 96, 64, 48, 32, 24, *range(_WHOLE, 0, -1))
_UPSERTS = {size: _UPSERT.format(", ".join(["(?, ?, ?, ?)"] * size)) for size in _ROWS}
_DELETES = {size: _DELETE.format(", ".join("?" * size)) for size in _ROWS}


def upserts(rows: Sequence[JournalRow]) -> Iterator[tuple[str, Sequence[object]]]:
    """Yield the statements that write these rows, each with its values; one statement writes up to 128 rows."""
    for chunk in _chunks(rows):
        yield _UPSERTS[len(chunk)], tuple(chain.from_iterable(chunk))


def deletions(keys: Sequence[int]) -> Iterator[tuple[str, Sequence[object]]]:
    """Yield the statements that delete the rows with these keys, each with its values."""
    for chunk in _chunks(keys):
        yield _DELETES[len(chunk)], chunk


def pages(rows: Sequence[JournalRow], forgotten: Sequence[int]) -> int:
    """Estimate the pages that a transaction adds to the log: of its rows, of the tree above, and of deleted rows."""
    size = sum([len(record or "") + len(ended or "") for _, _, record, ended in rows])
    return 3 + size // (PAGE // 2) + len(forgotten) // 4


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield the items in order, in slices whose lengths are in `_ROWS`."""
    if len(items) <= _WHOLE:  # mostly: then no slice is looked for
        if items:
            yield items
        return
    start = 0
    for size in _ROWS:
        while len(items) - start >= size:
            yield items[start : start + size]
            start += size
