"""The groups of a process: in the engine before a join is answered, and what happens while the engine is away."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.support.engine_fake import FakeEngine
from tests.support.engine_twin import Twin
from wsaas.cluster.keys import Keys
from wsaas.cluster.own_groups import OwnGroups
from wsaas.cluster.row_copy import ENDS_DELAY, RowCopy
from wsaas.cluster.vouches import UNVOUCHED, Vouches
from wsaas.core.groups import NO_GROUPS
from wsaas.core.registry import Registry
from wsaas.core.session import Session

P = "P" * 8


class Member:
    def __init__(self, id: str) -> None:
        self.id = id
        self.groups = NO_GROUPS


class Around:
    """What a copy of rows tells, and the connections of the process, of which there are none."""

    def copy_fenced(self) -> None:
        raise AssertionError

    def copy_unknown(self) -> None:
        raise AssertionError

    def copy_complete(self, complete: bool) -> None:
        """Do nothing."""

    def records(self) -> list[Any]:
        return []


class OwnGroupsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.twin, self.vouches = Clock(), Twin(now=1_000_000), Vouches()
        self.engine, around = FakeEngine(self.twin), cast(Any, Around())
        self.registry = Registry()
        self.groups = OwnGroups(self.clock, self.clock.seconds, self.vouches, self.registry)
        self.copy = RowCopy(
            *(self.clock, cast(Any, self.engine), Keys("x"), P, around, self.groups),
            keep_authorization=True,
            alone=True,
            most=3,
        )
        self.copy.connections = around
        self.twin.join(P, "t", "", 0)
        self.copy.joined()
        self.vouches.renewed(1, self.twin.now, self.clock.seconds())
        self.assertGreater(self.vouches.vouch(1), self.twin.now)
        self.known: list[str] = []

    def join(self, name: str, *groups: str) -> None:
        session = cast(Session, Member(name))
        self.registry.join(session, groups)
        self.registry.when_known(groups, lambda: self.known.append(name))

    def leave(self, name: str, *groups: str) -> None:
        for group in groups:
            self.registry.leave(cast(Session, self.registry.members(group)[name]), group)

    def answer(self) -> bool:
        """Let the engine answer what waits, and return if anything did; what is asked then waits."""
        held, self.engine.held = self.engine.held, []
        for deferred, answer in held or ():
            deferred.callback(answer)
        return bool(held)

    @property
    def there(self) -> set[str]:
        return self.twin.groups.get(P, set())

    def test_join(self) -> None:
        """A join waits until the engine has each of its groups; one of groups that are there does not wait."""
        self.engine.held = []
        self.join("a", "g", "h")
        self.join("b", "g")
        self.clock.advance(0)
        self.assertEqual((self.there, self.known), ({"g", "h"}, []))
        self.engine.release()
        self.assertEqual(sorted(self.known), ["a", "b"])
        asked = len(self.engine.asked)
        self.join("c", "g", "h")
        self.clock.advance(ENDS_DELAY)
        self.assertEqual((self.known[2:], len(self.engine.asked)), (["c"], asked))

    def test_ended_while_lost(self) -> None:
        """A group that the engine lost, and that ends before it is there again, begins anew with its next member."""
        self.join("a", "g")
        self.clock.advance(0)
        self.assertEqual(self.known, ["a"])
        self.groups.compare(frozenset(), 1)
        self.leave("a", "g")
        self.join("b", "g")
        self.assertEqual(self.known, ["a"])
        self.assertEqual(self.groups.take(3, 1), (["g"], []))

    def test_leave(self) -> None:
        """A group whose last member has left goes with a later batch; one that has a member again before stays."""
        self.join("a", "g", "h")
        self.clock.advance(0)
        self.leave("a", "g", "h")
        self.join("b", "g")
        self.assertEqual(self.known, ["a", "b"])
        self.clock.advance(ENDS_DELAY)
        self.assertEqual(self.there, {"g"})
        self.engine.held = []
        self.leave("b", "g")
        self.clock.advance(ENDS_DELAY)
        self.join("c", "g")
        self.assertEqual((self.known[2:], self.there), ([], set()))
        self.engine.release()
        self.assertEqual((self.known[2:], self.there), (["c"], {"g"}))

    def test_gone_while_it_waits(self) -> None:
        """A join that waits is over with its member; what was not sent yet never is."""
        self.engine.held = []
        self.join("a", "g")
        self.clock.advance(0)
        self.join("b", "h")
        self.leave("b", "h")
        self.leave("a", "g")
        self.assertEqual(self.known, ["b", "a"])
        self.engine.release()
        self.clock.advance(ENDS_DELAY)
        self.assertEqual(self.there, set())
        self.assertNotIn("h", [word for words in self.engine.asked for word in words])

    def test_engine_away(self) -> None:
        """While the engine is away a join waits until no vouch counts any more, and then no more; one of a group that
        was known does not wait. No vouch is given before the engine has all groups again.
        """
        self.join("a", "g")
        self.clock.advance(0)
        self.engine.there = False
        self.join("b", "h")
        self.clock.advance(0)
        self.join("c", "g")
        self.assertEqual(self.known, ["a", "c"])
        self.clock.advance(UNVOUCHED - 0.1)
        self.assertEqual(self.known, ["a", "c"])
        self.clock.advance(0.2)
        self.join("d", "i")
        self.assertEqual(self.known[2:], ["b", "d"])
        self.assertEqual(self.vouches.vouch(1), 0)
        self.engine.there, self.engine.connections, self.engine.held = True, 2, []
        self.copy.renewed()
        self.vouches.renewed(2, self.twin.now, self.clock.seconds())
        while self.answer():
            self.assertTrue(self.vouches.vouch(2) == 0 or self.there == {"g", "h", "i"})
        self.assertEqual(self.there, {"g", "h", "i"})
        self.assertGreater(self.vouches.vouch(2), 0)

    def test_another_engine(self) -> None:
        """Over a new connection a join waits until the vouches over the one before are over, too: that may have been to
        a master that some still ask.
        """
        self.engine.connections = 2
        self.copy.renewed()
        self.join("a", "g")
        self.clock.advance(0)
        self.assertEqual((self.there, self.known), ({"g"}, []))
        self.clock.advance(UNVOUCHED)
        self.assertEqual(self.known, ["a"])

    def test_lost_groups(self) -> None:
        """An engine that lost groups gets them again, and none that has no member; until then there is no vouch."""
        self.join("a", "g", "h")
        self.clock.advance(0)
        earlier = self.twin.snapshot()
        self.leave("a", "h")
        self.join("b", "i")
        self.clock.advance(ENDS_DELAY)
        self.twin.restore(earlier)
        self.engine.connections, self.engine.held = 2, []
        self.copy.renewed()
        self.vouches.renewed(2, self.twin.now, self.clock.seconds())
        while self.answer():
            self.assertTrue(self.vouches.vouch(2) == 0 or self.there == {"g", "i"})
        self.assertEqual(self.there, {"g", "i"})
        self.assertGreater(self.vouches.vouch(2), 0)

    def test_late_batch(self) -> None:
        """A batch that the engine has, although its answer was lost, is missed in a replica that lacks it: a comparison
        that finds everything has a number of its own.
        """
        earlier = self.twin.snapshot()
        self.engine.held = []
        self.join("a", "g")
        self.clock.advance(0)
        self.engine.lose()
        self.assertEqual(self.there, {"g"})
        for connection in (2, 3):
            self.engine.there, self.engine.connections = True, connection
            self.copy.renewed()
            self.vouches.renewed(connection, self.twin.now, self.clock.seconds())
            self.twin.restore(earlier if connection == 2 else self.twin)
        self.assertEqual(self.there, {"g"})
        self.assertGreater(self.vouches.vouch(3), 0)

    def test_many(self) -> None:
        """A batch has a bound, and the rest follows; there is no vouch before the engine has all."""
        groups = set(map(str, range(8)))
        self.join("a", *groups)
        self.clock.advance(0)
        self.assertEqual((self.there, self.known), (groups, ["a"]))
        self.assertEqual([words[5] for words in self.engine.asked if words[0] == "write"][-3:], [3, 3, 2])
        self.engine.lose()
        self.twin.groups.clear()
        self.engine.there, self.engine.connections, self.engine.held = True, 2, []
        self.copy.joined()
        self.vouches.renewed(2, self.twin.now, self.clock.seconds())
        while self.answer():
            self.assertTrue(self.vouches.vouch(2) == 0 or self.there == groups)
        self.assertGreater(self.vouches.vouch(2), 0)

    def test_stop(self) -> None:
        """After the stop nothing is left to happen."""
        self.engine.there = False
        self.join("a", "g")
        self.clock.advance(0)
        self.copy.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
