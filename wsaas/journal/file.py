"""The journal's file: opens and writes it, and replaces a damaged one.

    {directory}/journal.lock                      locked by the running gateway; holds its pid
    {directory}/journal.sqlite, -wal              the rows, and the latest ones (SQLite's write-ahead log)
    {directory}/journal.sqlite.damaged-{moment}   a damaged file, moved aside for the operator

SQLite's locking mode is exclusive: it halves the cost of a transaction, needs no shared-memory file, and lets no other
`sqlite3` process delay a write. With synchronous=NORMAL a committed row survives the death of the process; a power cut
may lose the last rows, but leaves the file intact. This module, not SQLite, decides when rows move from the log into
the file (checkpoint), so that every other change of the file shows.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from math import inf
from pathlib import Path

from twisted.logger import Logger

from wsaas.journal.lock import JournalDisplaced, unusable
from wsaas.journal.repair import SELECT, Damaged, Kept, carve, decode, is_damage, scan
from wsaas.journal.rows import JournalRow, encode_closed, encode_record
from wsaas.journal.statements import (
    CHECKPOINT_AFTER,
    DELETE_ALL,
    LOG_SIZE,
    PAGE,
    PROBE,
    PROBE_PAGES,
    SCHEMA,
    SCHEMA_VERSION,
    SETTINGS,
    UNPROBE,
    deletions,
    pages,
    upserts,
)
from wsaas.journal.watched_file import WatchedFile

MAX_ROW_WARNINGS = 10
"""Log lines about single unreadable rows of one damaged file, at most."""
RENEW_INTERVAL = 60.0
"""Seconds between two damaged files that are moved aside, at least: a bad disk must not fill up with them."""


class Store:
    """The file in `directory`. Calls may block on the disk; one thread at a time may call.

    `clock()` counts seconds; `wall_clock()` is the time in seconds since the epoch, which names damaged files. A
    `write` that fails with sqlite3.Error or OSError may be repeated. After JournalDisplaced the caller opens the file
    again and writes all connections to it. Damage found by `open` is no error: readable rows go into a new file.
    """

    log = Logger()

    def __init__(self, directory: Path, clock: Callable[[], float], wall_clock: Callable[[], float]) -> None:
        self.path = directory / "journal.sqlite"
        self.database: sqlite3.Connection | None = None
        self._directory = directory
        self._clock = clock
        self._wall_clock = wall_clock
        self._file = WatchedFile(self.path, steady=True)
        self._wal = WatchedFile(Path(f"{self.path}-wal"), shrinks_to=LOG_SIZE)
        self._writable = False
        self._unchecked = 0
        self._damage: sqlite3.Error | None = None
        self._rescued: dict[int, JournalRow] = {}
        self._renewed_at = -inf

    def open(self) -> list[Kept]:
        """Open the file, closing one that was open, and return the connections in it, oldest first.

        A damaged file is moved aside, and the connections that could be read from it are returned. If the disk has no
        room for a new file, return an empty list: a later `write` creates the file or raises. Raises JournalUnusable
        for every other error.
        """
        try:
            if self._damage is not None:
                self._give_up(self._damage, "the gateway knows all connections and writes them to a new file")
            self._disconnect()
            new = _size(self.path) == 0
            try:
                if new and _size(Path(f"{self.path}-wal")) > 0:
                    raise Damaged("it is empty, but its log is not")  # SQLite would delete the log
                self._connect()
                kept, complaints = decode(self._read())
                if complaints:
                    raise Damaged("rows in it cannot be read")
                return kept
            except (sqlite3.Error, MemoryError) as error:
                if is_damage(error, at_start=True):
                    return self._renew(error)
                if not new:
                    raise
                self._disconnect()
                return []
        except (sqlite3.Error, MemoryError, OSError) as error:
            self._disconnect()
            raise unusable(self._directory, error) from error

    def write(
        self, rows: Sequence[JournalRow], forgotten: Sequence[int], probe: bool = False, anew: bool = False
    ) -> None:
        """Write rows, then delete keys, in one transaction. With `anew`, delete all earlier rows first.

        With `probe`, check as well that the disk has room for about a hundred further rows. Raises JournalDisplaced if
        the file is damaged, sqlite3.Error or OSError if the disk refuses.
        """
        try:
            self._write(rows, forgotten, probe, anew)
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            self._damage = error
            raise JournalDisplaced(f"{self.path.name} is damaged: {error}") from error

    @property
    def size(self) -> int:
        """The bytes of the file and its log when they were last looked at."""
        return self._file.size + self._wal.size

    def flaw(self) -> str | None:
        """Return the reason why a start on the directory would not read this file; None if it would."""
        flaw = self._file.flaw() or self._wal.flaw()
        if flaw is None and self._writable and not self._may_write():
            flaw = "the gateway may no longer write to it"
        return flaw

    def close(self) -> None:
        """Merge the write-ahead log into the file, if the disk allows that, and close it."""
        if self.database is not None:
            with suppress(sqlite3.Error):
                self.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._disconnect()

    # Steps

    def _connect(self) -> sqlite3.Connection:
        """Open the file; if there is none, create it with mode 0600, which SQLite then gives the -wal file, too."""
        file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.fchmod(file, 0o600)
        finally:
            os.close(file)
        database = sqlite3.connect(self.path, timeout=1.0, isolation_level=None, check_same_thread=False)
        self.database = database
        database.text_factory = bytes
        for setting in SETTINGS:
            database.execute(setting)
        (version,) = database.execute("PRAGMA user_version").fetchone()
        (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if version == 0 and tables == 0:
            for statement in SCHEMA:
                database.execute(statement)
        elif version != SCHEMA_VERSION:
            raise Damaged(f"its schema version is {version}, but this gateway's is {SCHEMA_VERSION}")
        self._file.note()
        self._wal.note()
        self._unchecked = _size(Path(f"{self.path}-wal")) // PAGE
        self._writable = self._may_write()
        return database

    def _disconnect(self) -> None:
        self._file.forget()
        self._wal.forget()
        database, self.database = self.database, None
        if database is not None:
            with suppress(sqlite3.Error):
                database.close()

    def _read(self) -> list[Sequence[object]]:
        """Check that SQLite finds the file intact and can write to it, then return its rows."""
        assert self.database is not None
        (verdict,) = self.database.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != b"ok":
            raise Damaged(verdict.decode("ascii", "replace"))
        self.database.execute("BEGIN")
        self.database.execute(UNPROBE)
        self.database.execute("ROLLBACK")
        return self.database.execute(f"{SELECT} WHERE key > 0 ORDER BY key").fetchall()

    def _write(self, rows: Sequence[JournalRow], forgotten: Sequence[int], probe: bool, anew: bool) -> None:
        database = self.database
        if database is None:
            try:
                database = self._connect()
            except (sqlite3.Error, OSError):
                self._disconnect()
                raise
        if not anew:
            rows = [*self._rescued.values(), *rows]
        if rows or forgotten or anew:
            # Few statements with many rows: each statement releases the interpreter lock and, while the reactor is
            # busy, waits up to 5 ms to get it back.
            try:
                database.execute("BEGIN IMMEDIATE")
                if anew:
                    database.execute(DELETE_ALL)
                for statement, values in (*upserts(rows), *deletions(forgotten)):
                    database.execute(statement, values)
                database.execute("COMMIT")
            except BaseException:
                if database.in_transaction:
                    with suppress(sqlite3.Error):
                        database.execute("ROLLBACK")
                if database.in_transaction:
                    self._disconnect()
                raise
            self._rescued.clear()
            self._unchecked += pages(rows, forgotten)
            if self._unchecked >= CHECKPOINT_AFTER:
                self._checkpoint(database)
        if probe:
            database.execute(PROBE)
            database.execute(UNPROBE)
            self._unchecked += PROBE_PAGES

    def _checkpoint(self, database: sqlite3.Connection) -> None:
        """Move the rows of the log into the file, unless another program has changed it: that must stay visible."""
        self._unchecked = 0
        if self._file.flaw() is None:
            with suppress(sqlite3.Error):  # the rows are safe in the log
                database.execute("PRAGMA wal_checkpoint(PASSIVE)")
            self._file.note_change()

    def _may_write(self) -> bool:
        effective = os.access in os.supports_effective_ids
        return all(
            [
                os.access(self._directory, os.R_OK | os.W_OK | os.X_OK, effective_ids=effective),
                os.access(self.path, os.R_OK | os.W_OK, effective_ids=effective),
            ]
        )

    def _renew(self, reason: BaseException) -> list[Kept]:
        """Move the damaged file aside and return the connections that can be read; the next `write` stores them again.

        Connections found in the raw bytes have no key and get a new one. Raises as `_give_up` does.
        """
        kept, complaints = decode([] if self.database is None else scan(self.database))
        kept += carve(self.path, kept)
        consequence = "these are kept; others may be lost, and the backend gets no DELETE for those"
        aside = self._give_up(reason, consequence, len(kept))
        for key, phase, record in kept:
            ended = None if record.closed is None else encode_closed(record.closed)
            self._rescued[key] = JournalRow(key, phase, encode_record(record, True), ended)
        for complaint in complaints[:MAX_ROW_WARNINGS]:
            self.log.warn("not readable in {aside}: {complaint}", aside=aside, complaint=complaint)
        if len(complaints) > MAX_ROW_WARNINGS:
            left_out = len(complaints) - MAX_ROW_WARNINGS
            self.log.warn("not readable in {aside}: {left_out} more rows", aside=aside, left_out=left_out)
        return kept

    def _give_up(self, reason: BaseException, consequence: str, count: int = 0) -> str:
        """Move the file aside and return its new path. Raises `reason` if one was moved within RENEW_INTERVAL."""
        if self._clock() < self._renewed_at + RENEW_INTERVAL:
            raise reason
        self._disconnect()
        self._renewed_at = self._clock()
        self._damage = None
        aside = str(self._move_aside())
        self.log.error(
            "the journal {path} is damaged ({reason}); {count} connections were read from it: {consequence}. The file "
            "is now {aside}; it may hold Authorization values: delete it when it is no longer needed",
            path=str(self.path),
            reason=str(reason) or type(reason).__name__,
            count=count,
            consequence=consequence,
            aside=aside,
        )
        return aside

    def _move_aside(self) -> Path:
        moment = datetime.fromtimestamp(self._wall_clock(), UTC).strftime("%Y%m%dT%H%M%SZ")
        aside, count = self.path.with_name(f"{self.path.name}.damaged-{moment}"), 1
        while aside.exists():
            count += 1
            aside = self.path.with_name(f"{self.path.name}.damaged-{moment}-{count}")
        # The log first: SQLite would take a log left behind for the new file's.
        for suffix in ("-wal", "-shm", ""):
            with suppress(FileNotFoundError):
                Path(f"{self.path}{suffix}").rename(f"{aside}{suffix}")
        return aside


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
