"""The journal that survives: what is written when, and who is told. Time and the disk move by hand."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from tests.support.journal_fakes import (
    BYE,
    FakeConnections,
    ManualJobQueue,
    ThreadlessReactor,
    connection,
    nobody,
    previous_life,
)
from wsaas.core.records import Record
from wsaas.journal.file import Store
from wsaas.journal.rows import encode_record
from wsaas.journal.sqlite import RETRY_INTERVAL, SqliteJournal

DELAY = 0.005
FULL = sqlite3.OperationalError("database or disk is full")
FULL.sqlite_errorcode = sqlite3.SQLITE_FULL


class JournalCase(SynchronousTestCase):
    """A journal that is started on an empty directory, and `answers`: what its `stored` calls said, by connection."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.reactor = ThreadlessReactor()
        self.queue = ManualJobQueue()
        self.journal = self.make()
        self.journal.start(FakeConnections())
        self.answers: list[tuple[int, bool]] = []

    def make(self, keep_authorization: bool = True, **more: Any) -> SqliteJournal:
        return SqliteJournal(
            self.reactor,
            self.directory,
            keep_authorization=keep_authorization,
            wall_clock=time.time,
            batch_delay=DELAY,
            queue=self.queue,
            **more,
        )

    def open(self, number: int) -> Record:
        record = connection(number)
        self.journal.opened(record, lambda safe: self.answers.append((number, safe)))
        return record

    def flush(self) -> None:
        self.reactor.advance(DELAY)
        self.reactor.advance(0)

    def timers(self) -> list[IDelayedCall]:
        """The journal's timers but for the one that is always there, of the next look at the directory."""
        return [timer for timer in self.reactor.getDelayedCalls() if timer is not self.journal._looking]

    def stop(self) -> None:
        stopped = self.journal.stop()
        while self.reactor.getDelayedCalls() and not stopped.called:
            self.reactor.advance(0)
        self.successResultOf(stopped)

    def restart(self) -> list[Record]:
        """Stop this gateway, and return the connections that the next one finds."""
        self.stop()
        return previous_life(self.directory)


