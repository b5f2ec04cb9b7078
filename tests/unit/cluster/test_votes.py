"""The others, asked when the engine is away: votes as they come, a renewal by relay, and what is answered to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.support.engine_fake import FakeEngine
from tests.support.engine_twin import Twin
from wsaas.cluster.keys import Keys
from wsaas.cluster.member import Member
from wsaas.cluster.right import LEASE, VOTE, Right
from wsaas.cluster.siblings import Missing, SiblingRequest, SiblingResult
from wsaas.cluster.table import MemberRow, MemberState, Table
from wsaas.cluster.votes import PEER_TIMEOUT, Votes
from wsaas.http_client.exchange import HttpResponse

P, Q, R = "P" * 8, "Q" * 8, "R" * 8


def said(content: object, status: int = 200) -> HttpResponse:
    return HttpResponse(status, (), json.dumps(content).encode(), False)


class FakeNodes:
    """The others: what each answers, or that it is silent."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.leased: dict[str, bool | None] = {}
        self.relays: dict[str, Callable[[dict[str, Any]], SiblingResult]] = {}
        self.asked: list[tuple[str, bytes]] = []

    def ask(self, prefix: str, request: SiblingRequest, done: Callable[[SiblingResult], object]) -> None:
        self.asked.append((prefix, request.target))
        leased = self.leased.get(prefix)
        if leased is None:
            self._clock.callLater(request.within, done, Missing.SILENT)
        elif request.target == b"/-/lease":
            done(said({"code": "OK", "leased": leased}))
        elif prefix in self.relays:
            done(self.relays[prefix](json.loads(request.body)))
        else:
            done(said({"code": "AWAY"}, 503))


class VotesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.twin = Clock(), Twin(now=1_000_000)
        engine: Any = FakeEngine(self.twin)
        self.engine = engine
        self.right, table = Right(), Table(P)
        for other in (Q, R):
            self.twin.join(other, "t", MemberRow(f"http://{other}", "n", MemberState.LIVE, "1").encode(), 0)
        row = MemberRow("http://p", "n", MemberState.LIVE, "1")
        self.member = Member(self.clock, self.clock.seconds, engine, Keys("x"), P, "t", lambda: row, self.right, table)
        self.nodes = FakeNodes(self.clock)
        nodes: Any = self.nodes
        self.votes = Votes(self.clock, self.member, nodes, self.clock.seconds)
        self.granted = 0
        self.votes.granted = self.grant
        self.member.start()
        self.pass_time(0.1)
        self.assertEqual(self.right.voters(), {Q, R})
        self.engine.there = False

    def grant(self) -> None:
        self.granted += 1

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 20)):
            self.twin.now += 50
            self.clock.advance(0.05)

    @property
    def speaks(self) -> bool:
        return self.right.may_speak(self.clock.seconds())

    def test_one_is_silent(self) -> None:
        """The votes of those that answer count at once, although another says nothing; the process never falls silent
        for long, and goes on as long as they have no lease.
        """
        self.nodes.leased = {Q: True, R: None}
        self.votes.ask()
        self.pass_time(LEASE + 0.2)
        self.assertFalse(self.speaks)
        self.nodes.leased[Q] = False  # a moment after this one's
        self.pass_time(0.5)
        silent = 0
        for _ in range(200):
            self.pass_time(0.1)
            silent += not self.speaks
        self.assertEqual(silent, 0)
        self.nodes.leased[Q] = None
        self.pass_time(VOTE + PEER_TIMEOUT + 0.5)
        self.assertFalse(self.speaks)

    def test_no_majority(self) -> None:
        """Without enough votes the process is silent."""
        self.votes.ask()
        self.pass_time(10)
        self.assertFalse(self.speaks)
        self.assertEqual(self.granted, 0)

    def test_asked_in_time_only(self) -> None:
        """Nobody is asked while the lease is long, nor after the engine answers again; one question at a time each."""
        self.votes.ask()
        self.assertEqual(self.nodes.asked, [])
        self.pass_time(LEASE - 0.5)
        self.assertEqual({prefix for prefix, _ in self.nodes.asked}, {Q, R})
        self.assertLessEqual(len(self.nodes.asked), 4)
        self.votes.stop()
        asked = len(self.nodes.asked)
        self.pass_time(5)
        self.assertEqual(len(self.nodes.asked), asked)

    def test_relay(self) -> None:
        """A process that has a lease renews this one's, if it has the engine; so it is never silent."""

        def relay(fields: dict[str, Any]) -> SiblingResult:
            self.engine.there = True
            answer = self.twin.renew(fields["prefix"], fields["view"], fields["row"], fields["known"])
            self.engine.there = False
            answer[5] = [word for pair in answer[5].items() for word in pair]
            return said({"code": "OK", "answer": answer})

        self.nodes.leased = {Q: True, R: None}
        self.nodes.relays[Q] = relay
        self.votes.ask()
        silent = 0
        for _ in range(200):
            self.pass_time(0.1)
            silent += not self.right.leased(self.clock.seconds())
        self.assertEqual(silent, 0)
        self.assertLess(self.twin.now - self.twin.members[P], 4000)

    def test_fenced_by_relay(self) -> None:
        """If the engine says by another that this one was claimed, it is."""
        self.nodes.leased = {Q: True, R: None}
        self.nodes.relays[Q] = lambda fields: said({"code": "OK", "answer": ["FENCED"]})
        self.votes.ask()
        self.pass_time(LEASE)
        self.assertTrue(self.right.fenced)
        asked = len(self.nodes.asked)
        self.pass_time(5)
        self.assertEqual(len(self.nodes.asked), asked)
