"""The fields of a process's rows in the engine: what they are called, and what is in them.

id[8:]        the record      (journal/rows.py)
id[8:] + "."  its end, once it has ended
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

from wsaas.core.events import Closed
from wsaas.core.ids import PREFIX_LENGTH
from wsaas.core.records import Record
from wsaas.journal.rows import encode_closed, encode_record

Change = str | Record | Closed | None
"""The new content of a field, encoded or not; None to remove it, that of a record with the record's end."""


def words_of(changes: Mapping[str, Change], keep_authorization: bool) -> tuple[list[str], list[str]]:
    """Return the fields that get a content, each with that behind it, and those that are removed."""
    puts: list[str] = []
    removals: list[str] = []
    for field, change in changes.items():
        if change is None:
            removals.append(field)
            if field[-1] != ".":
                removals.append(field + ".")
        elif isinstance(change, str):
            puts += (field, change)
        elif isinstance(change, Closed):
            puts += (field, encode_closed(change))
        else:
            puts += (field, encode_record(change, keep_authorization))
    return puts, removals


def fields_of(own: str, records: Iterable[Record]) -> Iterable[tuple[str, Change]]:
    """Return the fields of the connections of this process."""
    for record in records:
        if record.id.startswith(own):
            field = record.id[PREFIX_LENGTH:]
            yield field, record
            if record.closed is not None:
                yield f"{field}.", record.closed


def differences(own: str, records: Iterable[Record], there: Set[str], everything: bool) -> dict[str, Change]:
    """Return what is to be changed where these fields are, so that the rows are those of the connections of this
    process; with `everything` their contents, too.
    """
    wanted = dict(fields_of(own, records))
    changes = {field: change for field, change in wanted.items() if everything or field not in there}
    return changes | dict.fromkeys(there - wanted.keys())
