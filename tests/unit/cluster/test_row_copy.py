"""The engine's copy of the journal: batches, numbers, and what happens when the engine goes and comes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.support.engine_fake import FakeEngine
from tests.support.engine_twin import Twin
from wsaas.cluster.keys import Keys
from wsaas.cluster.own_groups import OwnGroups
from wsaas.cluster.row_copy import COMPARE_EVERY, ENDS_DELAY, MAX_BATCH, OPENINGS_DELAY, RowCopy
from wsaas.cluster.vouches import Vouches
from wsaas.core.events import Cause, Closed
from wsaas.core.records import Record
from wsaas.core.registry import Registry
from wsaas.journal.rows import decode_closed, decode_record

P, Q = "P" * 8, "Q" * 8
CLOSED = Closed(Cause.CLIENT, 1000, "", clean=True)


def record(name: str, prefix: str = P, closed: Closed | None = None, secret: bytes = b"t") -> Record:
    return Record(prefix + name.rjust(24, "0"), 1.0, ((b"Authorization", secret),), "0" * 32, closed)


def field(name: str) -> str:
    return name.rjust(24, "0")


class Heard:
    def __init__(self) -> None:
        self.said: list[Any] = []

    def copy_fenced(self) -> None:
        self.said.append("fenced")

    def copy_unknown(self) -> None:
        self.said.append("unknown")

    def copy_complete(self, complete: bool) -> None:
        self.said.append(complete)


class Live:
    """The connections of the process."""

    def __init__(self) -> None:
        self.all: list[Record] = []

    def records(self) -> list[Record]:
        return self.all

    def minted(self, id: str) -> bool:
        return id.startswith(P)

    def revive(self, records: Any) -> None:
        raise AssertionError


class RowCopyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.make(alone=True)

    def make(self, alone: bool) -> None:
        self.clock, self.twin, self.heard, self.live = Clock(), Twin(now=1_000_000), Heard(), Live()
        self.engine = FakeEngine(self.twin)
        engine: Any = self.engine
        self.copy = RowCopy(
            self.clock, engine, Keys("x"), P, self.heard, self.groups(), keep_authorization=True, alone=alone
        )
        self.copy.connections = self.live
        self.twin.join(P, "t", "", 0)
        self.copy.joined()
        self.engine.asked.clear()
        self.stored: list[tuple[str, bool]] = []

    def groups(self) -> OwnGroups:
        self.registry = Registry()
        return OwnGroups(self.clock, self.clock.seconds, Vouches(), self.registry)

    def put(self, name: str, closed: Closed | None = None) -> None:
        self.copy.put(record(name, closed=closed), lambda safe: self.stored.append((name, safe)))

    @property
    def rows(self) -> dict[str, str]:
        return self.twin.rows.get(P, {})

    def batches(self) -> list[tuple[Any, ...]]:
        return [words for words in self.engine.asked if words[0] == "write"]

    def test_life(self) -> None:
        """A row is there before the connection is stored, gets its end, and goes with its last word."""
        self.put("a")
        self.assertEqual(self.stored, [("a", True)])
        self.assertEqual(decode_record(self.rows[field("a")].encode()), record("a"))
        self.copy.closed(record("a").id, CLOSED)
        self.clock.advance(ENDS_DELAY)
        self.assertEqual(decode_closed(self.rows[field("a") + "."].encode()), CLOSED)
        self.copy.remove(record("a").id)
        self.assertFalse(self.copy.idle)
        self.clock.advance(ENDS_DELAY)
        self.assertEqual(self.rows, {})
        self.assertTrue(self.copy.idle)

    def test_patience(self) -> None:
        """The ends of connections, for which nobody waits, leave together, or with the next newcomer."""
        for name in "abc":
            self.put(name)
        before = len(self.batches())
        for name in "ab":
            self.copy.closed(record(name).id, CLOSED)
            self.copy.remove(record(name).id)
        self.assertEqual(len(self.batches()), before)
        self.put("d")
        self.assertEqual((len(self.batches()), set(self.rows)), (before + 1, {field("c"), field("d")}))
        self.copy.remove(record("c").id)
        self.copy.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_secrets(self) -> None:
        """Without JOURNAL_AUTHORIZATION the engine gets no Authorization value."""
        engine: Any = self.engine
        copy = RowCopy(
            self.clock, engine, Keys("x"), P, self.heard, self.groups(), keep_authorization=False, alone=True
        )
        copy.connections = self.live
        copy.joined()
        copy.put(record("a", secret=b"secret"), lambda safe: None)
        self.assertNotIn("secret", self.rows[field("a")])

    def gathering(
        self, most: int = MAX_BATCH, together: Callable[[Callable[[], object]], object] = lambda work: work()
    ) -> RowCopy:
        """Return a copy beside a journal on disk."""
        engine: Any = self.engine
        copy = RowCopy(
            self.clock,
            engine,
            Keys("x"),
            P,
            self.heard,
            self.groups(),
            keep_authorization=True,
            alone=True,
            gathering=OPENINGS_DELAY,
            most=most,
            together=together,
        )
        copy.connections = self.live
        copy.joined()
        return copy

    def test_gathering(self) -> None:
        """Beside a journal on disk new rows wait for others, but not longer than that journal takes."""
        copy = self.gathering()
        before = len(self.batches())
        copy.remove(record("x").id)  # nobody waits for that
        for name in "abc":
            copy.put(record(name), lambda safe: self.stored.append(("", safe)))
            self.clock.advance(OPENINGS_DELAY / 4)
        self.assertEqual((len(self.batches()) - before, self.stored), (0, []))
        self.clock.advance(OPENINGS_DELAY / 4)
        self.assertEqual((len(self.batches()) - before, len(self.stored)), (1, 3))
        self.assertEqual(len(self.rows), 3)

    def test_together(self) -> None:
        """The connections whose rows came to the engine in one batch go on together."""
        together: list[int] = []

        def counted(work: Callable[[], object]) -> None:
            before = len(self.stored)
            work()
            together.append(len(self.stored) - before)

        copy = self.gathering(together=counted)
        for name in "abc":
            copy.put(record(name), lambda safe: self.stored.append(("", safe)))
        self.clock.advance(OPENINGS_DELAY)
        self.assertEqual(([each for each in together if each], self.stored), ([3], [("", True)] * 3))

    def test_gathering_while_a_batch_is_under_way(self) -> None:
        """What comes while a batch is under way waits for others as long as it would have without: a new row for that
        long from when it came, or until the answer if that is later, and an end for longer.
        """
        copy = self.gathering()
        before, self.engine.held = len(self.batches()), []
        copy.put(record("a"), lambda safe: None)
        self.clock.advance(OPENINGS_DELAY)
        copy.put(record("b"), lambda safe: None)
        self.clock.advance(OPENINGS_DELAY / 4)
        self.engine.release()
        self.clock.advance(OPENINGS_DELAY / 2)
        self.assertEqual(len(self.batches()) - before, 1)
        self.engine.held = []
        self.clock.advance(OPENINGS_DELAY / 4)
        self.assertEqual(len(self.batches()) - before, 2)
        copy.put(record("c"), lambda safe: None)
        self.clock.advance(2 * OPENINGS_DELAY)
        self.assertEqual(len(self.batches()) - before, 2)
        held, self.engine.held = self.engine.held, []
        held[0][0].callback(held[0][1])
        self.assertEqual(len(self.batches()) - before, 3)
        copy.remove(record("a").id)
        self.engine.release()
        self.clock.advance(2 * OPENINGS_DELAY)
        self.assertEqual(len(self.batches()) - before, 3)
        self.clock.advance(ENDS_DELAY - 2 * OPENINGS_DELAY)
        self.assertEqual((len(self.batches()) - before, set(self.rows)), (4, {field("b"), field("c")}))
        self.assertTrue(copy.idle)

    def test_rest_of_a_batch(self) -> None:
        """What a batch has no room for leaves with its answer, although what came meanwhile could wait."""
        copy = self.gathering(most=2)
        self.twin.join(Q, "t", "", 0)
        self.twin.write(Q, Q, 1, {field("a"): "x"}, [])
        self.twin.claim(P, Q, "t")
        before, self.engine.held = len(self.batches()), []
        for name in "abc":
            copy.put(record(name), lambda safe: self.stored.append(("", safe)))
        copy.remove(record("a", prefix=Q).id)
        self.clock.advance(OPENINGS_DELAY)
        copy.put(record("d"), lambda safe: self.stored.append(("", safe)))
        self.assertEqual(len(self.batches()) - before, 1)
        self.engine.release()
        self.assertEqual((len(self.batches()) - before, len(self.stored)), (3, 4))
        self.assertEqual((len(self.rows), Q in self.twin.owner), (4, False))
        self.assertTrue(copy.idle)

    def test_found_by_a_comparison(self) -> None:
        """What a comparison finds leaves at once, although what came meanwhile could wait."""
        copy = self.gathering()
        self.live.all = [record("a")]
        self.engine.held = []
        copy.joined()
        copy.put(record("b"), lambda safe: None)
        self.engine.release()
        self.assertEqual(set(self.rows), {field("a"), field("b")})

    def test_batches(self) -> None:
        """What comes while a batch is under way leaves in one; what came and went within it leaves no row."""
        self.engine.held = []
        for name in "abcd":
            self.put(name)
        self.copy.remove(record("d").id)
        self.assertEqual((len(self.batches()), self.stored), (1, []))
        self.engine.release()
        self.assertEqual((len(self.batches()), sorted(self.rows)), (2, [field(name) for name in "abc"]))
        self.assertEqual(sorted(self.stored), [(name, True) for name in "abcd"])

    def test_changed_meanwhile(self) -> None:
        """A row that changes while its batch is under way is safe with the next batch, not with that one."""
        self.engine.held = []
        self.put("a")
        self.copy.put(record("a", secret=b"new"), lambda safe: self.stored.append(("changed", safe)))
        held, self.engine.held = self.engine.held, []
        held[0][0].callback(held[0][1])
        self.assertEqual(self.stored, [("a", True)])
        self.engine.release()
        self.assertEqual(self.stored, [("a", True), ("changed", True)])
        self.assertEqual(decode_record(self.rows[field("a")].encode()), record("a", secret=b"new"))

    def test_known_text(self) -> None:
        """A record that is encoded already is sent as it is."""
        self.copy.put(record("a"), lambda safe: None, "the text")
        self.assertEqual(self.rows, {field("a"): "the text"})

    def test_failing_step(self) -> None:
        """A step that fails keeps none of the others from its word; the rows are compared again."""
        self.engine.held = []

        def fail(safe: bool) -> None:
            raise ZeroDivisionError

        self.put("first")
        for name in "abc":
            self.copy.put(record(name), fail) if name == "b" else self.put(name)
        self.engine.release()
        self.assertEqual(self.stored, [(name, True) for name in ("first", "a", "c")])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.live.all = [record(name) for name in "ac"]
        self.copy.renewed()
        self.assertEqual(sorted(self.rows), [field(name) for name in "ac"])

    def test_turns(self) -> None:
        """The rows of claimed processes and those of this one take turns, however many come."""
        self.twin.join(Q, "t", "", 0)
        self.twin.write(Q, Q, 1, {field("a"): "x", field("b"): "x"}, [])
        self.twin.claim(P, Q, "t")
        self.engine.held = []
        self.put("first")
        for name in "ab":
            self.copy.remove(record(name, prefix=Q).id)
            self.put(f"{name}1")
            self.clock.advance(ENDS_DELAY)
            for _ in range(2):
                held, self.engine.held = self.engine.held, []
                self.put(f"{name}2")
                for deferred, answer in held:
                    deferred.callback(answer)
        self.assertEqual([words[2] for words in self.batches()], [P, Q, P, Q, P])

    def test_bound_of_a_batch(self) -> None:
        """A batch has at most MAX_BATCH fields; the rest follows."""
        self.engine.held = []
        self.put("first")
        for number in range(MAX_BATCH + 5):
            self.put(str(number))
        while self.engine.held is not None and self.engine.held:
            self.engine.release()
        self.assertEqual(len(self.rows), MAX_BATCH + 6)
        self.assertLessEqual(max(words[4] for words in self.batches()), MAX_BATCH)
        self.assertEqual(len(self.stored), MAX_BATCH + 6)

    def test_engine_lost(self) -> None:
        """While the engine is away the disk alone makes a connection safe, and that is noted first; without a disk it
        is not safe. What lives is uploaded when the engine is back, and what ended meanwhile goes.
        """
        for alone in (True, False):
            self.make(alone)
            self.put("gone")
            self.engine.held = []
            self.put("under way")
            self.engine.lose()
            self.assertEqual(self.stored[1:], [("under way", alone)])
            self.put("away")
            self.assertEqual(self.stored[2:], [("away", alone)])
            self.assertEqual(self.heard.said, [False] if alone else [])
            self.copy.remove(record("gone").id)
            self.live.all = [record("under way"), record("away", closed=CLOSED), record("other", prefix=Q)]
            self.engine.there = True
            self.copy.renewed()
            self.assertEqual(set(self.rows), {field("under way"), field("away"), field("away") + "."})
            self.assertEqual(self.heard.said, [False, True] if alone else [])

    def test_lost_batches(self) -> None:
        """A replica that took over without the last batches is found at the next one: all that lives is there again,
        and what had gone goes again.
        """
        self.put("a")
        self.put("b")
        earlier = self.twin.snapshot()
        self.put("c")
        self.copy.remove(record("a").id)
        self.live.all = [record("b"), record("c"), record("d")]
        self.twin.restore(earlier)
        self.put("d")
        self.assertEqual(set(self.rows), {field(name) for name in "bcd"})
        self.put("e")
        self.assertEqual(len(self.batches()), 6)

    def test_lost_batches_of_an_idle_node(self) -> None:
        """A replica that took over without the last batches is found by the connection to it, although nothing is to be
        written; one that has them gets nothing again.
        """
        self.put("a")
        self.put("b")
        earlier = self.twin.snapshot()
        self.put("c")
        self.copy.remove(record("a").id)
        self.clock.advance(ENDS_DELAY)
        self.live.all = [record("b"), record("c")]
        self.engine.connections += 1
        self.copy.renewed()
        self.assertEqual(len(self.batches()), 4)
        self.twin.restore(earlier)
        self.engine.connections += 1
        self.copy.renewed()
        self.assertEqual(set(self.rows), {field(name) for name in "bc"})
        self.assertEqual(len(self.batches()), 5)
        self.copy.renewed()
        self.assertEqual(len(self.batches()), 5)

    def test_empty_engine(self) -> None:
        """An engine that knows nothing says so; once joined again, it has all that lives."""
        self.put("a")
        self.live.all = [record("a"), record("b")]
        self.twin.__dict__.update(Twin(now=1).__dict__)
        self.put("b")
        self.assertEqual(self.heard.said, ["unknown", False] if self.heard.said[0] == "unknown" else [False, "unknown"])
        self.twin.join(P, "t", "", self.copy.sequence)
        self.copy.joined()
        self.assertEqual(set(self.rows), {field("a"), field("b")})

    def test_fenced(self) -> None:
        """A batch of a process that was claimed changes nothing, and says so."""
        self.put("a")
        self.twin.owner[P] = Q
        self.put("b")
        self.assertIn("fenced", self.heard.said)
        self.assertEqual(set(self.rows), {field("a")})

    def test_claimed_rows(self) -> None:
        """Rows of a claimed process are removed one by one; those of which the word was lost go when the engine is
        back, so that nobody tells of them again.
        """
        self.twin.join(Q, "t", "", 0)
        self.twin.write(Q, Q, 1, {field("a"): "x", field("b"): "x", field("c"): "x"}, [])
        self.twin.claim(P, Q, "t")
        self.copy.remove(record("a", prefix=Q).id)
        self.clock.advance(ENDS_DELAY)
        self.assertEqual(set(self.twin.rows[Q]), {field("b"), field("c")})
        self.engine.there = False
        for name in "bc":  # the first finds that the engine is away
            self.copy.remove(record(name, prefix=Q).id)
            self.clock.advance(ENDS_DELAY)
        self.engine.there = True
        self.copy.renewed()
        self.assertEqual(self.twin.rows, {})
        self.assertNotIn(Q, self.twin.owner)
        self.assertTrue(self.copy.idle)

    def test_compared_now_and_then(self) -> None:
        """All rows are compared now and then: what no answer told of is found."""
        self.put("a")
        self.live.all = [record("b")]
        self.copy.renewed()
        self.assertEqual(set(self.rows), {field("a")})
        self.clock.advance(COMPARE_EVERY)
        self.copy.renewed()
        self.assertEqual(set(self.rows), {field("b")})

    def test_stop_in_order(self) -> None:
        """A stop warns of nothing: no connection is new any more."""
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        self.copy.stop()
        self.assertEqual(events, [])

    def test_stop(self) -> None:
        """After the stop nothing is sent."""
        self.copy.stop()
        self.put("a")
        self.assertEqual((self.rows, self.stored), ({}, [("a", True)]))
