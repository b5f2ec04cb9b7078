"""The processes that a push to a group leaves out, by the engine's word, and when it asks all."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.support.engine_fake import FakeEngine
from tests.support.engine_twin import Twin
from wsaas.cluster.interest import ANSWER_TIMEOUT, EVERYWHERE, MAX_GROUPS, Interest
from wsaas.cluster.keys import Keys
from wsaas.cluster.member import Member
from wsaas.cluster.right import Right
from wsaas.cluster.scripts import VOUCH
from wsaas.cluster.table import MemberRow, MemberState, Table
from wsaas.cluster.vouches import UNVOUCHED

P, Q, R = "P" * 8, "Q" * 8, "R" * 8
NOBODY: Set[str] = frozenset()


class InterestTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.twin, self.table = Clock(), Twin(now=1_000_000), Table(P)
        self.engine = FakeEngine(self.twin)
        engine: Any = self.engine
        row = MemberRow("http://p", "p", MemberState.LIVE, "1")
        member = Member(self.clock, self.clock.seconds, engine, Keys("x"), P, "t", lambda: row, Right(), self.table)
        self.interest = Interest(self.clock, member, self.clock.seconds, self.table.others)
        for other in (Q, R):
            self.twin.join(other, "t", row.encode(), 0)
        member.start()
        self.addCleanup(member.stop)
        self.pass_time(UNVOUCHED + 0.2)
        self.vouch(Q)
        self.twin.write(Q, Q, 1, {}, [], ["g"])

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            self.twin.now += 100
            self.clock.advance(0.1)

    def vouch(self, *prefixes: str) -> None:
        for prefix in prefixes:
            self.twin.renew(prefix, prefix, self.twin.table[prefix], 0, self.twin.now + VOUCH)

    def questions(self) -> list[tuple[Any, ...]]:
        return [words for words in self.engine.asked if words[0] == "interest"]

    def without(self, group: str) -> Set[str]:
        return self.successResultOf(self.interest.without(group))

    def test_left_out(self) -> None:
        """A process is left out that vouches for its groups and has no member of this one; no other is."""
        self.assertEqual((self.without("g"), self.without("h")), (NOBODY, {Q}))
        self.vouch(R)
        self.clock.advance(EVERYWHERE + 0.1)
        self.assertEqual((self.without("g"), self.without("h")), ({R}, {Q, R}))
        self.twin.now += VOUCH
        self.assertEqual(self.without("h"), NOBODY)

    def test_everywhere(self) -> None:
        """A group that has members everywhere is not asked about again for EVERYWHERE seconds; then it is."""
        self.twin.write(R, R, 1, {}, [], ["g"])
        self.vouch(R)
        self.assertEqual((self.without("g"), self.without("g"), len(self.questions())), (NOBODY, NOBODY, 1))
        self.twin.write(Q, Q, 2, {}, [], [], ["g"])
        self.pass_time(EVERYWHERE + 0.1)
        self.vouch(Q, R)
        self.assertEqual((self.without("g"), self.without("g"), len(self.questions())), ({Q}, {Q}, 3))

    def test_bound_of_memory(self) -> None:
        """So many groups are remembered at most."""
        for number in range(3 * MAX_GROUPS):
            self.twin.vouched.clear()
            self.without(str(number))
        self.assertLessEqual(len(self.interest._everywhere), MAX_GROUPS)

    def test_together(self) -> None:
        """What comes while a question is under way is asked with the next one."""
        self.engine.held = []
        heard: list[tuple[str, Set[str]]] = []
        for group in ("h", "g", "i", "g"):
            self.interest.without(group).addCallback(lambda left_out, group=group: heard.append((group, left_out)))
        self.assertEqual([words[5:] for words in self.questions()], [("h",)])
        self.engine.release()
        self.assertEqual([words[5:] for words in self.questions()], [("h",), ("g", "i")])
        self.assertEqual(heard, [("h", {Q}), ("g", NOBODY), ("g", NOBODY), ("i", {Q})])

    def test_bound_of_a_question(self) -> None:
        """A question names MAX_GROUPS groups at most; the next one names the rest."""
        self.engine.held = []
        for number in range(MAX_GROUPS + 3):
            self.interest.without(str(number))
        for _ in range(3):
            held, self.engine.held = self.engine.held, []
            for deferred, answer in held or ():
                deferred.callback(answer)
        self.assertEqual([len(words) - 5 for words in self.questions()], [1, MAX_GROUPS, 2])

    def test_slow_engine(self) -> None:
        """A push waits ANSWER_TIMEOUT at most, then all are asked; the next ones wait for nothing until it answers."""
        self.engine.held = []
        waiting = [self.interest.without(group) for group in "gh"]
        self.clock.advance(ANSWER_TIMEOUT)
        self.assertEqual([self.successResultOf(each) for each in waiting], [NOBODY, NOBODY])
        self.assertEqual(self.without("h"), NOBODY)
        self.assertEqual(len(self.questions()), 1)
        self.engine.release()
        self.assertEqual(self.without("h"), {Q})

    def test_engine_lost(self) -> None:
        """Without the engine all are asked, at once; over a new connection until no earlier vouch can count."""
        self.engine.held = []
        waiting: Deferred[Set[str]] = self.interest.without("h")
        self.engine.lose()
        self.assertEqual(self.successResultOf(waiting), NOBODY)
        self.assertEqual((self.without("h"), len(self.questions())), (NOBODY, 1))
        self.engine.there = True
        self.engine.connections += 1
        self.pass_time(UNVOUCHED)
        self.vouch(Q)
        self.assertEqual((self.without("h"), len(self.questions())), (NOBODY, 1))
        self.pass_time(1.2)
        self.vouch(Q)
        self.assertEqual(self.without("h"), {Q})

    def test_newcomer(self) -> None:
        """A process that became a member a moment ago is known from the same answer, and is not left out."""
        S = "S" * 8
        self.twin.join(S, "t", self.twin.table[Q], 0)
        self.vouch(Q, R)
        self.assertEqual((self.without("h"), self.table.others()), ({Q, R}, [Q, R, S]))
        self.twin.__dict__.update(Twin(now=self.twin.now).__dict__)  # what an empty engine says is no table
        self.assertEqual((self.without("h"), len(self.table.nodes())), (NOBODY, 3))

    def test_one_other(self) -> None:
        """The only other process is asked without a question: that would cost as much."""
        self.table.remove(R)
        self.assertEqual((self.without("h"), self.questions()), (NOBODY, []))
