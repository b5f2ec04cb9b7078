"""The lane: order and bounds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.support.core_fakes import Calls, FakePeer
from tests.support.properties import examples
from wsaas.core.batch import BatchLane
from wsaas.core.events import Received
from wsaas.core.lane import OVERHEAD, Lane
from wsaas.core.model import Frame, Messages


def frame(length: int = 0) -> Frame:
    return Frame(b"x" * length, binary=True)


def message(sequence: int, length: int = 0) -> Received:
    return Received(sequence, frame(length))


def has_room(lane: Lane, length: int) -> bool:
    """Whether the client is read on from when such a message is announced."""
    peer = FakePeer(Calls())
    lane.announce(length, peer)
    return not peer.calls


class LaneTests(SynchronousTestCase):
    def test_order(self) -> None:
        """First in, first out; the head stays until it is popped."""
        lane = Lane(10_000)
        for _ in range(3):
            lane.push(frame())
        self.assertEqual((lane.head, lane.head, len(lane)), (message(1), message(1), 3))
        lane.pop()
        self.assertEqual((lane.head, len(lane)), (message(2), 2))

    def test_room_to_the_last_byte(self) -> None:
        """A message has room as long as it fills the capacity exactly, its overhead included."""
        lane = Lane(2 * OVERHEAD + 15)
        lane.push(frame(10))
        self.assertTrue(has_room(lane, 5))
        self.assertFalse(has_room(lane, 6))

    def test_empty_messages_take_room(self) -> None:
        """A flood of empty messages ends, too."""
        lane = Lane(3 * OVERHEAD)
        for _ in range(3):
            self.assertTrue(has_room(lane, 0))
            lane.push(frame())
        self.assertFalse(has_room(lane, 0))

    def test_relieved_at_half(self) -> None:
        """The client is read on from when the message that was refused has room, and no more than half is taken."""
        for length, left in ((0, 2), (OVERHEAD, 2), (2 * OVERHEAD, 1), (10 * OVERHEAD, 0)):
            lane, peer = Lane(4 * OVERHEAD), FakePeer(Calls())
            for _ in range(4):
                lane.push(frame())
            lane.announce(length, peer)
            while lane.refused is not None:
                self.assertEqual(peer.calls, ["pause"])
                lane.pop()
                lane.relieve(peer)
            self.assertEqual((peer.calls, len(lane)), (["pause", "resume"], left))
            lane.relieve(peer)
            self.assertEqual(peer.calls, ["pause", "resume"], "once")

    @examples(100)
    @given(st.lists(st.lists(st.integers(0, 9), max_size=70) | st.sampled_from(["pop", "clear"]), max_size=9))
    def test_several(self, steps: list[list[int] | str]) -> None:
        """Several messages pushed together are there as if they had come one by one, also in a lane of batches,
        and there was room for just what `room` says.
        """
        for make in (lambda: Lane(50_000), lambda: BatchLane(50_000, 3, 10_000)):
            slow, fast = make(), make()
            for step in steps:
                if step == "clear":
                    slow.give_up()
                    fast.give_up()
                elif step == "pop":
                    if len(slow):
                        self.assertEqual(slow.head, fast.head)
                        slow.pop()
                        fast.pop()
                elif step and isinstance(step, list):
                    frames = [Frame(b"x" * length, length % 2 == 0) for length in step]
                    binary = sum(frame.binary for frame in frames)
                    for frame in frames:
                        slow.push(frame)
                    fast.push_all(Messages(frames, sum(step), binary))
                self.assertEqual(list(slow.messages), list(fast.messages))
                for name in ("size", "received", "binary", "bytes", "lost", "room"):
                    self.assertEqual(getattr(slow, name), getattr(fast, name), name)
                if len(fast) and fast.room >= OVERHEAD:
                    self.assertTrue(has_room(fast, fast.room - OVERHEAD))
                    self.assertFalse(has_room(fast, fast.room - OVERHEAD + 1))
                    fast.refused = None

    def test_little_memory(self) -> None:
        """An idle connection keeps no deque: neither one that had a message, nor one that had several."""
        for make, most in ((lambda: Lane(50_000), 1), (lambda: BatchLane(50_000, 8, 10_000), 8)):
            lane = make()
            for count in (1, 8, 100):
                lane.push_all(Messages([frame()] * count, 0, count))
                self.assertEqual(isinstance(lane.messages, tuple), count <= lane.MOST_IN_TUPLE)
                while len(lane):
                    self.assertIsNotNone(lane.head)
                    lane.pop()
                self.assertEqual(lane.messages, ())
            self.assertGreaterEqual(lane.MOST_IN_TUPLE, most)

    def test_nobody_to_pause(self) -> None:
        """Of a client that is gone nothing is paused or resumed."""
        lane = Lane(OVERHEAD)
        lane.push(frame())
        lane.announce(1, None)
        lane.relieve(None)
        self.assertIsNone(lane.refused)

    def test_give_up(self) -> None:
        """What is given up is counted, and leaves room for all."""
        lane = Lane(1000)
        lane.push(frame(700))
        lane.push(frame(700))
        for _ in range(2):
            lane.give_up()
            self.assertEqual((lane.lost, len(lane), lane.size, has_room(lane, 10**9)), (2, 0, 0, True))

    @examples(100)
    @given(
        st.integers(0, 6 * OVERHEAD),
        st.lists(st.one_of(st.integers(0, 5 * OVERHEAD), st.sampled_from(["pop", "pop", "clear"]))),
    )
    def test_against_a_list(self, capacity: int, steps: list[int | str]) -> None:
        """It holds what a list would, knows its size, and holds no more than its capacity or one message.

        A number is a message of that length, pushed if it has room.
        """
        lane, model, sequence, lost = Lane(capacity), [], 0, 0
        for step in steps:
            if step == "clear":
                lane.give_up()
                lost += len(model)
                model.clear()
            elif step == "pop":
                if model:
                    self.assertEqual(lane.head, model.pop(0))
                    lane.pop()
            else:
                fits = not model or lane.size + step + OVERHEAD <= capacity
                self.assertEqual(has_room(lane, step), fits)
                if fits:
                    sequence += 1
                    lane.push(frame(step))
                    model.append(message(sequence, step))
            self.assertEqual((len(lane), lane.received, lane.lost), (len(model), sequence, lost))
            self.assertEqual(lane.size, sum(len(each.frame.payload) + OVERHEAD for each in model))
            self.assertTrue(lane.size <= capacity or len(lane) == 1)
