"""The life of a node: what it does without the engine's help, and with its disk when another node has claimed it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.support.engine_fake import FakeEngine
from tests.support.engine_twin import Twin
from wsaas.cluster.keys import Keys
from wsaas.cluster.lives import Life, Lives
from wsaas.cluster.member import Member
from wsaas.cluster.right import Right
from wsaas.cluster.table import MemberRow, MemberState, Table
from wsaas.cluster.votes import Votes
from wsaas.service.node_life import ALONE_AFTER, NodeLife


def _any(**members: Any) -> Any:
    return SimpleNamespace(**members)


class AloneTests(SynchronousTestCase):
    def test_start_without_leave(self) -> None:
        """A node with a disk starts after ten seconds, also if the engine is there and refuses that it joins."""
        directory, clock, begun = Path(self.mktemp()), Clock(), list[bool]()
        directory.mkdir()
        engine: Any = FakeEngine(Twin(now=1))
        engine.refusal = "OOM"
        right = Right()
        row = MemberRow("http://p", "p", MemberState.LIVE, "1")
        member = Member(clock, clock.seconds, engine, Keys("x"), "P" * 8, "token", lambda: row, right, Table("P" * 8))
        engine.address = SimpleNamespace(shown="redis://x")
        gateway: Any = SimpleNamespace(prefix="P" * 8)
        journal: Any = SimpleNamespace(earlier=[])
        life = NodeLife(
            clock, gateway, member, journal, Lives(directory, "P" * 8), durable=True, replicas=0, released=int, end=int
        )
        nothing: Any = None
        life.given(nothing, nothing, Votes(clock, member, nothing, clock.seconds), nothing)
        member.events = life
        life.start("token", lambda: begun.append(True))
        for _ in range(99):
            clock.advance(0.1)
        self.assertEqual(begun, [])
        clock.advance(0.2)
        self.assertEqual((begun, right.may_speak(clock.seconds())), ([True], True))

    def test_known_before_clients(self) -> None:
        """Clients may come only when the others know the node. While they get to know it, it does not start alone, and
        does not wait for the engine: it has joined.
        """
        engine = SimpleNamespace(call=lambda *words: Deferred(), address=SimpleNamespace(shown="redis://x"))
        member: Any = SimpleNamespace(start=int, engine=engine, known=False, trouble="away")
        clock, lines = Clock(), list[Any]()
        globalLogPublisher.addObserver(lines.append)
        self.addCleanup(globalLogPublisher.removeObserver, lines.append)
        gateway, journal, votes, greeted = _any(prefix="P" * 8), _any(earlier=[]), _any(), list[Any]()
        directory, begun = Path(self.mktemp()), list[bool]()
        directory.mkdir()
        place = _any(greet=greeted.append, look=int)
        life = NodeLife(
            clock, gateway, member, journal, Lives(directory, "P" * 8), durable=True, replicas=0, released=int, end=int
        )
        life.given(_any(joined=int), votes, votes, place)
        life.start("token", lambda: begun.append(True))
        clock.advance(ALONE_AFTER - 1)
        member.known = True
        life.joined()
        self.assertEqual((len(greeted), begun), (1, []))
        clock.advance(1)
        self.assertEqual((begun, [line["log_format"] for line in lines]), ([], []))
        greeted[0]()
        self.assertEqual(begun, [True])


class FencedTests(SynchronousTestCase):
    def test_the_disk_is_kept(self) -> None:
        """A node that is claimed ends, and keeps its journal and the proof of its life: its next start finds out which
        of its connections only this disk has. That holds whether the claim is sure or not.
        """
        for sure in (True, False):
            directory = Path(self.mktemp())
            directory.mkdir()
            lives = Lives(directory, "P" * 8)
            lives.begin("token")
            forgotten: list[Any] = []
            ended: list[bool] = []
            gateway: Any = SimpleNamespace(
                accepting=True, prefix="P" * 8, registry=[SimpleNamespace(id="P" * 32)], ended=False
            )
            journal: Any = SimpleNamespace(disown=forgotten.append, forget=forgotten.append)
            member: Any = SimpleNamespace()
            life = NodeLife(
                Clock(),
                gateway,
                member,
                journal,
                lives,
                durable=True,
                replicas=0,
                released=int,
                end=lambda ended=ended: ended.append(True),
            )
            life.fenced(sure)
            self.assertEqual((gateway.accepting, ended, forgotten), (False, [True], []))
            self.assertEqual(Lives(directory, "Q" * 8).begin("other"), {"P" * 8: Life("token")})
