"""A directory that is deleted, replaced or taken away under a running gateway: found out, said, and mended."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SkipTest, SynchronousTestCase

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
from wsaas.journal.file import RENEW_INTERVAL, Store
from wsaas.journal.health import MAX_REASONS_LOGGED, RETRY_INTERVAL
from wsaas.journal.lock import JournalLocked
from wsaas.journal.sqlite import CHECK_INTERVAL, SqliteJournal
from wsaas.journal.statements import CHECKPOINT_AFTER, LOG_SIZE
from wsaas.telemetry.log_limit import INTERVAL

NAME = "journal.sqlite"
COUNT = 30


class DisplacedCase(SynchronousTestCase):
    """A journal with 30 connections that live, and time and thread in the test's hand."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).resolve()
        self.reactor = ThreadlessReactor()
        self.queue = ManualJobQueue()
        self.connections = FakeConnections(prefix="0" * 8)
        self.journal = self.make()
        self.journal.start(self.connections)
        self.records = [self.open(number) for number in range(COUNT)]
        self.turns(1)
        self.answers: list[bool] = []

    def make(self) -> SqliteJournal:
        return SqliteJournal(
            self.reactor, self.directory, keep_authorization=True, wall_clock=time.time, queue=self.queue
        )

    def open(self, number: int) -> Record:
        record = connection(number)
        self.connections.live[record.id] = record
        self.journal.opened(record, nobody)
        return record

    def turns(self, seconds: float) -> None:
        """Let time pass, with all that follows from it."""
        self.reactor.pump([seconds] + [0] * 6)

    def newcomer(self, number: int = 500) -> bool:
        """Return the journal's answer to a new connection."""
        answers: list[bool] = []
        self.journal.opened(connection(number), answers.append)
        self.turns(0.01)
        (answer,) = answers
        return answer

    def stop(self) -> None:
        stopped = self.journal.stop()
        self.turns(0)
        self.successResultOf(stopped)

    def killed(self) -> list[Record]:
        """Return the connections that a start would find if the process died now; the file must be intact."""
        copy = Path(self.mktemp())
        shutil.copytree(self.directory, copy)
        records = previous_life(copy)
        self.assertEqual(len(list(copy.glob("*damaged*"))), len(self.aside()))
        return records

    def aside(self) -> list[str]:
        return [file.name for file in self.directory.iterdir() if "damaged" in file.name]

    def found_out(self, harm: Callable[[], object]) -> dict[str, Any]:
        """Do harm; the next look says so, and in the same moment all is well again. Returns the error."""
        self.turns(INTERVAL)
        with capturedLogs() as logs:
            harm()
            self.turns(CHECK_INTERVAL)
        self.assertTrue(self.journal.healthy)
        error, done, *more = [event for event in logs if event["log_level"] in (LogLevel.error, LogLevel.warn)]
        self.assertEqual((error["log_level"], done["log_level"], more), (LogLevel.error, LogLevel.warn, []), logs)
        self.assertEqual((error["directory"], done["count"]), (str(self.directory), COUNT))
        self.assertEqual(self.killed(), self.records)
        return error