class LifeTests(JournalCase):
    def test_clock(self) -> None:
        """The double is a clock as Twisted has it."""
        self.assertTrue(verifyObject(IReactorTime, self.reactor))

    def test_opened(self) -> None:
        """A connection is safe after the commit, not before, and the next life hears of it with every header byte."""
        self.queue.hold = True
        record = self.open(1)
        self.flush()
        self.assertEqual(self.answers, [])
        self.queue.work()
        self.assertEqual(self.answers, [])
        self.reactor.advance(0)
        self.assertEqual(self.answers, [(1, True)])
        self.queue.hold = False
        self.assertEqual(self.restart(), [record])

    def test_together(self) -> None:
        """All calls of one batch are made as one work, and none where there is none to make."""
        works: list[int] = []

        def together(work: Callable[[], object]) -> None:
            before = len(self.answers)
            work()
            works.append(len(self.answers) - before)

        self.stop()
        self.directory = Path(self.mktemp())
        self.queue = ManualJobQueue()
        self.journal = self.make(together=together)
        self.journal.start(FakeConnections())
        for number in range(3):
            self.open(number)
        self.flush()
        self.assertEqual((works, self.answers), ([3], [(0, True), (1, True), (2, True)]))
        self.journal.forget(connection(1).id)
        self.flush()
        self.assertEqual(works, [3])

    def test_accepted(self) -> None:
        """The repeated headers that the backend's answer added survive a crash."""
        record = self.open(1)
        self.flush()
        grown = replace(record, repeated=(*record.repeated, (b"X-Room", b"7")))
        self.journal.accepted(grown, nobody)
        self.assertEqual(self.restart(), [grown])

    def test_accepted_is_safe(self) -> None:
        """A connection accepted with headers gets `stored` when these are committed, not before."""
        record = self.open(1)
        self.flush()
        self.queue.hold = True
        answers: list[bool] = []
        self.journal.accepted(record, answers.append)
        self.flush()
        self.assertEqual(answers, [])
        self.queue.work()
        self.assertEqual(answers, [])
        self.reactor.advance(0)
        self.assertEqual(answers, [True])
        self.queue.hold = False

    def test_closed(self) -> None:
        """The end of a connection survives a crash; the last report of it counts."""
        record = self.open(1)
        self.flush()
        self.journal.closed(record.id, replace(BYE, lost_messages=0))
        self.flush()
        self.journal.closed(record.id, BYE)
        self.assertEqual(self.restart(), [replace(record, closed=BYE)])

    def test_closed_before_accepted(self) -> None:
        """A client that left during the POST: the answer does not undo how it ended."""
        record = self.open(1)
        self.flush()
        self.journal.closed(record.id, BYE)
        self.flush()
        self.journal.accepted(record, nobody)
        self.assertEqual(self.restart(), [replace(record, closed=BYE)])

    def test_forgotten(self) -> None:
        """A forgotten connection is deleted, and no other."""
        first, second = self.open(1), self.open(2)
        self.flush()
        self.journal.forget(first.id)
        self.assertEqual(self.restart(), [second])

    def test_whole_life_in_one_batch(self) -> None:
        """Opened, accepted and closed between two batches is one row with all of it."""
        record = self.open(1)
        self.journal.accepted(record, nobody)
        self.journal.closed(record.id, BYE)
        self.flush()
        self.assertEqual(self.answers, [(1, True)])
        self.assertEqual(self.restart(), [replace(record, closed=BYE)])

    def test_came_and_went(self) -> None:
        """A connection that is forgotten before it was written is never written; `stored` is called all the same."""
        written: list[object] = []
        self.patch(Store, "write", lambda _, *what: written.append(what))
        record = self.open(1)
        self.journal.accepted(record, nobody)
        self.journal.closed(record.id, BYE)
        self.journal.forget(record.id)
        self.flush()
        self.assertEqual(written, [([], (), False)])
        self.assertEqual(self.answers, [(1, True)])

    def test_forgotten_while_written(self) -> None:
        """A connection that is forgotten while its row is on the way to the disk does not stay there."""
        self.queue.hold = True
        record = self.open(1)
        self.flush()
        self.journal.forget(record.id)
        self.queue.hold = False
        self.queue.work()
        self.flush()
        self.assertEqual(self.restart(), [])

    def test_unknown(self) -> None:
        """A change of a connection that the journal does not know leaves nothing behind."""
        answers: list[bool] = []
        self.journal.accepted(connection(1), answers.append)
        self.reactor.advance(0)
        self.assertEqual(answers, [False])
        self.journal.closed(connection(1).id, BYE)
        self.journal.forget(connection(1).id)
        self.assertEqual(self.timers(), [])
        self.assertEqual(self.restart(), [])

    def test_second_life(self) -> None:
        """A connection of the previous life stays until it is forgotten, beside those of this one."""
        first, second = self.open(1), self.open(2)
        self.stop()
        self.journal = self.make()
        self.assertEqual(self.journal.start(FakeConnections()), [first, second])
        third = self.open(3)
        self.journal.closed(first.id, BYE)
        self.journal.forget(second.id)
        self.assertEqual(self.restart(), [replace(first, closed=BYE), third])

    def test_authorization(self) -> None:
        """Without keep_authorization, no Authorization value ever touches the disk."""
        self.stop()
        self.journal = self.make(keep_authorization=False)
        self.journal.start(FakeConnections())
        record = self.open(1)
        self.flush()
        self.journal.accepted(record, nobody)
        self.flush()
        for file in self.directory.iterdir():
            self.assertNotIn(b"Bearer", file.read_bytes())
        self.assertEqual(self.restart(), [replace(record, repeated=((b"X-User", b"1"),))])

    def test_forgotten_is_overwritten(self) -> None:
        """After a stop, the Authorization value of a forgotten connection is in no file."""
        records = [self.open(number) for number in range(200)]
        self.flush()
        self.assertIn(b"Bearer", b"".join(file.read_bytes() for file in self.directory.iterdir()))
        for record in records:
            self.journal.forget(record.id)
        self.stop()
        for file in self.directory.iterdir():
            self.assertNotIn(b"Bearer", file.read_bytes())

    def test_modes(self) -> None:
        """The directory is its owner's alone, and so is every file in it, whatever the umask."""
        self.stop()
        self.addCleanup(os.umask, os.umask(0o022))
        self.directory = Path(self.mktemp())
        self.journal = self.make()
        self.journal.start(FakeConnections())
        self.open(1)
        self.flush()
        self.assertEqual(self.directory.stat().st_mode & 0o777, 0o700)
        self.assertEqual(
            {file.name: file.stat().st_mode & 0o777 for file in self.directory.iterdir()},
            {"journal.lock": 0o600, "journal.sqlite": 0o600, "journal.sqlite-wal": 0o600},
        )
        (self.directory / "journal.sqlite").chmod(0o644)
        self.restart()
        self.assertEqual((self.directory / "journal.sqlite").stat().st_mode & 0o777, 0o600)

    def test_start_says_what_it_found(self) -> None:
        """The start logs how many connections were there, and how many of them were closed."""
        for number in range(6):
            self.open(number)
        self.flush()
        for number in range(3):
            self.journal.accepted(connection(number), nobody)
        self.journal.closed(connection(0).id, BYE)
        self.stop()
        with capturedLogs() as logs:
            previous_life(self.directory)
        [event] = [event for event in logs if "closed" in event]
        self.assertEqual((event["open"], event["closed"]), (5, 1))

    def test_start_without_an_earlier_life(self) -> None:
        """A start that found nothing says nothing of an earlier life."""
        self.stop()
        with capturedLogs() as logs:
            previous_life(self.directory)
        self.assertEqual([event["log_format"] for event in logs], ["journal in {directory}"])


