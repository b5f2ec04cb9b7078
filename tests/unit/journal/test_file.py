"""Damaged files: whatever happened to the bytes, the gateway starts, and hears of what can be read."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from tests.support.journal_fakes import (
    BYE,
    FakeConnections,
    ManualJobQueue,
    ThreadlessReactor,
    connection,
    nobody,
    previous_life,
)
from tests.support.properties import rounds
from wsaas.core.records import Record
from wsaas.journal import file as store
from wsaas.journal.lock import JournalUnusable
from wsaas.journal.sqlite import RETRY_INTERVAL, SqliteJournal

NAME = "journal.sqlite"
COUNT = 120
PAGE = 4096


def by_id(record: Record) -> str:
    return record.id


MOMENT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC).timestamp()


class DamageCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(store, "SETTINGS", (*store.SETTINGS, "PRAGMA synchronous = OFF"))  # hundreds of starts: no fsync
        self.originals = [connection(number) for number in range(COUNT)]
        self.alive = set(self.originals)
        self.originals[7] = replace(self.originals[7], closed=BYE)
        self.directory = Path(self.mktemp())
        reactor, journal = self.journal()
        journal.start(FakeConnections())
        for record in self.originals[: COUNT // 2]:
            journal.opened(record, lambda safe: None)
        journal.closed(self.originals[7].id, BYE)
        self.finish(reactor, journal)
        reactor, journal = self.journal()
        journal.start(FakeConnections())
        for record in self.originals[COUNT // 2 :]:
            journal.opened(record, lambda safe: None)
        reactor.advance(1)
        # As kill -9 leaves it: the second half is in the log only.
        self.crashed = Path(self.mktemp())
        shutil.copytree(self.directory, self.crashed)
        self.finish(reactor, journal)

    def journal(self) -> tuple[ThreadlessReactor, SqliteJournal]:
        reactor = ThreadlessReactor()
        return reactor, SqliteJournal(
            reactor, self.directory, keep_authorization=True, wall_clock=lambda: MOMENT, queue=ManualJobQueue()
        )

    def finish(self, reactor: ThreadlessReactor, journal: SqliteJournal) -> None:
        stopped = journal.stop()
        reactor.pump([0] * 4)
        self.successResultOf(stopped)

    def damaged(self, source: Path, name: str, content: bytes) -> Path:
        """A copy of `source` in which one file has another content."""
        shutil.rmtree(self.directory, ignore_errors=True)
        shutil.copytree(source, self.directory)
        (self.directory / name).write_bytes(content)
        return self.directory

    def survives(self) -> list[Record]:
        """Start on the damaged directory: nothing is made up, the journal works, and keeps what it returned."""
        reactor, journal = self.journal()
        records = journal.start(FakeConnections())
        self.assertLessEqual({replace(record, closed=None) for record in records}, self.alive)
        self.assertLessEqual({record.closed for record in records}, {None, BYE})
        answers: list[bool] = []
        journal.opened(connection(999), answers.append)
        if records:
            journal.forget(records[0].id)
        reactor.advance(1)
        reactor.advance(0)
        self.assertEqual(answers, [True])
        self.assertTrue(journal.healthy)
        self.finish(reactor, journal)
        later = previous_life(self.directory)
        self.assertEqual(sorted(later, key=by_id), sorted([*records[1:], connection(999)], key=by_id))
        return records

    def aside(self) -> list[str]:
        return sorted(file.name for file in self.directory.iterdir() if "damaged" in file.name)


class DamageTests(DamageCase):
    def test_whole(self) -> None:
        """Nothing is damaged: everything comes back, from the file and from the log, and nothing is moved aside."""
        self.assertEqual(previous_life(self.crashed), self.originals)
        self.assertEqual(previous_life(self.directory), self.originals)
        self.assertEqual(self.aside(), [])

    def test_named_after_the_moment(self) -> None:
        """The damaged file is named after the date and time of day, not after the clock that counts seconds."""
        self.damaged(self.crashed, NAME, b"x" * PAGE)
        self.survives()
        self.assertEqual(self.aside(), [f"{NAME}.damaged-20261123T100000Z"])

    def test_truncated(self) -> None:
        """A file that was cut anywhere is no reason not to start."""
        content = (self.directory / NAME).read_bytes()
        whole = Path(self.mktemp())
        shutil.copytree(self.directory, whole)
        for length in [*range(0, len(content), 1499), 1, 15, 16, 99, 100, PAGE - 1, PAGE, len(content) - 1]:
            self.damaged(whole, NAME, content[:length])
            whole_rows = content[: length // PAGE * PAGE].count(b"Bearer")
            self.assertGreaterEqual(len(self.survives()), whole_rows)
            if length > 1:  # SQLite takes a single byte for an empty file
                self.assertEqual(len(self.aside()), 1, length)

    def test_lost_beside_its_log(self) -> None:
        """When the file is gone, empty or not SQLite's any more, what its log holds comes back."""
        for content in (b"", b"\0" * PAGE):
            self.damaged(self.crashed, NAME, content)
            self.assertGreaterEqual(len(self.survives()), COUNT // 2)
        self.damaged(self.crashed, NAME, b"")
        (self.directory / NAME).unlink()
        self.assertGreaterEqual(len(self.survives()), COUNT // 2)

    def test_truncated_log(self) -> None:
        """A log that was cut anywhere costs at most what was in it."""
        content = (self.crashed / f"{NAME}-wal").read_bytes()
        for length in [*range(0, len(content), 2999), 1, 31, 32, 33, len(content) - 1]:
            self.damaged(self.crashed, f"{NAME}-wal", content[:length])
            self.assertGreaterEqual(len(self.survives()), COUNT // 2)

    def test_flipped_bits(self) -> None:
        """Bits that flipped anywhere cost no more than is unreadable for it, and never become another connection."""
        choose = random.Random(3)
        whole = Path(self.mktemp())
        shutil.copytree(self.directory, whole)
        for source, name in ((whole, NAME), (self.crashed, NAME), (self.crashed, f"{NAME}-wal")):
            content = (source / name).read_bytes()
            for position in [*range(0, 100, 20), *(choose.randrange(len(content)) for _ in range(rounds(6)))]:
                flipped = bytearray(content)
                flipped[position] ^= 1 << choose.randrange(8)
                self.damaged(source, name, bytes(flipped))
                self.survives()

    def test_header_bytes(self) -> None:
        """Any byte of SQLite's own header and of its schema's page may be wrong: no connection is lost for it."""
        content = (self.directory / NAME).read_bytes()
        whole = Path(self.mktemp())
        shutil.copytree(self.directory, whole)
        for position in sorted(random.Random(5).sample(range(108), min(108, rounds(20)))):
            self.damaged(whole, NAME, content[:position] + b"\xa5" + content[position + 1 :])
            self.assertEqual(len(self.survives()), COUNT, position)

    def test_page_lost(self) -> None:
        """A page of rubbish costs the rows that were on it; those before and behind come back."""
        content = (self.directory / NAME).read_bytes()
        whole = Path(self.mktemp())
        shutil.copytree(self.directory, whole)
        leaves = [
            at
            for at in range(2 * PAGE, len(content), PAGE)
            if content[at] == 13 and b"Bearer" in content[at : at + PAGE]
        ]
        self.assertGreater(len(leaves), 4)
        for at in leaves:
            rows = content[at : at + PAGE].count(b"Bearer")
            self.damaged(whole, NAME, content[:at] + os.urandom(PAGE) + content[at + PAGE :])
            self.assertGreaterEqual(len(self.survives()), COUNT - rows)
            self.assertEqual(len(self.aside()), 1)

    def test_many_rows(self) -> None:
        """Of many rows that cannot be read ten are told one by one, the others by their number."""
        content = (self.directory / NAME).read_bytes()
        self.damaged(self.directory_copy(), NAME, content.replace(b"Bearer", b"Bexrer"))
        with capturedLogs() as logs:
            self.survives()
        warnings = [event for event in logs if event["log_format"].startswith("not readable")]
        self.assertEqual(len(warnings), store.MAX_ROW_WARNINGS + 1)
        self.assertGreater(warnings[-1]["left_out"], 50)

    def test_one_row(self) -> None:
        """A single row that cannot be read is skipped with a warning, without its content; the file is kept aside."""
        content = (self.directory / NAME).read_bytes()
        self.damaged(self.directory_copy(), NAME, content.replace(b'-33"', b'-34"', 1))
        with capturedLogs() as logs:
            records = self.survives()
        self.assertEqual(records, self.originals[:33] + self.originals[34:])
        [warning] = [event for event in logs if "complaint" in event and event["log_level"] is LogLevel.warn]
        self.assertIn("checksum", warning["complaint"])
        [error] = [event for event in logs if event["log_level"] is LogLevel.error]
        self.assertEqual(error["count"], COUNT - 1)
        self.assertNotIn("Bearer", repr(logs))
        [name] = self.aside()
        self.assertEqual(os.path.basename(error["aside"]), name)
        self.assertEqual((self.directory / name).stat().st_mode & 0o777, 0o600)

    def directory_copy(self) -> Path:
        copy = Path(self.mktemp())
        shutil.copytree(self.directory, copy)
        return copy

    def test_ending_unreadable(self) -> None:
        """A connection whose end cannot be read comes back as one of which the end is not known."""
        content = (self.directory / NAME).read_bytes()
        self.damaged(self.directory_copy(), NAME, content.replace(b"going away", b"going astr", 1))
        records = self.survives()
        self.assertEqual(records, [replace(record, closed=None) for record in self.originals])

    def test_rubbish(self) -> None:
        """A file that never was a journal is moved aside, twice within a second too."""
        for times in (1, 2):
            (self.directory / NAME).write_bytes(b"no database at all" * 1000)
            self.assertEqual(previous_life(self.directory), [])
            self.assertEqual(len(self.aside()), times)

    def sql(self, *statements: str) -> None:
        database = sqlite3.connect(self.directory / NAME)
        for statement in statements:
            database.execute(statement)
        database.commit()
        database.close()

    def test_newer_version(self) -> None:
        """A file of an unknown version is moved aside with an error; its connections are read if they can be."""
        self.sql("ALTER TABLE connections ADD COLUMN more TEXT", "PRAGMA user_version = 2")
        with capturedLogs() as logs:
            self.assertEqual(self.survives(), self.originals)
        [error] = [event for event in logs if event["log_level"] is LogLevel.error]
        self.assertIn("version is 2", error["reason"])
        self.assertEqual(len(self.aside()), 1)

    def test_other_tables(self) -> None:
        """A database of something else is moved aside."""
        self.sql("DROP TABLE connections", "CREATE TABLE connections (name TEXT)")
        self.assertEqual(self.survives(), [])
        self.sql("DROP TABLE connections", "PRAGMA user_version = 0", "CREATE TABLE people (name TEXT)")
        self.assertEqual(self.survives(), [])
        self.assertEqual(len(self.aside()), 2)

    def test_impossible_keys(self) -> None:
        """Rows that this gateway would never write, and a connection that is there twice, come back at most once."""
        self.sql(
            "INSERT INTO connections SELECT 9000, phase, record, ended FROM connections WHERE key = 1",
            "INSERT INTO connections SELECT 9223372036854775807, phase, record, ended FROM connections WHERE key = 1",
            "INSERT INTO connections SELECT -5, phase, record, ended FROM connections WHERE key = 1",
            "INSERT INTO connections (key) VALUES (9001)",
        )
        self.assertEqual(self.survives(), self.originals)

    def test_twice(self) -> None:
        """A connection that is there twice comes back once, and once forgotten does not come back."""
        self.sql("INSERT INTO connections SELECT 9000, phase, record, ended FROM connections WHERE key = 1")
        self.assertEqual(self.survives(), self.originals)

    def test_in_use(self) -> None:
        """A file that another program holds is not damaged: the start is refused, and the file left alone."""
        other = sqlite3.connect(self.directory / NAME, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        message = str(self.assertRaises(JournalUnusable, previous_life, self.directory))
        self.assertIn("locked", message)
        other.execute("ROLLBACK")
        other.close()
        self.assertEqual(previous_life(self.directory), self.originals)
        self.assertEqual(self.aside(), [])


class DamageWhileRunningTests(DamageCase):
    def test_repaired(self) -> None:
        """Damage that shows while the gateway runs loses nobody: a new file has all connections that live. Who comes in
        that moment is turned away."""
        reactor, journal = self.journal()
        connections = FakeConnections()
        records = journal.start(connections)
        connections.live = {record.id: record for record in records}
        database = journal._disk.store.database
        assert database is not None
        database.execute("DROP TABLE connections")
        database.execute("CREATE TABLE connections (key INTEGER PRIMARY KEY, phase TEXT, record TEXT)")
        answers: list[bool] = []
        journal.opened(connection(999), answers.append)
        journal.forget(records[0].id)
        del connections.live[records[0].id]
        with capturedLogs() as logs:
            reactor.pump([1] + [0] * 4)
        self.assertEqual(answers, [False])
        self.assertTrue(journal.healthy)
        self.assertIn(LogLevel.error, [event["log_level"] for event in logs])
        journal.opened(connection(1000), answers.append)
        reactor.pump([1, 0])
        self.assertEqual(answers, [False, True])
        self.finish(reactor, journal)
        self.assertEqual(previous_life(self.directory), [*records[1:], connection(1000)])
        self.assertEqual(len(self.aside()), 1)
        self.assertEqual(connections.revived, [])

    def test_page_lost(self) -> None:
        """A page that turns to rubbish under a running gateway costs nobody."""
        reactor, journal = self.journal()
        journal.start(FakeConnections(*self.originals))
        database = journal._disk.store.database
        assert database is not None
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.execute("PRAGMA shrink_memory")
        content = (self.directory / NAME).read_bytes()
        at = [at for at in range(2 * PAGE, len(content), PAGE) if b"Bearer" in content[at : at + PAGE]][3]
        with open(self.directory / NAME, "r+b") as file:
            file.seek(at)
            file.write(b"\xff" * PAGE)
        for record in self.originals:
            journal.accepted(record, nobody)
        reactor.pump([1] + [0] * 4)
        self.assertTrue(journal.healthy)
        self.finish(reactor, journal)
        self.assertEqual(previous_life(self.directory), self.originals)
        self.assertEqual(len(self.aside()), 1)

    def test_again_and_again(self) -> None:
        """A disk on which nothing stays whole is not filled with damaged files."""

        def write(this: store.Store, *_: object) -> None:
            this.database or this._connect()
            error = sqlite3.DatabaseError("database disk image is malformed")
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error

        reactor, journal = self.journal()
        journal.start(FakeConnections())
        journal._disk.store.close()
        self.patch(store.Store, "_write", write)
        answers: list[bool] = []
        with capturedLogs() as logs:
            for times in (1, 2):
                journal.opened(connection(999), answers.append)
                for _ in range(round(store.RENEW_INTERVAL / RETRY_INTERVAL) - 1):
                    reactor.pump([RETRY_INTERVAL, 0, 0])
                self.assertEqual(len(self.aside()), times)
                reactor.pump([2 * RETRY_INTERVAL, 0, 0])
        self.assertEqual(answers, [False, False])
        self.assertLess(len([event for event in logs if event["log_level"] is LogLevel.error]), 8)
        self.finish(reactor, journal)

    def test_no_room_to_repair(self) -> None:
        """Connections read from a damaged file wait in memory while the disk has no room for a new one."""
        (self.directory / NAME).write_bytes((self.directory / NAME).read_bytes()[:-PAGE])
        reactor, journal = self.journal()
        connect = store.Store._connect
        calls = 0

        def full_disk(this: store.Store) -> sqlite3.Connection:
            nonlocal calls
            calls += 1
            if calls == 1:
                return connect(this)
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error

        self.patch(store.Store, "_connect", full_disk)
        records = journal.start(FakeConnections())
        self.assertGreater(len(records), COUNT // 2)
        self.assertFalse(journal.healthy)
        journal.forget(records[0].id)
        self.patch(store.Store, "_connect", connect)
        reactor.advance(RETRY_INTERVAL)
        reactor.advance(0)
        self.assertTrue(journal.healthy)
        self.finish(reactor, journal)
        self.assertEqual(previous_life(self.directory), records[1:])
