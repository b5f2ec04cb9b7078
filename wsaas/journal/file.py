"""The journal's file: how it is opened and written, and when it is given up for a new one.

    {directory}/journal.lock                      locked by the gateway that runs here; its text is that gateway's pid
    {directory}/journal.sqlite, -wal              the rows, and those of the last moments (SQLite's write-ahead log)
    {directory}/journal.sqlite.damaged-{moment}   a file that could not be read whole, for whoever wants to look at it

SQLite's own locking is set to exclusive: half the cost of a transaction, no shared-memory file, and nobody else's open
`sqlite3` can hold up a write. synchronous=NORMAL: what was committed survives the death of the process; a power cut may
take the last moments, but leaves a file that is whole.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain
from math import inf
from pathlib import Path
from typing import TypeVar

from twisted.logger import Logger

from wsaas.journal.lock import unusable
from wsaas.journal.repair import SELECT, Kept, carve, decode, scan
from wsaas.journal.rows import JournalRow, encode_closed, encode_record

T = TypeVar("T")

SCHEMA_VERSION = 1
COMPLAINTS = 10
"""Log lines about single rows that cannot be read, at most."""
RENEW_AFTER = 60.0  # a disk on which nothing stays whole is not to be filled with damaged files

_SETTINGS = (
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA wal_autocheckpoint = 1000",
    "PRAGMA journal_size_limit = 4194304",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA secure_delete = ON",  # a forgotten Authorization value is overwritten, not just unlinked
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
)
_SCHEMA = (
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
_DELETE = "DELETE FROM connections WHERE key IN ({})"
# Key 0 is never a connection: a row that is written and deleted to see whether there is room again, for about as much
# as a hundred connections take.
_PROBE = "INSERT OR REPLACE INTO connections (key, record) VALUES (0, zeroblob(65536))"
_UNPROBE = "DELETE FROM connections WHERE key = 0"

# Rows per statement: powers of two, so that there are few different statements, each prepared once.
_ROWS = (128, 64, 32, 16, 8, 4, 2, 1)
_UPSERTS = {size: _UPSERT.format(", ".join(["(?, ?, ?, ?)"] * size)) for size in _ROWS}
_DELETES = {size: _DELETE.format(", ".join("?" * size)) for size in _ROWS}

# Errors that speak of the file's content and not of the disk's mood. At the start, when the file could be opened for
# writing, that it is read-only speaks of its header.
_DAMAGE = frozenset(
    {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_FORMAT,
        sqlite3.SQLITE_MISMATCH,
    }
)
_DAMAGE_AT_START = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_TOOBIG})
_BAD_READS = frozenset({sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS})


class _Damaged(sqlite3.DatabaseError):
    """SQLite can open the file, but it is not what this version writes."""


class Store:
    """The rows in `directory`. `clock()` counts seconds, `wall_clock()` is the time in seconds since the epoch, which
    names files that are moved aside.

    For one thread at a time, whichever. A `write` that fails (sqlite3.Error, OSError) may be tried again. Damage is
    never an error here, whenever it is found: what can be read goes into a new file.
    """

    log = Logger()

    def __init__(self, directory: Path, clock: Callable[[], float], wall_clock: Callable[[], float]) -> None:
        self.path = directory / "journal.sqlite"
        self.database: sqlite3.Connection | None = None
        self._directory = directory
        self._clock = clock
        self._wall_clock = wall_clock
        self._rescued: dict[int, JournalRow] = {}
        self._renewed_at = -inf

    def open(self) -> list[Kept]:
        """What was not forgotten, oldest first. Raises JournalUnusable, but for no damage.

        Nor when the disk has no room to make a new file: a later `write` will.
        """
        try:
            new = _size(self.path) == 0
            try:
                if new and _size(Path(f"{self.path}-wal")) > 0:
                    raise _Damaged("it is empty, and its log is not")  # SQLite would throw that away
                self._connect()
                kept, complaints = decode(self._read())
                if complaints:
                    raise _Damaged("rows in it cannot be read")
                return kept
            except (sqlite3.Error, MemoryError) as error:
                if _is_damage(error, at_start=True):
                    return self._renew(error, at_start=True)
                if not new:
                    raise
                self._disconnect()
                return []
        except (sqlite3.Error, MemoryError, OSError) as error:
            self._disconnect()
            raise unusable(self._directory, error) from error

    def write(self, rows: Sequence[JournalRow], forgotten: Sequence[int], probe: bool = False) -> None:
        """Write rows, then delete keys, in one transaction; with `probe`, fail if there is no room for many more."""
        try:
            self._write(rows, forgotten, probe)
        except sqlite3.Error as error:
            if not _is_damage(error) or self._clock() < self._renewed_at + RENEW_AFTER:
                raise
            self._renew(error)
            self._write(rows, forgotten, probe)

    def close(self) -> None:
        """Leave one tidy file, if the disk lets us."""
        if self.database is not None:
            with suppress(sqlite3.Error):
                self.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._disconnect()

    # Steps

    def _connect(self) -> sqlite3.Connection:
        """Open the file; make it, if need be, with the mode that SQLite then gives to the files beside it as well."""
        file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.fchmod(file, 0o600)
        finally:
            os.close(file)
        database = sqlite3.connect(self.path, timeout=1.0, isolation_level=None, check_same_thread=False)
        self.database = database
        database.text_factory = bytes
        for setting in _SETTINGS:
            database.execute(setting)
        (version,) = database.execute("PRAGMA user_version").fetchone()
        (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if version == 0 and tables == 0:
            for statement in _SCHEMA:
                database.execute(statement)
        elif version != SCHEMA_VERSION:
            raise _Damaged(f"its schema version is {version}, and this gateway's is {SCHEMA_VERSION}")
        return database

    def _disconnect(self) -> None:
        database, self.database = self.database, None
        if database is not None:
            with suppress(sqlite3.Error):
                database.close()

    def _read(self) -> list[Sequence[object]]:
        """The rows of a file that SQLite finds whole and lets us write to."""
        assert self.database is not None
        (verdict,) = self.database.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != b"ok":
            raise _Damaged(verdict.decode("ascii", "replace"))
        self.database.execute("BEGIN")
        self.database.execute(_UNPROBE)
        self.database.execute("ROLLBACK")
        return self.database.execute(f"{SELECT} WHERE key > 0 ORDER BY key").fetchall()

    def _write(self, rows: Sequence[JournalRow], forgotten: Sequence[int], probe: bool) -> None:
        database = self.database
        if database is None:
            try:
                database = self._connect()
            except sqlite3.Error:
                self._disconnect()
                raise
        rows = [*self._rescued.values(), *rows]
        if rows or forgotten:
            # Few statements, many rows: each statement lets go of the interpreter lock and, when the reactor is
            # busy, waits up to 5 ms to get it back.
            try:
                database.execute("BEGIN IMMEDIATE")
                for chunk in _chunks(rows):
                    database.execute(_UPSERTS[len(chunk)], tuple(chain.from_iterable(chunk)))
                for keys in _chunks(forgotten):
                    database.execute(_DELETES[len(keys)], keys)
                database.execute("COMMIT")
            except BaseException:
                if database.in_transaction:
                    with suppress(sqlite3.Error):
                        database.execute("ROLLBACK")
                if database.in_transaction:
                    self._disconnect()
                raise
            self._rescued.clear()
        if probe:
            database.execute(_PROBE)
            database.execute(_UNPROBE)

    def _renew(self, reason: BaseException, at_start: bool = False) -> list[Kept]:
        """Move the file aside and save what can be read of it; the next `write` puts that into a new one.

        At the start that is more: connections found in the raw bytes, without their keys, get new ones.
        """
        kept, complaints = decode([] if self.database is None else scan(self.database))
        if at_start:
            kept += carve(self.path, kept)
        for key, phase, record in kept:
            ended = None if record.closed is None else encode_closed(record.closed)
            self._rescued[key] = JournalRow(key, phase, encode_record(record, True), ended)
        self._disconnect()
        self._renewed_at = self._clock()
        aside = self._move_aside()
        self.log.error(
            "the journal {path} is damaged ({reason}); {count} connections could be read and are kept, others may be "
            "lost, and their backend not be told. The file is now {aside}; it may hold Authorization values: delete it "
            "when nobody needs it",
            path=str(self.path),
            reason=str(reason) or type(reason).__name__,
            count=len(kept),
            aside=str(aside),
        )
        for complaint in complaints[:COMPLAINTS]:
            self.log.warn("not readable in {aside}: {complaint}", aside=str(aside), complaint=complaint)
        if len(complaints) > COMPLAINTS:
            left_out = len(complaints) - COMPLAINTS
            self.log.warn("not readable in {aside}: {left_out} more rows", aside=str(aside), left_out=left_out)
        return kept

    def _move_aside(self) -> Path:
        moment = datetime.fromtimestamp(self._wall_clock(), UTC).strftime("%Y%m%dT%H%M%SZ")
        aside, count = self.path.with_name(f"{self.path.name}.damaged-{moment}"), 1
        while aside.exists():
            count += 1
            aside = self.path.with_name(f"{self.path.name}.damaged-{moment}-{count}")
        # The log first: left beside a new file it would be taken for that one's.
        for suffix in ("-wal", "-shm", ""):
            with suppress(FileNotFoundError):
                Path(f"{self.path}{suffix}").rename(f"{aside}{suffix}")
        return aside


def _is_damage(error: BaseException, at_start: bool = False) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(error, _Damaged):
        return True
    if code is None:
        return at_start
    return code & 0xFF in _DAMAGE or code in _BAD_READS or (at_start and code & 0xFF in _DAMAGE_AT_START)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """The items in order, in slices whose lengths are all in `_ROWS`."""
    start = 0
    for size in _ROWS:
        while len(items) - start >= size:
            yield items[start : start + size]
            start += size