class BatchTests(JournalCase):
    def setUp(self) -> None:
        super().setUp()
        self.batches: list[tuple[list[object], tuple[int, ...]]] = []
        write = Store.write

        def noted(store: Store, rows: list[object], forgotten: tuple[int, ...], probe: bool = False) -> None:
            self.batches.append((rows, forgotten))
            write(store, rows, forgotten, probe)  # type: ignore[arg-type]

        self.patch(Store, "write", noted)

    def test_one_transaction(self) -> None:
        """Everything of one delay goes to the disk together, with one timer; answers keep the order of the calls."""
        for number in range(300):
            self.open(number)
        self.assertEqual(len(self.timers()), 1)
        self.flush()
        self.assertEqual([len(rows) for rows, _ in self.batches], [300])
        self.assertEqual(self.answers, [(number, True) for number in range(300)])
        self.assertEqual(len(self.restart()), 300)

    def test_known_text(self) -> None:
        """A record that is encoded already is written as it is: it is not encoded again."""
        record, other = connection(1), connection(2)
        self.journal.opened(record, nobody, encode_record(other, True))
        self.flush()
        self.journal.accepted(record, nobody, encode_record(record, True))
        self.flush()
        written = [rows[0].record for rows, _ in self.batches]  # type: ignore[attr-defined]
        self.assertEqual(written, [encode_record(each, True) for each in (other, record)])

    def test_one_timer(self) -> None:
        """However much is said of connections within a delay, there is one timer."""
        for number in range(4):
            self.open(number)
        self.flush()
        for number in range(4):
            self.journal.accepted(connection(number), nobody)
            self.journal.closed(connection(number).id, BYE)
            self.journal.forget(connection(number).id)
            self.assertEqual(len(self.timers()), 1)

    def test_one_at_a_time(self) -> None:
        """While a batch is on its way, what happens gathers, and is one batch when it has arrived."""
        self.queue.hold = True
        self.open(1)
        self.flush()
        for number in (2, 3):
            self.open(number)
            self.flush()
        self.assertEqual(len(self.queue.jobs), 1)
        self.queue.work()
        self.reactor.advance(0)
        self.assertEqual(self.answers, [(1, True)])
        self.assertEqual(len(self.queue.jobs), 1)
        self.queue.hold = False
        self.queue.work()
        self.reactor.advance(0)
        self.assertEqual(self.answers, [(1, True), (2, True), (3, True)])
        self.assertEqual([len(rows) for rows, _ in self.batches], [1, 2])

    def test_stored_that_raises(self) -> None:
        """A `stored` that fails is logged and keeps nobody else from being told."""

        def stored(safe: bool) -> None:
            raise ValueError("a bug elsewhere")

        self.journal.opened(connection(1), stored)
        self.open(2)
        self.flush()
        self.assertEqual(self.answers, [(2, True)])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_stored_that_goes_on(self) -> None:
        """A `stored` may open, change and forget connections."""

        def stored(safe: bool) -> None:
            self.journal.accepted(connection(1), nobody)
            self.open(2)
            self.journal.forget(connection(1).id)

        self.journal.opened(connection(1), stored)
        self.flush()
        self.flush()
        self.assertEqual(self.answers, [(2, True)])
        self.assertEqual(self.restart(), [connection(2)])

    def test_idle(self) -> None:
        """A journal to which nothing happens does nothing."""
        self.open(1)
        self.flush()
        self.assertEqual(self.timers(), [])
        self.assertEqual(self.queue.jobs, type(self.queue.jobs)())


