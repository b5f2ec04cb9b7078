"""Claims and earlier lives: what a process has left is told once, by one other, when a replica knows of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.support.engine_fake import FakeEngine
from tests.support.engine_twin import Twin
from wsaas.cluster.claims import MOST_REVIVED, SAY_AFTER, TRY_AGAIN, Claims
from wsaas.cluster.earlier_lives import EarlierLives
from wsaas.cluster.engine_connection import EngineAway
from wsaas.cluster.keys import Keys
from wsaas.cluster.lives import Life, Lives
from wsaas.cluster.member import Member
from wsaas.cluster.right import Right
from wsaas.cluster.scripts import CLAIM_AFTER
from wsaas.cluster.table import MemberRow, MemberState, Table
from wsaas.core.events import Cause, Closed
from wsaas.core.records import Record
from wsaas.journal.rows import encode_closed, encode_record

P, Q, R = "P" * 8, "Q" * 8, "R" * 8
CLOSED = Closed(Cause.CLIENT, 1000, "", clean=True)


def record(name: str, prefix: str, closed: Closed | None = None) -> Record:
    return Record(prefix + name.rjust(24, "0"), 1.0, (), "0" * 32, closed)


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.twin = Clock(), Twin(now=1_000_000)
        self.engine = FakeEngine(self.twin)
        self.revived: list[Record] = []
        self.alive: set[str] = set()
        self.removed: list[str] = []
        self.claims = self.make(Q)

    def make(self, own: str, replicas: int = 0) -> Claims:
        async def answers(prefix: str) -> bool:
            return prefix in self.alive

        def revive(records: Iterable[Record]) -> None:
            self.revived += records

        engine: Any = self.engine
        return Claims(
            self.clock,
            engine,
            Keys("x"),
            own,
            answers=answers,
            revive=revive,
            remove=self.removed.append,
            claimed=int,
            replicas=replicas,
            random=lambda: 0.5,
        )

    def member(self, prefix: str, view: str, *records: Record) -> None:
        self.twin.join(prefix, "token", "", 0)
        self.twin.renew(prefix, view, "", -1)
        rows = {}
        for each in records:
            rows[each.id[8:]] = encode_record(each, True)
            if each.closed is not None:
                rows[each.id[8:] + "."] = encode_closed(each.closed)
        self.twin.write(prefix, prefix, 1, rows, [])

    def dead(self, *records: Record) -> None:
        """P is over, with these rows; Q and R are there."""
        self.member(P, f"{P} {Q} {R}", *records)
        for each in (Q, R):
            self.member(each, f"{P} {Q} {R}")
        for _ in range(CLAIM_AFTER // 1000 + 9):
            self.twin.now += 1000
            for each in (Q, R):
                self.twin.renew(each, f"{P} {Q} {R}", "", -1)

    def pass_time(self, seconds: float = 2) -> None:
        for _ in range(round(seconds * 20)):
            self.clock.advance(0.05)

    def told(self) -> None:
        """The backend has heard of all that was revived."""
        for each in self.revived:
            self.claims.told(each.id)


class ClaimTests(Case):
    def test_claimed(self) -> None:
        """All rows of a process that is over are told, each with its own end; and by one claimer only."""
        rows = [record("a", P), record("b", P, CLOSED)]
        self.dead(*rows)
        other = self.make(R)
        self.claims.expired([P])
        other.expired([P])
        self.claims.expired([P])
        self.pass_time()
        self.assertEqual(sorted(self.revived, key=lambda each: each.id), rows)
        self.assertEqual(self.twin.owner[P], Q)

    def test_alive(self) -> None:
        """A process that answers is not claimed, and not asked about at once by two."""
        self.dead(record("a", P))
        self.alive.add(P)
        self.claims.expired([P])
        self.pass_time()
        self.assertEqual((self.revived, self.twin.about[P]["state"]), ([], "live"))

    def test_chain(self) -> None:
        """The claimer that dies is claimed with all that it had claimed and not told."""
        self.dead(record("a", P))
        self.claims.expired([P])
        self.pass_time()
        self.twin.write(Q, Q, 2, {record("q", Q).id[8:]: encode_record(record("q", Q), True)}, [])
        self.revived.clear()
        for _ in range(9):
            self.twin.now += 1000
            self.twin.renew(R, f"{Q} {R}", "", -1)
        self.twin.about[Q]["view"] = f"{Q} {R}"
        self.claims = self.make(R)
        self.claims.expired([Q])
        self.pass_time()
        self.assertEqual({each.id for each in self.revived}, {record("a", P).id, record("q", Q).id})

    def test_replicas(self) -> None:
        """Nothing is told before enough replicas have the claim; it is told once they do."""
        self.claims = self.make(Q, replicas=1)
        self.dead(record("a", P))
        self.claims.expired([P])
        self.pass_time(5)
        self.assertEqual(self.revived, [])
        self.engine.replicas = 1
        self.pass_time(TRY_AGAIN + 1)
        self.assertEqual(len(self.revived), 1)

    def test_claim_undone(self) -> None:
        """A claim that a failover undid, and whose process renewed then, is told to nobody."""
        self.claims = self.make(Q, replicas=1)
        self.dead(record("a", P))
        before = self.twin.snapshot()
        self.claims.expired([P])
        self.pass_time(1)
        self.twin.restore(before)
        self.twin.renew(P, P, "", -1)
        self.engine.replicas = 1
        self.pass_time(5)
        self.assertEqual(self.revived, [])

    def test_engine_lost(self) -> None:
        """A claim whose engine is lost before the replica's word is begun anew when it is back."""
        self.claims = self.make(Q, replicas=1)
        self.dead(record("a", P))
        self.claims.expired([P])
        self.pass_time(1)
        self.engine.there = False
        self.pass_time(5)
        self.engine.there, self.engine.replicas = True, 1
        self.pass_time(2)
        self.assertEqual(len(self.revived), 1)

    def test_new_connections(self) -> None:
        """A replica that is behind counts on no new connection to the engine: the renewal is the first command there, a
        write, of which WAIT then asks whether replicas have it. By its documentation WAIT asks for the writes of its
        own connection alone; a server of today asks for more.
        """
        engine: Any = self.engine
        self.claims = self.make(Q, replicas=1)
        self.dead(record("a", P))
        self.claims.expired([P])
        self.pass_time(1)
        row = MemberRow("http://q", "q", MemberState.LIVE, "1")
        Member(self.clock, self.clock.seconds, engine, Keys("x"), Q, "token", lambda: row, Right(), Table(Q)).start()
        self.assertEqual(self.twin.owner[P], Q)
        self.engine.attached = 1
        for step in range(20):  # so that the claim's next try comes soon after a new connection, and long after
            self.engine.lose()
            self.pass_time(0.3 + 0.05 * step)
            self.engine.back()
            self.pass_time(0.85)
        self.assertEqual(self.revived, [])
        self.engine.replicas = 1
        self.pass_time(TRY_AGAIN + 1)
        self.assertEqual(len(self.revived), 1)

    def test_bound(self) -> None:
        """At most MOST_REVIVED are being told at once; the rest follows as the backend hears of them."""
        self.dead(*(record(str(number), P) for number in range(MOST_REVIVED + 700)))
        self.claims.expired([P])
        self.pass_time()
        self.assertLessEqual(len(self.revived), MOST_REVIVED)
        self.told()
        self.pass_time()
        self.assertEqual(len({each.id for each in self.revived}), MOST_REVIVED + 700)
        self.assertEqual(len(self.revived), MOST_REVIVED + 700)

    def test_unreadable(self) -> None:
        """A row that cannot be read is said and removed; the others are told."""
        self.dead(record("a", P))
        self.twin.rows[P]["b".rjust(24, "0")] = "nonsense"
        self.claims.expired([P])
        self.pass_time()
        self.assertEqual(([each.id for each in self.revived], self.removed), ([record("a", P).id], [record("b", P).id]))

    def test_no_quorum(self) -> None:
        """Without a quorum nothing is claimed, however long it lasts; the operator's word claims it."""
        self.member(P, f"{P} {R} XXXXXXXX YYYYYYYY", record("a", P))
        self.member(Q, Q)
        for _ in range(30):
            self.twin.now += 1000
            self.twin.renew(Q, Q, "", -1)
        for _ in range(3):
            self.claims.expired([P])
            self.pass_time(1)
            self.clock.advance(SAY_AFTER)
        self.assertEqual(self.revived, [])
        word = self.successResultOf(Deferred.fromCoroutine(self.claims.by_word(P)))
        self.pass_time()
        self.assertEqual((word, len(self.revived)), ("OK", 1))

    def test_stopped(self) -> None:
        """A claimer that stops leaves the rest for another."""
        self.dead(record("a", P))
        self.claims.expired([P])
        self.claims.stop()
        self.pass_time()
        self.assertEqual(self.revived, [])


