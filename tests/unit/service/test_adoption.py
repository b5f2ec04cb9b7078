"""Journals of nobody, real ones: who adopts them, and what comes of their connections."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsaas.core.events import Cause, Closed
from wsaas.core.records import Record
from wsaas.journal.disk import Disk
from wsaas.journal.lock import Lock, is_free
from wsaas.journal.pending_changes import Changes
from wsaas.service.adoption import LOOK_EVERY, Adoption, Heir, orphans, set_aside, worker_directory

COUNT = 2
CLOSED = Closed(Cause.CLIENT, 1001, "bye", clean=True)


def record(name: str, closed: Closed | None = None) -> Record:
    return Record(name * 32, 1.0, ((b"Authorization", b"secret"),), "0" * 32, closed)


class FakeJournal:
    """Notes what it was given; the test says when that is stored."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.closes: dict[str, Closed] = {}
        self.waiting: list[Callable[[bool], None]] = []
        self.forgotten: list[str] = []

    def opened(self, record: Record, stored: Callable[[bool], None]) -> None:
        self.records[record.id] = record
        self.waiting.append(stored)

    def accepted(self, record: Record, stored: Callable[[bool], None]) -> None:
        raise AssertionError

    def closed(self, id: str, closed: Closed) -> None:
        self.closes[id] = closed

    def forget(self, id: str) -> None:
        self.forgotten.append(id)

    def store(self, *safe: bool) -> None:
        waiting, self.waiting = self.waiting, []
        for stored, each in zip(waiting, safe, strict=True):
            stored(each)


class AdoptionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.state_dir = Path(self.mktemp())
        self.journal = FakeJournal()
        self.revived: list[str] = []
        self.taken: list[Path] = []
        self.adoption = Adoption(
            self.clock,  # type: ignore[arg-type]
            self.state_dir,
            COUNT,
            Heir(self.journal, self.revive, self.taken.append),
            keep_authorization=True,
            wall_clock=lambda: 0.0,
        )

    def revive(self, records: Iterable[Record]) -> None:
        self.revived += [record.id[0] for record in records]

    def leave(self, directory: Path, *records: Record) -> Path:
        """A journal with these connections, and no process any more."""
        disk = self.disk(directory)
        changes = Changes()
        for key, each in enumerate(records, 1):
            changes.put(key, each)
        disk.write(changes, probe=False, look=False)
        disk.close()
        return directory

    def disk(self, directory: Path) -> Disk:
        disk = Disk(directory, True, self.clock.seconds, lambda: 0.0)
        disk.open()
        return disk

    def test_adopted(self) -> None:
        """Connections of a worker that is no more are in this one's journal before they are told, with how they ended;
        the old journal is gone then. Those of the workers that there are stay.
        """
        old = self.leave(worker_directory(self.state_dir, 3), record("a"), record("b", CLOSED))
        empty = self.leave(worker_directory(self.state_dir, 4))
        ours = [self.leave(worker_directory(self.state_dir, number), record("c")) for number in (1, 2)]
        self.adoption.look()
        self.assertEqual((self.revived, old.exists(), empty.exists()), ([], True, False))
        self.assertFalse(is_free(old))
        self.journal.store(True, True)
        self.assertEqual((self.revived, old.exists()), (["a", "b"], False))
        self.assertEqual(self.journal.closes, {"b" * 32: CLOSED})
        self.assertEqual(self.journal.records["a" * 32].repeated, ((b"Authorization", b"secret"),))
        self.assertEqual([each.exists() for each in ours], [True, True])
        self.assertEqual(sorted(self.taken), [old, empty])
        self.clock.advance(LOOK_EVERY)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_held(self) -> None:
        """A journal that another process holds is adopted when that is gone."""
        old = self.leave(worker_directory(self.state_dir, 3), record("a"))
        holder = Lock(old)
        holder.acquire()
        self.adoption.look()
        self.clock.advance(LOOK_EVERY)
        self.assertEqual(self.journal.records, {})
        holder.release()
        self.clock.advance(LOOK_EVERY)
        self.journal.store(True)
        self.assertEqual(self.revived, ["a"])

    def test_not_stored(self) -> None:
        """If the journal cannot keep all, the old one stays for the next look, and nobody is told."""
        old = self.leave(worker_directory(self.state_dir, 3), record("a"), record("b"))
        self.adoption.look()
        self.journal.store(True, False)
        self.assertEqual((self.revived, self.journal.forgotten, is_free(old)), ([], ["a" * 32], True))
        self.clock.advance(LOOK_EVERY)
        self.journal.store(True, True)
        self.assertEqual((self.revived, old.exists()), (["a", "b"], False))

    def test_stopped(self) -> None:
        """After a stop nothing is adopted, and what was begun is left as it was."""
        old = self.leave(worker_directory(self.state_dir, 3), record("a"))
        self.adoption.look()
        self.adoption.stop()
        self.journal.store(True)
        self.assertEqual((self.revived, is_free(old)), ([], True))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.disk(old).close()

    def test_unusable(self) -> None:
        """A directory that is none is told of and left alone."""
        self.state_dir.mkdir()
        worker_directory(self.state_dir, 7).write_text("in the way")
        self.adoption.look()
        self.assertEqual(self.journal.records, {})
        self.adoption.stop()

    def test_set_aside(self) -> None:
        """The journal of an only process becomes one that workers adopt; each time it has a place of its own."""
        for name in ("a", "b"):
            self.leave(self.state_dir, record(name))
            (self.state_dir / "cluster.json").touch()
            set_aside(self.state_dir, COUNT, self.clock.seconds, lambda: 0.0)
            self.assertFalse((self.state_dir / "journal.sqlite").exists())
            self.assertFalse((self.state_dir / "cluster.json").exists())
        self.assertEqual(orphans(self.state_dir, COUNT), [worker_directory(self.state_dir, n) for n in (0, 3)])
        self.adoption.look()
        self.journal.store(True, True)
        self.assertEqual(self.revived, ["a", "b"])
        self.leave(self.state_dir)
        set_aside(self.state_dir, COUNT, self.clock.seconds, lambda: 0.0)
        set_aside(self.state_dir, COUNT, self.clock.seconds, lambda: 0.0)
        self.assertEqual(orphans(self.state_dir, COUNT), [])