class StopTests(JournalCase):
    def test_flushes(self) -> None:
        """Changes before the stop are written, also those made while the last batch was on its way."""
        self.queue.hold = True
        self.open(1)
        self.flush()
        self.open(2)
        stopped = self.journal.stop()
        self.open(3)
        self.queue.hold = False
        self.queue.work()
        self.reactor.pump([0] * 4)
        self.successResultOf(stopped)
        self.assertTrue(self.queue.stopped)
        self.assertEqual(self.answers, [(1, True), (2, True), (3, True)])
        self.assertEqual(previous_life(self.directory), [connection(1), connection(2), connection(3)])

    def test_tidy(self) -> None:
        """After a stop no log file is left, no timer runs, and the directory is free."""
        self.open(1)
        self.stop()
        self.assertEqual(self.timers(), [])
        self.assertEqual({file.name for file in self.directory.iterdir()}, {"journal.lock", "journal.sqlite"})
        self.assertEqual(self.restart(), [connection(1)])

    def test_late_calls(self) -> None:
        """After the stop nothing is kept and a new connection is told so; while it closes likewise."""
        self.queue.hold = True
        stopped = self.journal.stop()
        self.open(1)
        self.reactor.advance(DELAY)
        self.queue.work()
        self.reactor.advance(0)
        self.successResultOf(stopped)
        self.assertEqual(self.answers, [(1, False)])
        self.open(2)
        self.flush()
        self.assertEqual(self.answers, [(1, False), (2, False)])
        self.assertEqual(previous_life(self.directory), [])

    def test_timer_at_the_end(self) -> None:
        """A timer that was set while the file was closing does not outlive it."""
        self.queue.hold = True
        stopped = self.journal.stop()
        self.open(1)
        self.queue.work()
        self.reactor.advance(0)
        self.successResultOf(stopped)
        self.assertEqual(self.timers(), [])
        self.assertEqual(self.answers, [(1, False)])

    def test_twice(self) -> None:
        """A second stop, and one before the start, have nothing to wait for."""
        self.stop()
        self.assertIsNone(self.successResultOf(self.journal.stop()))
        self.assertIsNone(self.successResultOf(self.make().stop()))


