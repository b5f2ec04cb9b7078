"""Batches of a lane: as many messages as their limits allow, in order, each until it is taken."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.support.core_fakes import Stage, text
from tests.support.properties import examples
from wsaas.core.batch import BatchLane, make_lane
from wsaas.core.events import Batch
from wsaas.core.lane import OVERHEAD, Lane
from wsaas.core.model import Frame, Limits
from wsaas.core.outcomes import Accepted, Delivered


class BatchLaneTests(SynchronousTestCase):
    @examples(200)
    @given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12), st.none() | st.integers(1, 3)), max_size=20))
    def test_as_a_list(self, steps: list[tuple[int, int, int | None]]) -> None:
        """Whatever comes and is taken, a batch is the beginning of what waits, as far as the limits go."""
        lane, waiting = BatchLane(10_000, 3, 20), list[int]()
        for count, length, taken in steps:
            for _ in range(count):
                lane.push(Frame(b"x" * length, binary=True))
                waiting.append(length)
            if not waiting:
                continue
            batch = lane.head.messages
            expected = next(n for n in (3, 2, 1) if n <= len(waiting) and (n == 1 or sum(waiting[:n]) <= 20))
            self.assertEqual([len(message.frame.payload) for message in batch], waiting[:expected])
            self.assertEqual(batch[0].sequence, lane.received - len(waiting) + 1)
            lane.push(Frame(b"", binary=True))  # it comes while the batch is in flight
            waiting.append(0)
            lane.pop(None if taken is None or taken > len(batch) else taken)
            del waiting[: taken if taken is not None and taken <= len(batch) else len(batch)]
            self.assertEqual((len(lane), lane.size), (len(waiting), sum(waiting) + OVERHEAD * len(waiting)))

    def test_made(self) -> None:
        """A connection has a lane for batches if a webhook may have several messages, else the plain one."""
        self.assertIs(type(make_lane(Limits(1, 1, 1))), Lane)
        self.assertIs(type(make_lane(Limits(1, 1, 1, batch=2))), BatchLane)


class SessionTests(SynchronousTestCase):
    def stage(self, *messages: str) -> Stage:
        stage = Stage(batch=3)
        stage.next_event()
        stage.resolve(Accepted())
        stage.receive(*messages)
        stage.calls.flush()
        return stage

    def batch(self, stage: Stage) -> list[str]:
        event = stage.next_event()
        assert isinstance(event, Batch)
        return [message.frame.payload.decode() for message in event.messages]

    def test_taken(self) -> None:
        """What the backend has taken of a batch is gone, the rest is in the next."""
        stage = self.stage("a", "b", "c", "d", "e")
        self.assertEqual(self.batch(stage), ["a", "b", "c"])
        stage.resolve(Delivered(taken=2))
        self.assertEqual(self.batch(stage), ["c", "d", "e"])
        stage.resolve(Delivered())
        self.assertEqual(stage.session.pending, None)

    def test_held_replies(self) -> None:
        """Of several replies those that find no room wait, in order, and no message is taken meanwhile."""
        stage = self.stage("a", "b")
        self.batch(stage)
        stage.calls.then["send one"] = lambda: setattr(stage.peer, "full", True)
        stage.resolve(Delivered(text("one"), (text("two"), text("three")), taken=1))
        self.assertEqual(stage.calls, ["send one", "no room for two"])
        self.assertEqual((stage.session.pending, stage.session.outgoing.waiting), (None, len("twothree")))
        stage.peer.full = False
        stage.session.writable()
        self.assertEqual(stage.calls[2:], ["send two", "send three", "wake"])
        self.assertEqual((stage.session.outgoing.replies, self.batch(stage)), (3, ["b"]))
