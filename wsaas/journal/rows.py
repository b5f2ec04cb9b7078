"""The form of a connection in the journal's file.

Both texts of a row are ASCII: eight hexadecimal digits of CRC-32, then JSON. The checksum is there because SQLite has
none: a bit that flipped on the disk must not become another connection's id or a line break in a header.

    record   [id, connected_at, trace_id, [name, value, name, value, ...]]    header bytes as ISO 8859-1 text
    ended    [cause, code, reason, clean, lost_messages]
"""

from __future__ import annotations

import json
from binascii import crc32
from typing import NamedTuple

from wsaas.core.events import Cause, Closed
from wsaas.core.records import Record

# The `phase` column: whether the backend's answer to the POST was known. `ended` tells whether it is over.
CONNECTING = "connecting"
OPEN = "open"


class Unreadable(Exception):
    """The text is not what was once written."""


class JournalRow(NamedTuple):
    """One row of the file, to be written; None leaves a column as it is (NULL in a new row)."""

    key: int
    phase: str | None
    record: str | None
    ended: str | None


def encode_record(record: Record, keep_authorization: bool) -> str:
    """The `record` column; without the Authorization header unless that is to be kept."""
    headers: list[str] = []
    for name, value in record.repeated:
        if keep_authorization or name.lower() != b"authorization":
            headers += (name.decode("latin-1"), value.decode("latin-1"))
    return _seal(json.dumps((record.id, record.connected_at, record.trace_id, headers)))


def encode_closed(closed: Closed) -> str:
    """The `ended` column."""
    return _seal(json.dumps((closed.cause.value, closed.code, closed.reason, closed.clean, closed.lost_messages)))


def decode_record(record: object) -> Record:
    """Return what `encode_record` was given, from the bytes of the column, without how it ended. Raises Unreadable."""
    try:
        id, connected_at, trace_id, headers = json.loads(_unseal(record))
        texts = [text.encode("latin-1") for text in headers]
        return Record(id, connected_at, tuple(zip(texts[::2], texts[1::2], strict=True)), trace_id)
    except (ValueError, TypeError, AttributeError) as error:
        raise Unreadable(str(error)) from error


def decode_closed(ended: object) -> Closed:
    """Return what `encode_closed` was given, from the bytes of the column. Raises Unreadable."""
    try:
        cause, code, reason, clean, lost_messages = json.loads(_unseal(ended))
        return Closed(Cause(cause), code, reason, clean, lost_messages)
    except (ValueError, TypeError) as error:
        raise Unreadable(str(error)) from error


def _seal(text: str) -> str:
    return f"{crc32(text.encode('ascii')):08x}{text}"


def _unseal(sealed: object) -> bytes:
    if not isinstance(sealed, bytes):
        raise ValueError("no text")
    text = sealed[8:]
    if sealed[:8] != b"%08x" % crc32(text):
        raise ValueError("checksum does not match")
    return text
