"""One gateway per directory."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.support.journal_fakes import FakeConnections, ManualJobQueue, ThreadlessReactor, previous_life
from wsaas.journal.lock import JournalLocked, JournalUnusable
from wsaas.journal.sqlite import SqliteJournal


def journal_in(directory: Path) -> tuple[SqliteJournal, ThreadlessReactor]:
    reactor = ThreadlessReactor()
    return SqliteJournal(
        reactor, directory, keep_authorization=True, wall_clock=time.time, queue=ManualJobQueue()
    ), reactor


class LockTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())

    def test_second_gateway(self) -> None:
        """A second gateway on one directory is refused, and hears which directory, which process, and what to do."""
        first, reactor = journal_in(self.directory)
        first.start(FakeConnections())
        second, _ = journal_in(self.directory)
        message = str(self.assertRaises(JournalLocked, second.start, FakeConnections()))
        self.assertIn(str(self.directory), message)
        self.assertIn(f"(pid {os.getpid()})", message)
        self.assertIn("STATE_DIR of its own", message)
        self.successResultOf(self.stopped(first, reactor))

    def stopped(self, journal: SqliteJournal, reactor: ThreadlessReactor) -> Deferred[None]:
        stopped = journal.stop()
        reactor.advance(0)
        return stopped

    def test_holder_unknown(self) -> None:
        """A holder whose pid found no room on the disk is still a holder."""
        first, reactor = journal_in(self.directory)
        first.start(FakeConnections())
        os.truncate(self.directory / "journal.lock", 0)
        message = str(self.assertRaises(JournalLocked, journal_in(self.directory)[0].start, FakeConnections()))
        self.assertNotIn("pid", message)
        self.successResultOf(self.stopped(first, reactor))

    def test_free_again(self) -> None:
        """After a stop the directory is free, and a lock file left behind by a dead process is no lock."""
        self.directory.mkdir()
        (self.directory / "journal.lock").write_text("4242\n")
        self.assertEqual(previous_life(self.directory), [])
        self.assertEqual(previous_life(self.directory), [])

    def test_no_directory(self) -> None:
        """A STATE_DIR that cannot be a directory is named with the reason and a way out."""
        self.directory.write_text("a file")
        message = str(self.assertRaises(JournalUnusable, journal_in(self.directory)[0].start, FakeConnections()))
        self.assertIn(str(self.directory), message)
        self.assertIn("STATE_DIR=none", message)

    def test_no_locks(self) -> None:
        """A file system without locks is named as the reason."""

        def flock(*_: object) -> None:
            raise OSError(errno.ENOLCK, "No locks available")

        self.patch(fcntl, "flock", flock)
        message = str(self.assertRaises(JournalUnusable, journal_in(self.directory)[0].start, FakeConnections()))
        self.assertIn("No locks available", message)

    def test_unusable_is_unlocked(self) -> None:
        """A start that fails for another reason does not keep the directory locked."""
        (self.directory / "journal.sqlite" / "a directory").mkdir(parents=True)
        for _ in range(2):
            error = self.assertRaises(JournalUnusable, journal_in(self.directory)[0].start, FakeConnections())
            self.assertNotIsInstance(error, JournalLocked)
