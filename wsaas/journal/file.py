"""The journal's file: how it is opened and written, and when it is given up for a new one.

    {directory}/journal.lock                      locked by the gateway that runs here; its text is that gateway's pid
    {directory}/journal.sqlite, -wal              the rows, and those of the last moments (SQLite's write-ahead log)
    {directory}/journal.sqlite.damaged-{moment}   a file that could not be read whole, for whoever wants to look at it

SQLite's own locking is set to exclusive: half the cost of a transaction, no shared-memory file, and nobody else's open
`sqlite3` can hold up a write. synchronous=NORMAL: what was committed survives the death of the process; a power cut may
take the last moments, but leaves a file that is whole. Rows go from the log into the file when this module says so, not
when SQLite does: so any other change of the file shows.
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

COMPLAINTS = 10
"""Log lines about single rows that cannot be read, at most."""
RENEW_AFTER = 60.0  # a disk on which nothing stays whole is not to be filled with damaged files


class Store:
    """The rows in `directory`. `clock()` counts seconds, `wall_clock()` is the time in seconds since the epoch, which
    names files that are moved aside.

    For one thread at a time, whichever. A `write` that fails (sqlite3.Error, OSError) may be tried again; after
    JournalDisplaced the file is opened anew, and all that is known is written to it. Damage at the start is no error:
    what can be read goes into a new file.
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
        """Open the file, also in place of one that was open; returns what was not forgotten, oldest first.

        Raises JournalUnusable, but for no damage; nor when the disk has no room to make a new file: a later `write`
        will.
        """
        try:
            if self._damage is not None:
                self._give_up(self._damage, "the gateway knows all of them and writes them anew")
            self._disconnect()
            new = _size(self.path) == 0
            try:
                if new and _size(Path(f"{self.path}-wal")) > 0:
                    raise Damaged("it is empty, and its log is not")  # SQLite would throw that away
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
        """Write rows, then delete keys, in one transaction; with `anew` there is nothing else in the file afterwards.

        With `probe`, fail if there is no room for many more. Raises JournalDisplaced if the file is damaged.
        """
        try:
            self._write(rows, forgotten, probe, anew)
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            self._damage = error
            raise JournalDisplaced(f"{self.path.name} is damaged: {error}") from error

    def flaw(self) -> str | None:
        """Say why a start on the directory would not read what was written here; None if it would."""
        flaw = self._file.flaw() or self._wal.flaw()
        if flaw is None and self._writable and not self._may_write():
            flaw = "it may not be written to any more"
        return flaw

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
        for setting in SETTINGS:
            database.execute(setting)
        (version,) = database.execute("PRAGMA user_version").fetchone()
        (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if version == 0 and tables == 0:
            for statement in SCHEMA:
                database.execute(statement)
        elif version != SCHEMA_VERSION:
            raise Damaged(f"its schema version is {version}, and this gateway's is {SCHEMA_VERSION}")
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
        """The rows of a file that SQLite finds whole and lets us write to."""
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
            # Few statements, many rows: each statement lets go of the interpreter lock and, when the reactor is
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
        """Let the file have the rows of the log; not if another program has changed it, which would not show then."""
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
        """Move the file aside and save what can be read of it; the next `write` puts that into a new one.

        Connections found in the raw bytes, without their keys, get new ones. Raises as `_give_up` does.
        """
        kept, complaints = decode([] if self.database is None else scan(self.database))
        kept += carve(self.path, kept)
        consequence = "those that could be read are kept, others may be lost, and their backend not be told"
        aside = self._give_up(reason, consequence, len(kept))
        for key, phase, record in kept:
            ended = None if record.closed is None else encode_closed(record.closed)
            self._rescued[key] = JournalRow(key, phase, encode_record(record, True), ended)
        for complaint in complaints[:COMPLAINTS]:
            self.log.warn("not readable in {aside}: {complaint}", aside=aside, complaint=complaint)
        if len(complaints) > COMPLAINTS:
            left_out = len(complaints) - COMPLAINTS
            self.log.warn("not readable in {aside}: {left_out} more rows", aside=aside, left_out=left_out)
        return kept

    def _give_up(self, reason: BaseException, consequence: str, count: int = 0) -> str:
        """Move the file aside; returns where it is now. Raises the reason if one was within the last RENEW_AFTER."""
        if self._clock() < self._renewed_at + RENEW_AFTER:
            raise reason
        self._disconnect()
        self._renewed_at = self._clock()
        self._damage = None
        aside = str(self._move_aside())
        self.log.error(
            "the journal {path} is damaged ({reason}); {count} connections were read from it: {consequence}. The file "
            "is now {aside}; it may hold Authorization values: delete it when nobody needs it",
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
        # The log first: left beside a new file it would be taken for that one's.
        for suffix in ("-wal", "-shm", ""):
            with suppress(FileNotFoundError):
                Path(f"{self.path}{suffix}").rename(f"{aside}{suffix}")
        return aside


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
