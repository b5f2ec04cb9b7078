"""Reads the journal's file, intact or damaged.

decode   rows -> connections, and one line for each unreadable row or column
scan     the rows that SQLite still finds in a damaged file
carve    connections in the raw bytes of the file, where SQLite finds none: each text carries its own checksum
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from wsaas.core.records import Record
from wsaas.journal.rows import CONNECTING, OPEN, Unreadable, decode_closed, decode_record

SELECT = "SELECT key, phase, record, ended FROM connections"
_LAST_KEY = 2**62
_RECORD = re.compile(rb'[0-9a-f]{8}(?=\[")')
_JSON = json.JSONDecoder()

# Errors that mean damage of the file's content, not a failure of the disk. At the start, after the file could be opened
# for writing, SQLITE_READONLY means a damaged header.
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


class Damaged(sqlite3.DatabaseError):
    """SQLite can open the file, but this version of the journal did not write it so."""


class Kept(NamedTuple):
    """A connection read from the file, with its key and phase."""

    key: int
    phase: str
    record: Record


def is_damage(error: BaseException, at_start: bool = False) -> bool:
    """Return whether the error means damage of the file's content, not a failure of the disk."""
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(error, Damaged):
        return True
    if code is None:
        return at_start
    return code & 0xFF in _DAMAGE or code in _BAD_READS or (at_start and code & 0xFF in _DAMAGE_AT_START)


def decode(rows: list[Sequence[object]]) -> tuple[list[Kept], list[str]]:
    """Return the connections in these rows, and one line for each row or column that cannot be read."""
    kept: dict[str, Kept] = {}
    complaints = []
    for key, phase, text, ended in rows:
        if not (isinstance(key, int) and 0 < key < _LAST_KEY):
            complaints.append(f"row {key!r}: the key is not valid")
            continue
        try:
            record = decode_record(text)
        except Unreadable as error:
            complaints.append(f"row {key}: {error}")
            continue
        if ended is not None:
            try:
                record = replace(record, closed=decode_closed(ended))
            except Unreadable as error:
                complaints.append(f"row {key}, the end of connection {record.id}: {error}")
        if record.id in kept:
            complaints.append(f"row {key}: a second row of connection {record.id}")
            continue
        kept[record.id] = Kept(key, CONNECTING if phase == CONNECTING.encode() else OPEN, record)
    return list(kept.values()), complaints


def scan(database: sqlite3.Connection) -> list[Sequence[object]]:
    """Return the readable rows of a damaged file, by key. Reads from both ends and skips keys that cannot be read."""
    found: dict[int, Sequence[object]] = {}
    with suppress(sqlite3.Error):
        database.execute("PRAGMA writable_schema = ON")  # allows reading a file that is shorter than its header says
    for comparison, order, sign in ((">", "ASC", 1), ("<", "DESC", -1)):
        query = f"{SELECT} WHERE key {comparison} ? ORDER BY key {order} LIMIT ?"
        at, leap, limit = (0 if sign > 0 else _LAST_KEY), 1, -1
        while 0 <= at <= _LAST_KEY:
            try:
                for row in database.execute(query, (at, limit)):
                    if (row[0] - at) * sign <= 0:
                        raise sqlite3.DatabaseError("keys out of order")
                    found.setdefault(row[0], row)
                    at, leap = row[0], 1
                if limit < 0:
                    break
                limit = -1
            except (sqlite3.Error, MemoryError):
                if limit < 0:
                    limit = 1  # sqlite3 reads one row ahead and lost a readable row with the bad one
                else:
                    at, leap, limit = at + leap * sign, leap * 2, -1
    return [found[key] for key in sorted(found)]


def carve(path: Path, kept: Sequence[Kept]) -> list[Kept]:
    """Return the connections in the raw bytes of the file that are not among `kept`. Their ends are unknown.

    If none is kept, SQLite could not read the file; the write-ahead log is then searched as well. A connection that was
    forgotten shortly before may be found again, and its DELETE repeated.
    """
    known = {row.record.id for row in kept}
    carved: dict[str, Record] = {}
    for file in (path,) if kept else (path, Path(f"{path}-wal")):
        for record in _records(file.read_bytes() if file.exists() else b""):
            if record.id not in known:
                carved[record.id] = record
    first = max((row.key for row in kept), default=0) + 1
    oldest_first = sorted(carved.values(), key=lambda record: record.connected_at)
    return [Kept(key, OPEN, record) for key, record in enumerate(oldest_first, first)]


def _records(content: bytes) -> Iterator[Record]:
    for match in _RECORD.finditer(content):
        # In ISO 8859-1 each byte is one character. No text is longer than 64 KiB, SQLite's largest page.
        text = content[match.end() : match.end() + 65536].decode("latin-1")
        with suppress(ValueError, RecursionError, Unreadable):
            _, length = _JSON.raw_decode(text)
            yield decode_record(content[match.start() : match.end() + length])
