"""The place of a process: how the others hear of it, and what is said of an address that does not lead to it, and of a
name that another node has.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from treq.testing import StubTreq
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.support.engine_fake import FakeEngine
from tests.support.engine_twin import Twin
from wsaas.api.access import Access
from wsaas.api.app import Api
from wsaas.cluster.engine_connection import EngineAway, EngineRefused
from wsaas.cluster.keys import Keys
from wsaas.cluster.member import Member
from wsaas.cluster.own_place import NAMES_AFTER, OwnPlace
from wsaas.cluster.right import Right
from wsaas.cluster.siblings import Missing, SiblingRequest
from wsaas.cluster.table import MemberRow, MemberState, Table
from wsaas.core.counters import Counters
from wsaas.http_client.exchange import HttpResponse

P, Q, R = "P" * 8, "Q" * 8, "R" * 8
OWN = MemberRow("http://n1:8083", "n1", MemberState.LIVE, "1")


class OwnPlaceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.lines: list[str] = []
        self.clock = Clock()

        def heard(event: Any) -> None:
            self.lines.append(event["log_format"].format(**event))

        globalLogPublisher.addObserver(heard)
        self.addCleanup(globalLogPublisher.removeObserver, heard)

    def place(self, row: MemberRow | None, trouble: str | None = None, alone: bool = True) -> OwnPlace:
        self.table = table = Table(P)
        if row is not None:
            table.put(Q, row)
        self.time: Any = succeed([b"1000", b"250000"])
        engine = SimpleNamespace(call=lambda *words: self.time if words == ("TIME",) else None)
        member: Any = SimpleNamespace(prefix=P, table=table, own_row=lambda: OWN, engine=engine)
        self.probed: list[tuple[str, str]] = []

        def probe(prefix: str, address: str, done: Any) -> None:
            self.probed.append((prefix, address))
            done(trouble)

        self.moments = [1000.25]
        nodes: Any = SimpleNamespace(
            probe=probe, wall_clock=lambda: self.moments.pop(0) if len(self.moments) > 1 else self.moments[0]
        )
        return OwnPlace(self.clock, member, nodes, alone)

    def test_address(self) -> None:
        """The address is tried once, after the first join; if it does not lead to this process, that is an error."""
        place = self.place(None, "connection refused")
        place.look()
        place.look()
        self.assertEqual(self.probed, [(P, "http://n1:8083")])
        self.assertIn("does not reach itself at http://n1:8083", self.lines[0])
        self.assertIn("connection refused", self.lines[0])
        self.place(None).look()
        self.clock.advance(NAMES_AFTER)
        self.assertEqual(len(self.lines), 1)

    def test_name(self) -> None:
        """Another machine, or another gateway on this one, with the same NODE is told of once earlier lives are over;
        not the other workers of the node, nor one that has left.
        """
        for address, node, state, alone, said in (
            ("http://n2:8083", "n1", MemberState.LIVE, True, 1),
            ("http://n1:9083", "n1", MemberState.DRAINING, True, 1),
            ("http://n2:8083", "n1", MemberState.LIVE, False, 1),
            ("http://n1:8084", "n1", MemberState.LIVE, False, 0),
            ("http://n2:8083", "n2", MemberState.LIVE, True, 0),
            ("http://n2:8083", "n1", MemberState.LEFT, True, 0),
            ("http://[", "n1", MemberState.LIVE, False, 1),
        ):
            self.lines.clear()
            self.place(MemberRow(address, node, state, "1"), alone=alone).look()
            self.clock.advance(NAMES_AFTER - 1)
            self.assertEqual(self.lines, [])
            self.clock.advance(1)
            self.assertEqual(len(self.lines), said, address)

    def test_name_of_many(self) -> None:
        """However many have the name, that is one line."""
        place = self.place(MemberRow("http://n2:8083", "n1", MemberState.LIVE, "1"))
        self.table.put("R" * 8, MemberRow("http://n3:8083", "n1", MemberState.LIVE, "1"))
        place.look()
        self.clock.advance(NAMES_AFTER)
        self.assertEqual(len(self.lines), 1)

    def test_clock(self) -> None:
        """A clock that differs from the engine's by more than half a second is an error; a slow answer is none, nor is
        none at all.
        """
        for moments, words in (
            ([1000.7], None),
            ([1000.85], "0.6 s ahead of"),
            ([999.65], "0.6 s behind"),
            ([1000.2, 1001.5], None),
            ([998.25, 1001.05], None),
        ):
            self.lines.clear()
            place = self.place(None)
            self.moments[:] = moments
            place.look()
            self.assertEqual([words in line for line in self.lines if words], [True] if words else [], self.lines)
            self.assertEqual(len(self.lines), 0 if words is None else 1)
        for error in (EngineAway("away"), EngineRefused("NOPERM")):
            self.lines.clear()
            place = self.place(None)
            self.time = fail(error)
            place.look()
            self.assertEqual(self.lines, [])

    def test_stopped(self) -> None:
        """A process that stops looks no more, also one that had not begun."""
        place = self.place(MemberRow("http://n2:8083", "n1", MemberState.LIVE, "1"))
        self.time = Deferred()
        place.look()
        place.stop()
        self.assertTrue(self.time.called)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        place = self.place(None)
        place.stop()
        place.look()
        self.assertEqual(self.probed, [])


class GreetingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.twin = Twin(now=1_000_000)
        self.asked: list[tuple[str, SiblingRequest, Any]] = []
        self.nodes: Any = SimpleNamespace(ask=lambda *words: self.asked.append(words))
        self.done = 0

    def member(self, prefix: str) -> Member:
        """A process that has joined, and renews nothing by itself."""
        engine: Any = FakeEngine(self.twin)
        row = MemberRow(f"http://{prefix}", prefix, MemberState.LIVE, "1")
        clock = Clock()
        member = Member(clock, clock.seconds, engine, Keys("x"), prefix, "t", lambda: row, Right(), Table(prefix))
        member.hurry()
        self.assertTrue(member.known)
        return member

    def greet(self, member: Member) -> None:
        self.done = 0
        OwnPlace(Clock(), member, self.nodes, True).greet(self.heard)

    def heard(self) -> None:
        self.done += 1

    def test_greeted(self) -> None:
        """A new process has each other one know it, by the engine's word, and goes on when all have answered. It waits
        for none longer than a second.
        """
        first = self.member(P)
        self.greet(first)
        self.assertEqual((self.done, self.asked), (1, []))
        second = self.member(Q)
        self.greet(self.member(R))
        self.assertEqual([(prefix, request.within) for prefix, request, _ in self.asked], [(P, 1.0), (Q, 1.0)])
        self.assertEqual(first.table.others(), [])
        for place, (prefix, request, done) in zip((first, second), self.asked, strict=True):
            self.assertEqual(self.done, 0)
            self.answer(place, request)
            done(Missing.SILENT if prefix == Q else HttpResponse(200, (), b"{}", False))
        self.assertEqual(self.done, 1)
        self.assertEqual((first.table.others(), second.table.others()), ([R], [P, R]))

    def test_earlier_life(self) -> None:
        """An earlier life of a process, whose address it has, is not greeted: the new one itself would answer."""
        first, second = self.member(P), self.member(Q)
        second.own_row = first.own_row
        self.greet(second)
        self.assertEqual((self.done, self.asked), (1, []))
        second.own_row = lambda: MemberRow("http://R", "q", MemberState.LIVE, "1")
        self.greet(second)
        self.assertEqual((self.done, [prefix for prefix, *_ in self.asked]), (0, [P]))

    def test_stranger(self) -> None:
        """A greeting in the name of a process that the engine does not have makes none known."""
        first = self.member(P)
        self.answer(first, SiblingRequest(b"POST", b"/-/greeting?prefix=" + R.encode()))
        self.assertEqual(first.table.others(), [])

    def answer(self, member: Member, request: SiblingRequest) -> None:
        api = Api(Access(()), Counters())
        OwnPlace(Clock(), member, self.nodes, True).add_routes(api)
        answered = StubTreq(api.resource()).request(
            request.method.decode(), "http://localhost" + request.target.decode(), data=b""
        )
        self.assertEqual(self.successResultOf(answered).code, 200)
