"""The lane: order and bounds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.support.properties import examples
from wsaas.core.events import Received
from wsaas.core.lane import OVERHEAD, Lane
from wsaas.core.model import Frame


def message(sequence: int, length: int = 0) -> Received:
    return Received(sequence, Frame(b"x" * length, binary=True))


class LaneTests(SynchronousTestCase):
    def test_order(self) -> None:
        """First in, first out; the head stays until it is popped."""
        lane = Lane(10_000)
        for sequence in (1, 2, 3):
            lane.push(message(sequence))
        self.assertEqual((lane.head, lane.head, len(lane)), (message(1), message(1), 3))
        lane.pop()
        self.assertEqual((lane.head, len(lane)), (message(2), 2))

    def test_room_to_the_last_byte(self) -> None:
        """A message has room as long as it fills the capacity exactly, its overhead included."""
        lane = Lane(2 * OVERHEAD + 15)
        lane.push(message(1, 10))
        self.assertTrue(lane.has_room(5))
        self.assertFalse(lane.has_room(6))

    def test_empty_messages_take_room(self) -> None:
        """A flood of empty messages ends, too."""
        lane = Lane(3 * OVERHEAD)
        for sequence in (1, 2, 3):
            self.assertTrue(lane.has_room(0))
            lane.push(message(sequence))
        self.assertFalse(lane.has_room(0))

    def test_relaxed_at_half(self) -> None:
        """It is relaxed when no more than half is taken."""
        lane = Lane(4 * OVERHEAD)
        self.assertTrue(lane.relaxed)
        lane.push(message(1, OVERHEAD))
        self.assertTrue(lane.relaxed)
        lane.push(message(2))
        self.assertFalse(lane.relaxed)

    def test_clear(self) -> None:
        """What is given up is counted, and leaves room for all."""
        lane = Lane(1000)
        lane.push(message(1, 700))
        lane.push(message(2, 700))
        self.assertEqual(lane.clear(), 2)
        self.assertEqual((len(lane), lane.size, lane.has_room(10**9), lane.clear()), (0, 0, True, 0))

    @examples(100)
    @given(
        st.integers(0, 6 * OVERHEAD),
        st.lists(st.one_of(st.integers(0, 5 * OVERHEAD), st.sampled_from(["pop", "pop", "clear"]))),
    )
    def test_against_a_list(self, capacity: int, steps: list[int | str]) -> None:
        """It holds what a list would, knows its size, and holds no more than its capacity or one message.

        A number is a message of that length, pushed if it has room.
        """
        lane, model, sequence = Lane(capacity), [], 0
        for step in steps:
            if step == "clear":
                self.assertEqual(lane.clear(), len(model))
                model.clear()
            elif step == "pop":
                if model:
                    self.assertEqual(lane.head, model.pop(0))
                    lane.pop()
            else:
                fits = not model or lane.size + step + OVERHEAD <= capacity
                self.assertEqual(lane.has_room(step), fits)
                if fits:
                    sequence += 1
                    lane.push(message(sequence, step))
                    model.append(message(sequence, step))
            self.assertEqual(len(lane), len(model))
            self.assertEqual(lane.size, sum(len(each.frame.payload) + OVERHEAD for each in model))
            self.assertTrue(lane.size <= capacity or len(lane) == 1)
