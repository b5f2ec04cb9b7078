"""Whose turn it is."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.trial.unittest import SynchronousTestCase

from wsaas.backend.fair_queue import FairQueue


@dataclass(frozen=True)
class Item:
    party: str
    number: int

    def __repr__(self) -> str:
        return f"{self.party}{self.number}"


class FairQueueTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.queue = FairQueue[Item]()

    def put(self, items: str) -> None:
        for item in items.split():
            self.queue.append(Item(item[0], int(item[1:])))

    def rest(self) -> str:
        """All that is left, in turn."""
        taken = []
        while (item := self.queue.take(lambda party: True)) is not None:
            taken.append(repr(item))
        self.assertEqual(self.queue.size, 0)
        return " ".join(taken)

    def test_turns(self) -> None:
        """Parties take turns, however much one of them has; within a party the oldest comes first."""
        self.put("a1 a2 a3 a4 b1 c1 b2")
        self.assertEqual(self.queue.size, 7)
        self.assertEqual(self.rest(), "a1 b1 c1 a2 b2 a3 a4")

    def test_newcomer(self) -> None:
        """A party that had nothing here has its turn after those that wait, and no later."""
        self.put("a1 a2 a3 b1 b2")
        self.queue.take(lambda party: True)
        self.put("c1")
        self.assertEqual(self.rest(), "b1 a2 c1 b2 a3")

    def test_not_admitted(self) -> None:
        """A party that may not go now keeps its turn, and holds up nobody."""
        self.put("a1 a2 b1 c1")
        self.assertEqual(self.queue.take(lambda party: party != "a"), Item("b", 1))
        self.assertIsNone(self.queue.take(lambda party: False))
        self.assertEqual(self.rest(), "a1 c1 a2")

    def test_first(self) -> None:
        """One that is put in front comes before its party's others, and before no other party."""
        self.put("a1 b1")
        self.queue.append(Item("b", 0), first=True)
        self.assertEqual(self.rest(), "a1 b0 b1")

    def test_exchange(self) -> None:
        """An item that is put in as another one is taken comes where it would if it were put in before."""
        for waiting in ("a1", "a1 a2", "a1 b1", "a1 a2 b1", "b1 a1 a2", "a1 a2 b1 b2 c1"):
            for party in "abcd":
                rests = []
                for together in (False, True):
                    self.put(waiting)
                    first, item = waiting[0], Item(party, 9)
                    if together:
                        taken = self.queue.exchange(first, item)
                    else:
                        self.queue.append(item)
                        taken = self.queue.take_of(first)
                    self.assertEqual(self.queue.size, len(waiting.split()))
                    rests.append((repr(taken), self.rest()))
                self.assertEqual(rests[0], rests[1], (waiting, party))

    def test_remove(self) -> None:
        """What is taken out is gone, and all else has its turn."""
        self.put("a1 a2 b1 c1 c2")
        removed = self.queue.remove(lambda item: item.number == 1)
        self.assertEqual([repr(item) for item in removed], ["a1", "b1", "c1"])
        self.assertEqual(self.queue.size, 2)
        self.put("b2 b3")
        self.assertEqual([repr(item) for item in self.queue.remove_party("b")], ["b2", "b3"])
        self.assertEqual(self.queue.remove_party("b"), [])
        self.assertEqual(self.rest(), "a2 c2")

    def test_remove_all(self) -> None:
        """Or all of it."""
        self.put("a1 b1 b2")
        self.assertEqual(len(self.queue.remove_all()), 3)
        self.put("b3")
        self.assertEqual(self.rest(), "b3")
