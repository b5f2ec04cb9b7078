"""The fields of a process's rows in the engine: what they are called, and what is in them.

id[8:]        the record      (journal/rows.py)
id[8:] + "."  its end, once it has ended
"""

from __future__ import annotations

from collections.abc import Iterable

from wsaas.core.events import Closed
from wsaas.core.ids import PREFIX_LENGTH
from wsaas.core.records import Record
from wsaas.journal.rows import encode_closed, encode_record

Change = Record | Closed | None
"""The new content of a field; None to remove it."""


def encode_change(change: Record | Closed, keep_authorization: bool) -> str:
    """Return the content of a field."""
    return encode_closed(change) if isinstance(change, Closed) else encode_record(change, keep_authorization)


def fields_of(own: str, records: Iterable[Record]) -> Iterable[tuple[str, Change]]:
    """Return the fields of the connections of this process."""
    for record in records:
        if record.id.startswith(own):
            field = record.id[PREFIX_LENGTH:]
            yield field, record
            if record.closed is not None:
                yield f"{field}.", record.closed
