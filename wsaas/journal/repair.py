"""Reading the journal's file, whole or damaged.

decode   rows -> connections, and what is wrong with the others
scan     the rows that SQLite still finds in a damaged file
carve    the connections that stand in its bytes where SQLite finds nothing: each text carries its own checksum
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


class Damaged(sqlite3.DatabaseError):
    """SQLite can open the file, but it is not what this version writes."""


class Kept(NamedTuple):
    """A row as it was read."""

    key: int
    phase: str
    record: Record


def is_damage(error: BaseException, at_start: bool = False) -> bool:
    """Tell an error of the file's content from one of the disk."""
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(error, Damaged):
        return True
    if code is None:
        return at_start
    return code & 0xFF in _DAMAGE or code in _BAD_READS or (at_start and code & 0xFF in _DAMAGE_AT_START)


def decode(rows: list[Sequence[object]]) -> tuple[list[Kept], list[str]]:
    """The connections in these rows, and what is wrong with others or with parts of these."""
    kept: dict[str, Kept] = {}
    complaints = []
    for key, phase, text, ended in rows:
        if not (isinstance(key, int) and 0 < key < _LAST_KEY):
            complaints.append(f"row {key!r}: no such key")
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
                complaints.append(f"row {key}, how connection {record.id} ended: {error}")
        if record.id in kept:
            complaints.append(f"row {key}: connection {record.id} is there twice")
            continue
        kept[record.id] = Kept(key, CONNECTING if phase == CONNECTING.encode() else OPEN, record)
    return list(kept.values()), complaints


def scan(database: sqlite3.Connection) -> list[Sequence[object]]:
    """Whatever rows a damaged file still gives away, by key: from both ends, leaping over what cannot be read."""
    found: dict[int, Sequence[object]] = {}
    with suppress(sqlite3.Error):
        database.execute("PRAGMA writable_schema = ON")  # a file that is shorter than it says can be read then
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
                    limit = 1  # sqlite3 reads one row ahead, and lost a good one with the bad
                else:
                    at, leap, limit = at + leap * sign, leap * 2, -1
    return [found[key] for key in sorted(found)]


def carve(path: Path, kept: Sequence[Kept]) -> list[Kept]:
    """Connections in the bytes of the file, and not among those that are `kept`; how they ended is not known.

    Where nothing is kept, SQLite could not open the file, and its log is read too. A connection that was forgotten in
    the last moments may be found again: its backend is told once more.
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
        # As ISO 8859-1 every byte is one character; a row is never longer than a page of SQLite's largest size.
        text = content[match.end() : match.end() + 65536].decode("latin-1")
        with suppress(ValueError, RecursionError, Unreadable):
            _, length = _JSON.raw_decode(text)
            yield decode_record(content[match.start() : match.end() + length])
