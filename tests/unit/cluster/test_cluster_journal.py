"""The journal of a node: a connection is stored once the disk and the engine have it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from wsaas.cluster.cluster_journal import ClusterJournal
from wsaas.core.events import Cause, Closed
from wsaas.core.records import Record
from wsaas.journal.rows import encode_record

CLOSED = Closed(Cause.CLIENT, 1000, "", clean=True)
RECORD = Record("x" * 32, 1.0, (), "0" * 32)


class Side:
    """The disk's side, or the engine's."""

    healthy = True
    size = 7

    def __init__(self) -> None:
        self.stored: list[Callable[[bool], None]] = []
        self.said: list[tuple[Any, ...]] = []
        self.texts: list[str | None] = []
        self.connections: Any = None

    def start(self, connections: Any) -> list[Record]:
        return [RECORD]

    def stop(self) -> Deferred[None]:
        self.said.append(("stop",))
        return succeed(None)

    def opened(self, record: Record, stored: Callable[[bool], None], text: str | None = None) -> None:
        self.stored.append(stored)
        self.texts.append(text)

    accepted = put = opened

    def closed(self, id: str, closed: Closed) -> None:
        self.said.append(("closed", id, closed))

    def forget(self, id: str) -> None:
        self.said.append(("forget", id))

    def remove(self, id: str) -> bool:
        self.said.append(("forget", id))
        return id.startswith("Q")


class ClusterJournalTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.disk, self.copy, self.speaks = Side(), Side(), True
        self.journal = self.make(self.disk)
        self.heard: list[bool] = []

    def make(self, disk: Any) -> ClusterJournal:
        journal = ClusterJournal(disk, lambda: self.speaks, keep_authorization=False)
        copy: Any = self.copy
        journal.copy = copy
        return journal

    def test_both(self) -> None:
        """It is stored when both have it, whichever is first; not if one has it not."""
        for call in (self.journal.opened, self.journal.accepted):
            for first, second in ((self.disk, self.copy), (self.copy, self.disk)):
                for one in (True, False):
                    for two in (True, False):
                        call(RECORD, self.heard.append)
                        first.stored.pop()(one)
                        self.assertEqual(self.heard, [])
                        second.stored.pop()(two)
                        self.assertEqual(self.heard.pop(), one and two)

    def test_encoded_once(self) -> None:
        """A row is encoded once for both, without the Authorization value if that is not to be kept; the engine alone
        is given the record.
        """
        record = Record("x" * 32, 1.0, ((b"Authorization", b"secret"), (b"X-Tenant", b"acme")), "0" * 32)
        for call in (self.journal.opened, self.journal.accepted):
            call(record, self.heard.append)
            (text,), (same,) = self.disk.texts, self.copy.texts
            self.assertIs(text, same)
            self.assertEqual(text, encode_record(record, keep_authorization=False))
            self.disk.texts.clear()
            self.copy.texts.clear()
        self.make(None).opened(record, self.heard.append)
        self.assertEqual(self.copy.texts, [None])

    def test_no_disk(self) -> None:
        """With STATE_DIR=none the engine alone says."""
        journal = self.make(None)
        for call in (journal.opened, journal.accepted):
            call(RECORD, self.heard.append)
            self.copy.stored.pop()(True)
            self.assertEqual(self.heard.pop(), True)
        journal.closed(RECORD.id, CLOSED)
        journal.forget(RECORD.id)
        self.assertEqual((journal.start(self), journal.healthy), ([], True))  # type: ignore[arg-type]

    def test_no_right(self) -> None:
        """Without the right to speak nobody is let in."""
        self.speaks = False
        self.journal.opened(RECORD, self.heard.append)
        self.assertEqual((self.heard, self.disk.stored, self.copy.stored), ([False], [], []))

    def test_passed_on(self) -> None:
        """Ends and last words go to both; the last word of a claimed process is told to those that count."""
        forgotten: list[str] = []
        self.journal.forgotten = forgotten.append
        self.journal.closed(RECORD.id, CLOSED)
        self.journal.forget(RECORD.id)
        for side in (self.disk, self.copy):
            self.assertEqual(side.said, [("closed", RECORD.id, CLOSED), ("forget", RECORD.id)])
        self.assertEqual(forgotten, [])
        self.journal.forget("Q" * 32)
        self.assertEqual(forgotten, ["Q" * 32])
        self.successResultOf(self.journal.stop())
        self.assertEqual((self.disk.said[-1], self.copy.said[-1]), (("stop",), ("stop",)))

    def test_disowned(self) -> None:
        """What another process tells of is forgotten on the disk only: the engine's rows are that process's."""
        self.journal.disown([RECORD.id])
        self.assertEqual((self.disk.said, self.copy.said), ([("forget", RECORD.id)], []))

    def test_earlier(self) -> None:
        """What an earlier process has left is told by nobody before the engine is asked."""
        self.assertEqual(self.journal.start(self), [])  # type: ignore[arg-type]
        self.assertEqual(self.journal.earlier, [RECORD])
        self.assertEqual((self.journal.size, self.make(None).size), (7, 0))
        self.disk.healthy = False
        self.assertFalse(self.journal.healthy)