class FullTests(JournalCase):
    def setUp(self) -> None:
        super().setUp()
        self.old = [self.open(number) for number in (1, 2, 3)]
        self.flush()
        self.answers.clear()
        self.disk = patch.object(Store, "_write", side_effect=FULL)
        self.attempts = self.disk.start()
        self.addCleanup(patch.stopall)

    def recover(self) -> None:
        self.disk.stop()
        self.reactor.advance(RETRY_INTERVAL)
        self.reactor.advance(0)

    def test_new_connections(self) -> None:
        """While the disk is full new connections are told so, and nothing of them is ever written."""
        self.open(4)
        self.flush()
        self.open(5)
        self.flush()
        self.assertEqual(self.answers, [(4, False), (5, False)])
        self.assertFalse(self.journal.healthy)
        self.recover()
        self.assertTrue(self.journal.healthy)
        self.open(6)
        self.flush()
        self.assertEqual(self.answers[-1], (6, True))
        self.assertEqual(self.restart(), [*self.old, connection(6)])

    def test_live_connections(self) -> None:
        """Changes of live connections in the meantime are written when the disk takes writes again."""
        grown = replace(self.old[0], repeated=((b"X-Room", b"7"),))
        self.journal.accepted(grown, nobody)
        self.flush()
        self.journal.closed(self.old[1].id, BYE)
        self.journal.forget(self.old[2].id)
        self.flush()
        self.recover()
        self.assertEqual(self.restart(), [grown, replace(self.old[1], closed=BYE)])

    def test_headers(self) -> None:
        """A connection accepted with headers in the meantime hears that they are not safe; they are written later."""
        grown = replace(self.old[0], repeated=((b"X-Room", b"7"),))
        answers: list[bool] = []
        self.journal.accepted(grown, answers.append)
        self.flush()
        self.journal.accepted(self.old[1], answers.append)
        self.flush()
        self.assertEqual(answers, [False, False])
        self.recover()
        self.assertEqual((self.restart(), answers), ([grown, *self.old[1:]], [False, False]))

    def test_later_changes_win(self) -> None:
        """A change after a failed batch wins over the batch."""
        self.queue.hold = True
        for record in self.old:
            self.journal.accepted(record, nobody)
            self.journal.closed(record.id, BYE)
        self.flush()
        grown = replace(self.old[0], repeated=((b"X-Room", b"7"),))
        self.journal.accepted(grown, nobody)
        later = replace(BYE, lost_messages=9)
        self.journal.closed(self.old[1].id, later)
        self.journal.forget(self.old[2].id)
        self.queue.hold = False
        self.queue.work()
        self.reactor.advance(0)
        changes = self.journal._pending.gathered
        self.assertEqual(changes.deletions & (changes.upserts.keys() | changes.endings.keys()), set())
        self.recover()
        self.assertEqual(self.restart(), [replace(grown, closed=BYE), replace(self.old[1], closed=later)])

    def test_forgotten_later(self) -> None:
        """A row that could not be forgotten is forgotten later, also one whose change waited."""
        self.journal.accepted(self.old[0], nobody)
        self.flush()
        for record in self.old:
            self.journal.forget(record.id)
        self.flush()
        self.recover()
        self.assertEqual(self.restart(), [])

    def test_bounded(self) -> None:
        """Connections that come, are refused and are forgotten leave nothing in memory, however many."""
        for number in range(100, 400):
            record = self.open(number)
            self.flush()
            self.journal.forget(record.id)
            self.open(number + 1000)
            self.journal.forget(connection(number + 1000).id)
            self.flush()
        self.assertFalse(self.journal._pending.gathered)
        self.assertEqual(set(self.journal._pending.keys), {record.id for record in self.old})

    def test_forgotten_while_failing(self) -> None:
        """A connection that goes while its own batch fails leaves nothing to be done."""
        self.queue.hold = True
        record = self.open(4)
        self.flush()
        self.journal.accepted(record, nobody)
        self.journal.forget(record.id)
        self.open(5)
        self.queue.work()
        self.reactor.advance(0)
        self.assertEqual(self.answers, [(4, False), (5, False)])
        self.assertFalse(self.journal._pending.gathered)

    def test_no_hammering(self) -> None:
        """The disk is tried once a second, however many connections come."""
        for number in range(100, 200):
            self.open(number)
            self.flush()
        self.assertEqual(len(self.answers), 100)
        self.assertEqual(self.attempts.call_count, 1)
        self.reactor.advance(RETRY_INTERVAL)
        self.reactor.advance(0)
        self.assertEqual(self.attempts.call_count, 2)

    def test_told_once(self) -> None:
        """The log says once that writing fails, with directory and reason, and once that it works again."""
        with capturedLogs() as logs:
            for number in range(100, 110):
                self.open(number)
                self.flush()
                self.reactor.advance(RETRY_INTERVAL)
                self.reactor.advance(0)
            self.recover()
        failing, recovered = [event for event in logs if "log_format" in event]
        self.assertEqual(failing["log_level"], LogLevel.error)
        self.assertEqual((failing["directory"], failing["reason"]), (str(self.directory), str(FULL)))
        self.assertEqual(recovered["log_level"], LogLevel.warn)
        self.assertTrue(self.journal.healthy)

    def test_flapping(self) -> None:
        """A disk that is full every other second is two lines in ten seconds, which say how many were left out."""
        with capturedLogs() as logs:
            for number in range(100, 112):
                self.open(number)
                self.flush()
                self.recover()
                self.disk.start()
        shown = [event["left_out"] for event in logs if "left_out" in event]
        self.assertEqual(shown[:2], [0, 0])
        self.assertLessEqual(len(shown), 4)

    def test_opened_while_trying(self) -> None:
        """A connection that comes while the disk is tried is answered when the try is over."""
        self.open(4)
        self.flush()
        for works in (False, True):
            self.answers.clear()
            if works:
                self.disk.stop()
            self.queue.hold = True
            self.reactor.advance(RETRY_INTERVAL)
            self.open(5)
            self.flush()
            self.assertEqual(self.answers, [])
            self.queue.hold = False
            self.queue.work()
            self.reactor.pump([0] * 3)
            self.assertEqual(self.answers, [(5, works)])

    def test_any_error(self) -> None:
        """No error in the thread, of whatever kind, stops the journal for good."""
        self.attempts.side_effect = RuntimeError("surprise")
        self.open(4)
        self.flush()
        self.assertEqual(self.answers, [(4, False)])
        self.recover()
        self.assertTrue(self.journal.healthy)

    def test_stop(self) -> None:
        """A stop tries once more, then ends all the same and says what may be repeated."""
        self.open(4)
        self.flush()
        self.journal.forget(self.old[0].id)
        self.flush()
        attempts = self.attempts.call_count
        with capturedLogs() as logs:
            self.stop()
        self.assertEqual(self.attempts.call_count, attempts + 1)
        self.assertEqual([event["count"] for event in logs if "count" in event], [1])
        self.disk.stop()
        self.assertEqual(previous_life(self.directory), self.old)

    def test_stop_that_succeeds(self) -> None:
        """If the disk has room again at the stop, everything is written."""
        self.open(4)
        self.flush()
        self.journal.forget(self.old[0].id)
        self.disk.stop()
        self.assertEqual(self.restart(), self.old[1:])