class HarmTests(DisplacedCase):
    """Each kind of harm, after which all connections are in the directory again."""

    def test_nothing(self) -> None:
        """Nothing is wrong with a directory that nobody else works on, however much is written to it."""
        with capturedLogs() as logs:
            for turn in range(40):
                for record in self.records:
                    self.journal.accepted(replace(record, repeated=((b"X", b"%d" % turn * 2000),)), nobody)
                self.turns(CHECK_INTERVAL)
        self.assertEqual(list(logs), [])
        self.assertGreater(
            (self.directory / NAME).stat().st_size, 100_000, "some of it has gone from the log to the file"
        )

    def test_deleted(self) -> None:
        """The directory is deleted."""
        error = self.found_out(lambda: shutil.rmtree(self.directory))
        self.assertIn("journal.lock is gone", error["reason"])
        self.assertEqual(self.directory.stat().st_mode & 0o777, 0o700)
        self.assertTrue(self.newcomer())

    def test_moved_away(self) -> None:
        """The directory is moved away; a gateway that is started where it is now is refused while this one lives."""
        elsewhere = Path(self.mktemp())
        self.found_out(lambda: self.directory.rename(elsewhere))
        self.assertRaises(JournalLocked, previous_life, elsewhere)
        self.stop()
        self.assertEqual(previous_life(elsewhere), self.records)

    def test_moved_away_and_back(self) -> None:
        """The directory is moved back over the one that was made in its place."""
        elsewhere = Path(self.mktemp())
        self.found_out(lambda: self.directory.rename(elsewhere))

        def back() -> None:
            shutil.rmtree(self.directory)
            elsewhere.rename(self.directory)

        self.found_out(back)
        self.assertRaises(JournalLocked, previous_life, self.directory)

    def test_deleted_many_times(self) -> None:
        """However often the directory is deleted, no file stays open for it."""

        def open_files() -> int:
            """Descriptors of files that are or were in the directory; those of other tests come and go."""
            names = []
            for descriptor in Path("/proc/self/fd").iterdir():
                with contextlib.suppress(OSError):  # the one that lists them
                    names.append(str(descriptor.readlink()))
            return sum(name.startswith(str(self.directory.absolute())) for name in names)

        self.found_out(lambda: shutil.rmtree(self.directory))
        before = open_files()
        self.assertGreater(before, 0)
        for _ in range(5):
            self.found_out(lambda: shutil.rmtree(self.directory))
        self.assertEqual(open_files(), before)

    def test_replaced(self) -> None:
        """Another directory stands where it was: a copy of an hour ago, say."""
        copy = Path(self.mktemp())
        shutil.copytree(self.directory, copy)

        def replaced() -> None:
            shutil.rmtree(self.directory)
            copy.rename(self.directory)

        self.assertIn("is another file", self.found_out(replaced)["reason"])

    def test_file_gone(self) -> None:
        """Each of its files is deleted."""
        for name in ("journal.lock", f"{NAME}-wal"):
            error = self.found_out((self.directory / name).unlink)
            self.assertIn(f"{name} is gone", error["reason"])
            self.assertEqual(self.aside(), [])

    def test_file_gone_beside_its_log(self) -> None:
        """The file is deleted and its log is not: that is kept aside, as at a start."""
        with capturedLogs() as logs:
            (self.directory / NAME).unlink()
            self.turns(CHECK_INTERVAL)
        self.assertIn(f"{NAME} is gone", next(event["reason"] for event in logs if "reason" in event))
        self.assertTrue(self.journal.healthy)
        self.assertEqual((self.killed(), len(self.aside())), (self.records, 1))

    def test_file_replaced(self) -> None:
        """Each of its files is replaced by another one."""
        for name in ("journal.lock", NAME, f"{NAME}-wal"):
            copy = self.directory / "copy"

            def replaced(copy: Path = copy, name: str = name) -> None:
                shutil.copy(self.directory / name, copy)
                copy.rename(self.directory / name)

            self.assertIn(f"{name} is another file", self.found_out(replaced)["reason"])

    def test_file_cut(self) -> None:
        """A file is cut to nothing, or somewhere, in place."""
        for name, length in ((NAME, 0), (NAME, 100), (NAME, 4096), (f"{NAME}-wal", 0), (f"{NAME}-wal", 5000)):
            store = self.journal._disk.store
            assert store.database is not None
            store._checkpoint(store.database)
            for record in self.records:
                self.journal.accepted(record, nobody)
            self.turns(CHECK_INTERVAL)
            self.assertGreater((self.directory / name).stat().st_size, length)
            with capturedLogs() as logs:
                os.truncate(self.directory / name, length)
                self.turns(CHECK_INTERVAL)
            self.assertIn(name, next(event["reason"] for event in logs if "reason" in event))
            self.assertTrue(self.journal.healthy)
            self.assertEqual(self.killed(), self.records, (name, length))
            self.turns(RENEW_INTERVAL)

    def test_file_overwritten(self) -> None:
        """A backup is copied over the file in place; connections in it that nobody here knows are told."""
        other = Path(self.mktemp())
        stranger = replace(connection(7), id="stranger" + "7" * 24)
        reactor = ThreadlessReactor()
        journal = SqliteJournal(reactor, other, keep_authorization=True, wall_clock=time.time, queue=ManualJobQueue())
        journal.start(FakeConnections())
        journal.opened(stranger, nobody)
        stopped = journal.stop()
        reactor.pump([0] * 4)
        self.successResultOf(stopped)
        with capturedLogs() as logs:
            (self.directory / NAME).write_bytes((other / NAME).read_bytes())
            self.turns(CHECK_INTERVAL)
        self.assertIn("changed by another program", next(event["reason"] for event in logs if "reason" in event))
        self.assertTrue(self.journal.healthy)
        self.assertLessEqual(set(self.records), set(self.killed()))

    def test_log_that_sqlite_cuts(self) -> None:
        """SQLite's own cutting of its log is no harm."""
        big = replace(self.records[0], repeated=((b"X", b"x" * 20_000),))
        with capturedLogs() as logs:
            for _ in range(3 * CHECKPOINT_AFTER * 4096 // 20_000):
                self.journal.accepted(big, nobody)
                self.turns(CHECK_INTERVAL / 10)
        self.assertEqual(list(logs), [])
        self.assertLessEqual((self.directory / f"{NAME}-wal").stat().st_size, 2 * LOG_SIZE)

    def test_permissions(self) -> None:
        """The gateway may no longer write to its directory, or not even see what is in it."""
        access = os.access

        def refusing(path: Path, *_: object, **__: object) -> bool:
            return path != self.directory

        self.patch(os, "access", refusing)
        with capturedLogs() as logs:
            self.turns(CHECK_INTERVAL)
        self.patch(os, "access", access)
        self.assertIn("may no longer write", next(event["reason"] for event in logs if "reason" in event))

    def test_read_only(self) -> None:
        """The file system becomes read-only, and then writable again."""
        here = str(self.directory)
        with capturedLogs() as logs:
            self.mount("--bind", here, here)
            self.addCleanup(subprocess.run, ["umount", "-l", here], stderr=subprocess.DEVNULL, check=False)
            self.mount("-o", "remount,bind,ro", here)
            self.turns(CHECK_INTERVAL)
            self.assertFalse(self.journal.healthy)
            self.assertFalse(self.newcomer())
            subprocess.run(["umount", "-l", here], check=True)
            self.turns(RETRY_INTERVAL)
        self.assertTrue(self.journal.healthy)
        self.assertEqual([event["log_level"] for event in logs].count(LogLevel.warn), 1)
        self.assertEqual(self.killed(), self.records)

    def test_unmounted(self) -> None:
        """The file system is unmounted, and mounted again."""
        self.on_a_file_system_of_its_own()
        self.found_out(lambda: subprocess.run(["umount", "-l", str(self.directory.parent)], check=True))

    def on_a_file_system_of_its_own(self) -> None:
        """Start anew on one that the test may mount and unmount."""
        self.stop()
        place = Path(self.mktemp()).resolve()
        place.mkdir()
        self.mount("-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place))
        self.addCleanup(subprocess.run, ["umount", "-l", str(place)], stderr=subprocess.DEVNULL, check=False)
        self.directory = place / "state"
        self.connections.live.clear()
        self.journal = self.make()
        self.journal.start(self.connections)
        self.records = [self.open(number) for number in range(COUNT)]
        self.turns(1)

    def mount(self, *arguments: str) -> None:
        if os.geteuid() != 0 or subprocess.run(["mount", *arguments], stderr=subprocess.DEVNULL).returncode:
            raise SkipTest("may not mount a file system")


class WaitTests(DisplacedCase):
    """A directory that cannot be had for a while: a file stands in its place."""

    def lose(self) -> None:
        shutil.rmtree(self.directory)
        self.directory.write_text("in the way")
        self.turns(CHECK_INTERVAL)

    def find(self) -> None:
        self.directory.unlink()
        self.turns(RETRY_INTERVAL)

    def test_not_ready(self) -> None:
        """As long as it lasts the journal is not healthy, and new connections are told so."""
        self.lose()
        self.assertFalse(self.journal.healthy)
        self.assertFalse(self.newcomer())
        self.find()
        self.assertTrue(self.journal.healthy)
        self.assertTrue(self.newcomer(501))
        self.assertEqual(self.killed(), [*self.records, connection(501)])

    def test_meanwhile(self) -> None:
        """The new file has the changes of live connections in the meantime, and no connection that has ended."""
        first, second, third, *rest = self.records
        grown = replace(first, repeated=((b"X-Room", b"7"),))
        self.lose()
        answers: list[bool] = []
        self.journal.accepted(grown, answers.append)
        self.connections.live[first.id] = grown
        self.journal.closed(second.id, BYE)
        self.connections.live[second.id] = replace(second, closed=BYE)
        self.journal.forget(third.id)
        del self.connections.live[third.id]
        self.turns(RETRY_INTERVAL)
        self.assertEqual(answers, [False])
        self.find()
        self.assertEqual(self.killed(), [grown, replace(second, closed=BYE), *rest])

    def test_while_it_is_written(self) -> None:
        """Changes during the writing of the new file follow it."""
        first, second, *rest = self.records
        shutil.rmtree(self.directory)
        self.queue.hold = True
        self.turns(CHECK_INTERVAL)
        for _ in range(2):  # the look, and the lock with what is in the directory
            self.queue.work()
            self.turns(0)
        self.assertEqual(len(self.queue.jobs), 1)
        self.journal.forget(first.id)
        self.journal.closed(second.id, BYE)
        self.journal.opened(connection(501), self.answers.append)
        self.queue.hold = False
        self.queue.work()
        self.turns(1)
        self.assertEqual(self.answers, [True])
        self.assertEqual(self.killed(), [replace(second, closed=BYE), *rest, connection(501)])

    def test_said_once(self) -> None:
        """The log says once that the directory is lost, once each why it cannot be had, and once that all is well."""
        with capturedLogs() as logs:
            self.lose()
            for _ in range(20):
                self.newcomer()
                self.turns(RETRY_INTERVAL)
            for number in range(3 * MAX_REASONS_LOGGED):
                self.journal._health.failed(RuntimeError(str(number)))
            self.turns(INTERVAL)
            self.find()
        levels = [event["log_level"] for event in logs]
        self.assertEqual(levels, [LogLevel.error] * (1 + MAX_REASONS_LOGGED) + [LogLevel.warn])
        self.assertIn("File exists", logs[1]["reason"])
        self.turns(INTERVAL)
        with capturedLogs() as logs:
            for _ in range(5):
                self.lose()
                self.find()
        self.assertEqual([event["log_level"] for event in logs], [LogLevel.error, LogLevel.error, LogLevel.warn] * 2)

    def test_tried_once_a_second(self) -> None:
        """The journal tries once a second, however many connections come."""
        self.lose()
        self.queue.hold = True
        jobs = 0
        for _ in range(100):
            self.journal.opened(connection(500), nobody)
            self.turns(RETRY_INTERVAL / 10)
            jobs += len(self.queue.jobs)
            self.queue.work()
        self.assertLessEqual(jobs, 10)

    def test_hanging_disk(self) -> None:
        """A disk that hangs gets one look, not one every few seconds."""
        self.queue.hold = True
        for _ in range(10):
            self.turns(CHECK_INTERVAL)
        self.assertEqual(len(self.queue.jobs), 1)
        self.queue.hold = False
        self.queue.work()
        self.turns(0)
        self.assertTrue(self.journal.healthy)

    def test_busy(self) -> None:
        """A look that is due while the thread works is not left out: the next batch has it."""
        self.queue.hold = True
        self.journal.closed(self.records[0].id, BYE)
        self.turns(1)
        shutil.rmtree(self.directory)
        self.turns(CHECK_INTERVAL)
        self.journal.closed(self.records[1].id, BYE)
        self.queue.work()
        self.turns(0.01)
        self.queue.work()
        self.turns(0)
        self.assertFalse(self.journal.healthy)

    def test_failed_write(self) -> None:
        """A write that fails has its reason looked for at once."""
        database = self.journal._disk.store.database
        assert database is not None
        shutil.rmtree(self.directory)
        database.execute("PRAGMA max_page_count = 1")
        with capturedLogs() as logs:
            for number in range(100, 300):
                self.journal.opened(connection(number), nobody)
            self.turns(0.01)
        self.assertIn("journal.lock is gone", next(event["reason"] for event in logs if "reason" in event))
        self.assertEqual(self.killed(), self.records)

    def test_stop(self) -> None:
        """A stop tries once more, and says what it means if that fails."""
        self.lose()
        with capturedLogs() as logs:
            self.stop()
        self.assertIn((LogLevel.error, COUNT), [(event["log_level"], event.get("count")) for event in logs])

    def test_stop_that_succeeds(self) -> None:
        """If the directory can be had again at the stop, all are in it."""
        self.lose()
        self.directory.unlink()
        self.stop()
        self.assertEqual(previous_life(self.directory), self.records)

    def test_stop_meanwhile(self) -> None:
        """A stop that comes while the new file is being written waits for it."""
        shutil.rmtree(self.directory)
        self.queue.hold = True
        self.turns(CHECK_INTERVAL)
        self.queue.work()
        self.turns(0)
        self.assertFalse(self.journal.healthy)
        stopped = self.journal.stop()
        self.queue.hold = False
        self.queue.work()
        self.turns(0)
        self.successResultOf(stopped)
        self.assertEqual(previous_life(self.directory), self.records)


class OtherGatewayTests(DisplacedCase):
    """Another gateway has taken the directory meanwhile."""

    def setUp(self) -> None:
        super().setUp()
        shutil.rmtree(self.directory)
        self.stranger = replace(connection(7), id="stranger" + "7" * 24)
        self.other_reactor = ThreadlessReactor()
        self.other = SqliteJournal(
            self.other_reactor, self.directory, keep_authorization=True, wall_clock=time.time, queue=ManualJobQueue()
        )
        self.other.start(FakeConnections(self.stranger))
        self.other.opened(self.stranger, nobody)
        self.other_reactor.pump([1, 0])
        with capturedLogs() as logs:
            self.turns(CHECK_INTERVAL)
        self.logs = logs

    def end_the_other(self) -> None:
        stopped = self.other.stop()
        self.other_reactor.pump([0] * 4)
        self.successResultOf(stopped)

    def test_never_stolen(self) -> None:
        """The directory is left to the other one, whose journal stays as it is; the log says which process that is."""
        for _ in range(5):
            self.turns(RETRY_INTERVAL)
        self.assertFalse(self.journal.healthy)
        self.assertIn(f"in use by another gateway (pid {os.getpid()})", self.logs[1]["reason"])
        self.other_reactor.pump([CHECK_INTERVAL, 0])
        self.assertTrue(self.other.healthy)
        self.end_the_other()
        self.assertEqual(previous_life(self.directory), [self.stranger])

    def test_when_it_ends(self) -> None:
        """When the other ends, its connections are told by this one, and are in the journal beside those who live."""
        self.end_the_other()
        self.turns(RETRY_INTERVAL)
        self.assertTrue(self.journal.healthy)
        self.assertEqual(self.connections.revived, [self.stranger])
        self.assertEqual(self.killed(), [*self.records, self.stranger])
        self.journal.forget(self.stranger.id)
        self.turns(1)
        self.assertEqual(self.killed(), self.records)

    def test_stop_when_it_ends(self) -> None:
        """At a stop nobody is told any more: that is left to the next start."""
        self.end_the_other()
        self.stop()
        self.assertEqual(self.connections.revived, [])
        self.assertEqual(previous_life(self.directory), [*self.records, self.stranger])

    def test_own_leftovers(self) -> None:
        """Connections of this process that are over are not told again, if their rows turn up in the directory."""
        over = [connection(number) for number in range(900, 1000)]
        self.end_the_other()
        other = SqliteJournal(
            self.other_reactor, self.directory, keep_authorization=True, wall_clock=time.time, queue=ManualJobQueue()
        )
        other.start(FakeConnections())
        for record in over:
            other.opened(record, nobody)
        stopped = other.stop()
        self.other_reactor.pump([0] * 4)
        self.successResultOf(stopped)
        self.turns(RETRY_INTERVAL)
        self.assertEqual(self.connections.revived, [self.stranger])
        self.assertEqual(self.killed(), [*self.records, self.stranger])

    def test_no_room_for_it(self) -> None:
        """A disk that is full just then is waited for; nobody is there twice afterwards, and none is told twice."""
        self.end_the_other()
        full = sqlite3.OperationalError("database or disk is full")
        full.sqlite_errorcode = sqlite3.SQLITE_FULL
        with patch.object(Store, "_write", side_effect=full):
            for _ in range(3):
                self.turns(RETRY_INTERVAL)
        self.assertFalse(self.journal.healthy)
        self.journal.forget(self.records[0].id)
        del self.connections.live[self.records[0].id]
        self.turns(RETRY_INTERVAL)
        self.assertTrue(self.journal.healthy)
        self.turns(1)
        self.assertEqual(self.connections.revived, [self.stranger])
        self.assertEqual(self.killed(), [*self.records[1:], self.stranger])
        self.assertEqual(self.aside(), [])

    def test_holder_of_the_lock_only(self) -> None:
        """A lock is enough to keep this one out: the file stays open until it can be had."""
        self.end_the_other()
        lock = os.open(self.directory / "journal.lock", os.O_RDWR)
        self.addCleanup(os.close, lock)
        fcntl.flock(lock, fcntl.LOCK_EX)
        self.turns(RETRY_INTERVAL)
        self.assertFalse(self.journal.healthy)
        self.assertIsNotNone(self.journal._disk.store.database)
