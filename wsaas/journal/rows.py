"""The format of a connection in the journal's file.

Both texts of a row are ASCII: eight hexadecimal digits of CRC-32, then JSON. SQLite has no checksums; without one, a
bit that flips on the disk could become another connection's id or a line break in a header.

    record   [id, connected_at, trace_id, [name, value, name, value, ...]]    header bytes as ISO 8859-1 text
    ended    [cause, code, reason, clean, lost_messages, at]               at: when the client was gone, or null
"""

from __future__ import annotations

import json
from binascii import crc32
from json.encoder import encode_basestring_ascii as quoted
from typing import NamedTuple

from wsaas.core.events import Cause, Closed
from wsaas.core.records import Record

# Values of the `phase` column: CONNECTING until the backend has answered the POST, OPEN afterwards. A connection that
# has ended has a text in `ended`.
CONNECTING = "connecting"
OPEN = "open"


_CAUSES = {cause: quoted(cause.value) for cause in Cause}


class Unreadable(Exception):
    """The text differs from the one that was written."""


class JournalRow(NamedTuple):
    """One row to be written. None leaves a column unchanged; in a new row it is NULL."""

    key: int
    phase: str | None
    record: str | None
    ended: str | None


def encode_record(record: Record, keep_authorization: bool) -> str:
    """Return the text of the `record` column, with the Authorization header only if that is to be kept."""
    # As json.dumps writes all four, at half the cost.
    more = "[]"
    if record.repeated:
        headers: list[str] = []
        for name, value in record.repeated:
            if keep_authorization or name.lower() != b"authorization":
                headers += (name.decode("latin-1"), value.decode("latin-1"))
        more = json.dumps(headers)
    return _seal(f"[{quoted(record.id)}, {record.connected_at!r}, {quoted(record.trace_id)}, {more}]")


def encode_closed(closed: Closed) -> str:
    """Return the text of the `ended` column."""
    # As json.dumps writes all six, at a quarter of the cost.
    clean, at = "true" if closed.clean else "false", "null" if closed.at is None else repr(closed.at)
    cause, reason = _CAUSES[closed.cause], quoted(closed.reason)
    return _seal(f"[{cause}, {closed.code}, {reason}, {clean}, {closed.lost_messages}, {at}]")


def decode_record(record: object) -> Record:
    """Return the record from the bytes of the `record` column, without its end. Raises Unreadable."""
    try:
        id, connected_at, trace_id, headers = json.loads(_unseal(record))
        texts = [text.encode("latin-1") for text in headers]
        return Record(id, connected_at, tuple(zip(texts[::2], texts[1::2], strict=True)), trace_id)
    except (ValueError, TypeError, AttributeError) as error:
        raise Unreadable(str(error)) from error


def decode_closed(ended: object) -> Closed:
    """Return the end of a connection from the bytes of the `ended` column. Raises Unreadable."""
    try:
        cause, code, reason, clean, lost_messages, *at = json.loads(_unseal(ended))
        return Closed(Cause(cause), code, reason, clean, lost_messages, *at)  # without `at`: of an earlier release
    except (ValueError, TypeError) as error:
        raise Unreadable(str(error)) from error


def _seal(text: str) -> str:
    return f"{crc32(text.encode('ascii')):08x}{text}"


def _unseal(sealed: object) -> bytes:
    if not isinstance(sealed, bytes):
        raise ValueError("not a text")
    text = sealed[8:]
    if sealed[:8] != b"%08x" % crc32(text):
        raise ValueError("checksum does not match")
    return text