class RealFullTests(JournalCase):
    """SQLite's own idea of full: a limit on the pages of the file."""

    def limit(self, pages: int) -> None:
        database = self.journal._disk.store.database
        assert database is not None
        database.execute(f"PRAGMA max_page_count = {pages}")

    def test_full(self) -> None:
        """A file that must not grow refuses new connections, forgets old ones, and takes new ones when it may again."""
        old = [self.open(number) for number in range(40)]
        self.flush()
        self.limit(1)  # SQLite takes the size that it has
        for number in range(100, 200):
            self.open(number)
            self.flush()
        self.assertGreater([safe for _, safe in self.answers].count(False), 50)
        self.assertFalse(self.journal.healthy)
        kept = [number for number, safe in self.answers if safe and number >= 100]
        for record in old:
            self.journal.forget(record.id)
        self.reactor.advance(RETRY_INTERVAL)
        self.reactor.advance(0)
        self.assertFalse(self.journal.healthy)  # the probe wants more room than that
        self.limit(10_000)
        self.reactor.advance(RETRY_INTERVAL)
        self.reactor.advance(0)
        self.assertTrue(self.journal.healthy)
        self.open(500)
        self.flush()
        self.assertEqual(self.restart(), [connection(number) for number in [*kept, 500]])


class ThreadTests(TestCase):
    """The real reactor and the real thread."""

    async def test_life(self) -> None:
        """Under the real reactor, connections are stored from another thread and all is there after a stop."""
        from twisted.internet import reactor

        directory = Path(self.mktemp())
        journal = SqliteJournal(reactor, directory, keep_authorization=True, wall_clock=time.time)  # type: ignore[arg-type]
        self.assertEqual(journal.start(FakeConnections()), [])
        for number in range(500):
            stored: Deferred[bool] = Deferred()
            journal.opened(connection(number), stored.callback)
            if number % 50 == 0:
                self.assertTrue(await stored)
            if number % 2:
                journal.forget(connection(number).id)
        await journal.stop()
        self.assertEqual(previous_life(directory), [connection(number) for number in range(0, 500, 2)])
