"""The membership of a process: joined, renewed, lost, found again, fenced, left."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.support.engine_fake import FakeEngine
from tests.support.engine_twin import Twin
from wsaas.cluster.keys import Keys
from wsaas.cluster.member import RENEW_EVERY, Fate, Member
from wsaas.cluster.right import LEASE, Right
from wsaas.cluster.table import LOST_ROWS_KEPT_FOR, MemberRow, MemberState, Table

P, Q, R = "P" * 8, "Q" * 8, "R" * 8


def row_of(name: str, state: MemberState = MemberState.LIVE) -> MemberRow:
    return MemberRow(f"http://{name}", name, state, "1")


class Heard:
    def __init__(self) -> None:
        self.said: list[Any] = []

    def joined(self) -> None:
        self.said.append("joined")

    def renewed(self, expired: list[str]) -> None:
        if expired:
            self.said.append(expired)

    def unanswered(self) -> None:
        self.said.append("unanswered")

    def fenced(self, sure: bool) -> None:
        self.said.append("fenced" if sure else "unsure")


class MemberTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.twin = Twin(now=1_000_000)
        self.engine = FakeEngine(self.twin)
        self.right, self.table, self.row = Right(), Table(P), row_of("p")
        engine: Any = self.engine
        self.member = Member(
            self.clock, self.clock.seconds, engine, Keys("x"), P, "token", lambda: self.row, self.right, self.table
        )
        self.member.events = self.heard = Heard()

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            self.twin.now += 100
            self.clock.advance(0.1)

    def fate(self, prefix: str) -> Fate:
        return self.successResultOf(Deferred.fromCoroutine(self.member.look_up(prefix)))

    def test_life(self) -> None:
        """It joins, renews each second with what it knows of the others, and leaves; its row is what they learn."""
        self.twin.join(Q, "t", row_of("q").encode(), 0)
        self.member.start()
        self.assertEqual(self.heard.said, ["joined"])
        self.assertEqual(self.table.rows(), [(Q, row_of("q"))])
        self.assertEqual(self.twin.about[P]["view"], f"{P} {Q}")
        self.pass_time(3)
        self.assertLess(self.twin.now - self.twin.members[P], 1100)
        self.assertTrue(self.right.leased(self.clock.seconds() + LEASE - 1.1))
        self.row = row_of("p", MemberState.DRAINING)
        self.member.hurry()
        self.assertEqual(self.twin.table[P], self.row.encode())
        self.successResultOf(Deferred.fromCoroutine(self.member.leave()))
        self.assertEqual(self.twin.about[P]["state"], "left")
        self.assertNotIn(P, self.twin.members)
        self.pass_time(3)
        self.member.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_others_come_and_go(self) -> None:
        """The table is read again whenever it changed, and only then."""
        self.member.start()
        self.pass_time(1)
        before = self.table.version
        self.pass_time(2)
        self.assertEqual(self.table.version, before)
        self.twin.join(Q, "t", row_of("q").encode(), 0)
        self.pass_time(1)
        self.assertEqual(self.table.others(), [Q])
        self.twin.rows[Q] = {"id": "row"}
        self.twin.leave(Q, row_of("q", MemberState.LEFT).encode())
        self.pass_time(1)
        self.assertEqual((self.table.others(), len(self.table.rows())), ([], 1))
        self.assertIn([Q], self.heard.said)

    def test_view(self) -> None:
        """A change among the others is in the engine's view of this process at once: two renewals, not two seconds."""
        self.twin.join(Q, "t", row_of("q").encode(), 0)
        self.member.start()
        self.pass_time(0.1)
        self.assertEqual(self.twin.about[P]["view"], f"{P} {Q}")
        self.twin.claim(P, Q, "t")
        self.member.hurry()
        self.pass_time(0.1)
        self.assertEqual(self.twin.about[P]["view"], P)

    def test_engine_away(self) -> None:
        """While the engine is away its calls are not made; the lease runs out, and comes back with the engine."""
        self.member.start()
        self.engine.there = False
        self.pass_time(LEASE + RENEW_EVERY)
        self.assertFalse(self.right.may_speak(self.clock.seconds()))
        self.assertIn("unanswered", self.heard.said)
        self.engine.there = True
        self.member.engine_there()
        self.assertTrue(self.right.may_speak(self.clock.seconds()))
        self.assertEqual(self.heard.said.count("joined"), 1)

    def test_engine_refuses(self) -> None:
        """An engine that answers with errors, as it has no memory left, renews nothing: the others are asked as if it
        were away, the error is told, and nothing is taken for over because of what the engine does not know.
        """
        self.engine.trouble = None
        self.member.start()
        self.pass_time(9)
        self.assertIs(self.fate(Q), Fate.OVER)
        self.engine.refusal = "OOM command not allowed"
        self.pass_time(RENEW_EVERY + 0.1)
        self.assertIn("unanswered", self.heard.said)
        self.assertEqual(self.member.trouble, "the engine refuses it: OOM command not allowed")
        self.pass_time(LEASE)
        self.assertFalse(self.right.may_speak(self.clock.seconds()))
        self.assertIs(self.fate(Q), Fate.UNSURE)
        self.engine.refusal = None
        self.pass_time(RENEW_EVERY + 0.1)
        self.assertTrue(self.right.leased(self.clock.seconds()))
        self.assertEqual(self.member.trouble, "the engine does not answer")
        self.pass_time(9)
        self.assertIs(self.fate(Q), Fate.OVER)

    def test_empty_engine(self) -> None:
        """An engine that came back empty is joined again, with the number of the last batch; what lives is uploaded."""
        self.member.sequence = lambda: 7
        self.member.start()
        self.twin.__dict__.update(Twin(now=self.twin.now).__dict__)
        self.pass_time(RENEW_EVERY + 0.1)
        self.assertEqual(self.heard.said, ["joined", "joined"])
        self.assertEqual(self.twin.about[P]["seq"], 7)

    def test_lost_table(self) -> None:
        """Processes that an engine has lost are reached for as long as they have to join again; then no more."""
        self.twin.join(Q, "t", row_of("q").encode(), 0)
        self.member.start()
        self.twin.__dict__.update(Twin(now=self.twin.now).__dict__)
        self.pass_time(RENEW_EVERY + 0.1)
        self.assertEqual(self.heard.said, ["joined", "joined"])
        self.assertEqual((self.table.others(), self.table.get(Q), self.table.nodes()), ([Q], row_of("q"), []))
        self.pass_time(LOST_ROWS_KEPT_FOR + RENEW_EVERY)
        self.assertEqual(self.table.others(), [Q])
        self.pass_time(LOST_ROWS_KEPT_FOR)
        self.assertEqual((self.table.others(), self.table.get(Q)), ([], None))

    def test_earlier_table(self) -> None:
        """So are those that a replica lacks which took over; one that is over is let go of at once."""
        self.member.start()
        self.pass_time(9)
        earlier = self.twin.snapshot()
        self.twin.join(Q, "t", row_of("q").encode(), 0)
        self.pass_time(1)
        self.twin.restore(earlier)
        self.pass_time(1)
        self.assertEqual(self.table.others(), [Q])
        self.table.remove(Q)
        self.assertEqual(self.table.others(), [])

    def test_earlier_table_that_has_grown(self) -> None:
        """An engine came back with an earlier table, which has the same number of changes by now: it is read again over
        the new connection, and those that it lacks are kept.
        """
        self.member.start()
        self.pass_time(20)
        earlier = self.twin.snapshot()
        self.twin.join(Q, "t", row_of("q").encode(), 0)
        self.pass_time(1)
        version = self.table.version
        self.twin.restore(earlier)
        self.twin.join(R, "t", row_of("r").encode(), 0)
        self.engine.connections += 1
        self.pass_time(1.1)
        self.assertEqual((self.table.others(), self.table.version), ([Q, R], version))

    def test_fenced(self) -> None:
        """One that was claimed hears it once, loses the right at once, and asks the engine nothing more."""
        self.member.start()
        self.twin.about[P] |= {"state": "claimed", "owner": Q}
        self.pass_time(RENEW_EVERY + 0.1)
        asked = len(self.engine.asked)
        self.pass_time(5)
        self.assertEqual([each for each in self.heard.said if each == "fenced"], ["fenced"])
        self.assertFalse(self.right.may_speak(self.clock.seconds()))
        self.assertEqual(len(self.engine.asked), asked)

    def test_forgotten_claim(self) -> None:
        """One that slept and finds an engine that does not know it does not join again: it may have been claimed, and
        the engine has forgotten that, too. One that knew nobody cannot have been claimed.
        """
        for others, said in (((Q,), "unsure"), ((), "joined")):
            self.setUp()
            for other in others:
                self.twin.join(other, "t", row_of("q").encode(), 0)
            self.member.start()
            self.twin.__dict__.update(Twin(now=self.twin.now).__dict__)
            self.clock.rightNow += 10  # a pause, in which no timer runs
            self.member.hurry()
            self.clock.advance(0)
            self.assertEqual(self.heard.said[-1], said)
            self.assertEqual(list(self.twin.members), [] if others else [P])

    def test_schema(self) -> None:
        """An engine with a newer schema is not joined."""
        self.engine.twin = Other(now=1)  # type: ignore[assignment]
        self.member.start()
        self.pass_time(3)
        self.assertEqual([each for each in self.heard.said if each == "joined"], [])
        self.assertEqual(len(self.flushLoggedErrors()), 0)

    def test_fates(self) -> None:
        """A process that left or was claimed is over; one never heard of, too, but not while others may come back."""
        self.assertIs(self.fate(Q), Fate.UNSURE)
        self.member.start()
        self.assertIs(self.fate(Q), Fate.UNSURE)
        self.pass_time(9)
        self.assertIs(self.fate(Q), Fate.OVER)
        self.twin.join(Q, "t", row_of("q").encode(), 0)
        self.assertIs(self.fate(Q), Fate.MEMBER)
        self.assertEqual(self.table.get(Q), row_of("q"))
        self.twin.about[Q]["state"] = "claimed"
        self.assertIs(self.fate(Q), Fate.OVER)
        self.assertIsNone(self.table.get(Q))
        self.twin.__dict__.update(Twin(now=self.twin.now).__dict__)  # it has just lost all that it knew
        self.assertIs(self.fate(Q), Fate.UNSURE)
        self.engine.there = False
        self.assertIs(self.fate(Q), Fate.UNSURE)


class Other:
    """An engine of another schema."""

    def __init__(self, now: int) -> None:
        self.now = now

    def join(self, *words: object) -> list[Any]:
        return ["SCHEMA", "2"]