class Disk:
    """A ClusterJournal's disk."""

    def __init__(self, *earlier: Record) -> None:
        self.earlier = list(earlier)
        self.disowned: list[str] = []

    def disown(self, ids: list[str]) -> None:
        self.disowned += ids


class EarlierLifeTests(Case):
    def lives(self, *records: Record, copied: bool = True) -> EarlierLives:
        directory = Path(self.mktemp())
        directory.mkdir()
        (directory / "cluster.json").write_text(json.dumps({P: {"token": "token", "copied": copied}}))
        self.disk = Disk(*records)
        disk: Any = self.disk
        self.file = Lives(directory, Q)
        earlier = EarlierLives(disk, self.file, self.claims, Q)
        earlier.begin("mine")
        return earlier

    def settle(self, earlier: EarlierLives) -> None:
        settling = Deferred.fromCoroutine(earlier.settle())
        self.pass_time()
        self.successResultOf(settling)

    def test_claimed_at_once(self) -> None:
        """A life that the engine has is claimed with its token at once, alive or not, and told from disk and engine."""
        self.member(P, P, record("both", P), record("engine", P))
        self.member(Q, Q)
        self.settle(self.lives(record("both", P, CLOSED), record("disk", P)))
        told = {each.id: each.closed for each in self.revived}
        self.assertEqual(len(self.revived), 3)
        self.assertEqual(told, {record("both", P).id: CLOSED, record("engine", P).id: None, record("disk", P).id: None})

    def test_claimed_by_another(self) -> None:
        """What another node has claimed it tells, and none of that is told here; what the engine had lost when it was
        claimed, or never had, is told here.
        """
        for copied in (True, False):
            self.setUp()
            self.member(P, P, record("told", P, CLOSED), record("to be told", P))
            self.twin.claim(R, P, "token")
            self.twin.write(R, P, 1, {}, [record("told", P).id[8:], record("told", P).id[8:] + "."])
            lives = self.lives(record("told", P), record("to be told", P), record("lost", P), copied=copied)
            self.settle(lives)
            self.assertEqual([each.id for each in self.revived], [record("lost", P).id])
            self.assertEqual(set(self.disk.disowned), {record("told", P).id, record("to be told", P).id})

    def test_unknown_to_the_engine(self) -> None:
        """What the engine has lost, and rows of a time without a cluster, are told from the disk."""
        self.member(Q, Q)
        self.settle(self.lives(record("a", P), record("old", "Z" * 8)))
        self.assertEqual(len(self.revived), 2)

    def test_alone(self) -> None:
        """What was told while the engine was away is not told again when it is back with the same rows."""
        self.member(P, P, record("a", P), record("b", P))
        self.member(Q, Q)
        earlier = self.lives(record("a", P))
        earlier.tell_alone()
        self.assertEqual([each.id for each in self.revived], [record("a", P).id])
        self.settle(earlier)
        self.assertEqual([each.id for each in self.revived], [record("a", P).id, record("b", P).id])
        self.assertEqual(self.removed, [record("a", P).id])

    def test_adopted(self) -> None:
        """Lives of a directory that is adopted are settled as earlier ones: by whom the engine says, and once."""
        self.member(P, P, record("both", P), record("engine", P))
        self.member(Q, Q)
        earlier = self.lives()
        self.settle(earlier)
        told = len(self.revived)
        directory = Path(self.mktemp())
        directory.mkdir()
        (directory / "cluster.json").write_text(json.dumps({"S" * 8: {"token": "token"}, R: {"token": "token"}}))
        self.member("S" * 8, "S" * 8, record("c", "S" * 8))
        self.member(R, R, record("d", R))
        self.twin.claim(P, R, "token")
        earlier.take(directory)
        earlier.adopt([record("c", "S" * 8), record("d", R), record("old", "Z" * 8)])
        self.assertFalse(earlier.settled)
        self.settle(earlier)
        self.assertEqual(
            [each.id for each in self.revived[told:]], [record("c", "S" * 8).id, record("old", "Z" * 8).id]
        )
        self.assertEqual(self.disk.disowned, [record("d", R).id])
        path = self.file._path
        assert path is not None
        self.assertEqual(set(json.loads(path.read_text())), {"S" * 8, Q})

    def test_told_before_the_engine(self) -> None:
        """What the disk had is not told again by the engine's rows, though its DELETE may be answered by then."""
        self.member(P, P, record("a", P))
        self.member(Q, Q)
        earlier = self.lives(record("a", P))
        revive = self.claims._revive

        def answered_at_once(records: Iterable[Record]) -> None:
            records = list(records)
            revive(records)
            for each in records:
                self.claims.told(each.id)

        self.claims._revive = answered_at_once
        self.settle(earlier)
        self.assertEqual([each.id for each in self.revived], [record("a", P).id])

    def test_engine_lost_meanwhile(self) -> None:
        """If the engine goes away while a life is settled, what was told is not told again when it is back."""
        self.member(P, P, record("a", P), record("b", P))
        self.member(Q, Q)
        earlier = self.lives(record("a", P))
        self.engine.held = []
        settling = Deferred.fromCoroutine(earlier.settle())
        deferred, claimed = self.engine.held.pop()
        self.engine.there = False
        deferred.callback(claimed)
        self.failureResultOf(settling, EngineAway)
        self.assertEqual([each.id for each in self.revived], [record("a", P).id])
        self.engine.there, self.engine.held = True, None
        self.settle(earlier)
        self.assertEqual([each.id for each in self.revived], [record("a", P).id, record("b", P).id])

    def test_file(self) -> None:
        """The file has each life until it is settled; without a directory there is none; nonsense is no life."""
        earlier = self.lives()
        self.settle(earlier)
        path = self.file._path
        assert path is not None
        self.assertEqual(json.loads(path.read_text()), {Q: {"token": "mine", "copied": True}})
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.file.copied(False)
        self.assertEqual(json.loads(path.read_text()), {Q: {"token": "mine", "copied": False}})
        self.assertEqual(Lives(path.parent, R).begin("t"), {Q: Life("mine", False)})
        path.write_text("nonsense")
        self.assertEqual(Lives(path.parent, R).begin("t"), {})
        self.assertEqual(Lives(None, R).begin("t"), {})
