"""What has to be done to the journal's file."""

from __future__ import annotations

from collections.abc import Callable

from wsaas.core.model import Closed, Record
from wsaas.journal.rows import JournalRow, encode_closed, encode_record

Stored = Callable[[bool], None]


class Changes:
    """What is to be done to the file, by key; `waiting` are new connections whose POST waits for it.

    A key stands in `puts` and `ends`, or in `forgotten`, never in both. Bound: one entry per connection that lives, or
    whose row is in the file.
    """

    __slots__ = ("ends", "forgotten", "puts", "waiting")

    def __init__(self) -> None:
        self.puts: dict[int, tuple[str, Record]] = {}
        self.ends: dict[int, Closed] = {}
        self.forgotten: set[int] = set()
        self.waiting: dict[int, Stored] = {}

    def __bool__(self) -> bool:
        return bool(self.puts or self.ends or self.forgotten or self.waiting)

    def rows(self, keep_authorization: bool) -> list[JournalRow]:
        """What is to be written, encoded."""
        ends = {key: encode_closed(closed) for key, closed in self.ends.items()}
        rows = [
            JournalRow(key, phase, encode_record(record, keep_authorization), ends.pop(key, None))
            for key, (phase, record) in self.puts.items()
        ]
        rows += [JournalRow(key, None, None, ended) for key, ended in ends.items()]
        return rows

    def told(self) -> list[Stored]:
        """Who waits, in order; from now on nobody does."""
        waiting = list(self.waiting.values())
        self.waiting.clear()
        return waiting

    def behind(self, later: Changes) -> None:
        """Add these changes to `later` ones, which win."""
        for key, put in self.puts.items():
            if key not in later.forgotten:
                later.puts.setdefault(key, put)
        for key, closed in self.ends.items():
            if key not in later.forgotten:
                later.ends.setdefault(key, closed)
        later.forgotten |= self.forgotten
