"""A queue in which parties take turns; within a party the oldest item comes first."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar


class Waiting(Protocol):
    """An item that waits on behalf of a party."""

    party: str


T = TypeVar("T", bound=Waiting)


class FairQueue(Generic[T]):
    """A queue in which a party delays each item of another by one of its own at most. `size` counts all items.

    Its user bounds it: the courier has each session in it at most once.
    """

    __slots__ = ("parties", "size")

    def __init__(self) -> None:
        self.parties: OrderedDict[str, T | deque[T]] = OrderedDict()
        """Parties with an item that waits, in the order of their turns. Most have one, which needs no deque."""
        self.size = 0

    def append(self, item: T, first: bool = False) -> None:
        """Put an item behind those of its party, or before them. A party without items gets the last turn."""
        waiting = self.parties.get(item.party)
        if isinstance(waiting, deque):
            if first:
                waiting.appendleft(item)
            else:
                waiting.append(item)
        elif waiting is None:
            self.parties[item.party] = item
        else:
            self.parties[item.party] = deque((item, waiting) if first else (waiting, item))
        self.size += 1

    def take(self, admit: Callable[[str], bool]) -> T | None:
        """Take the next item of the first party that `admit` allows. That party's next turn is after all others."""
        for party in self.parties:
            if admit(party):
                return self.take_of(party)
        return None

    def take_of(self, party: str) -> T:
        """Take the next item of a party, which must have one."""
        self.size -= 1
        waiting = self.parties[party]
        if not isinstance(waiting, deque):
            del self.parties[party]
            return waiting
        item = waiting.popleft()
        if waiting:
            self.parties.move_to_end(party)
        else:
            del self.parties[party]
        return item

    def exchange(self, party: str, item: T) -> T:
        """Put an item in, and take the next one of a party, which must have one: as `append` and `take_of`."""
        waiting = self.parties[party]
        if item.party != party or not isinstance(waiting, deque):
            self.append(item)
            return self.take_of(party)
        waiting.append(item)
        self.parties.move_to_end(party)
        return waiting.popleft()

    def remove(self, unwanted: Callable[[T], bool]) -> list[T]:
        """Take out all that are unwanted."""
        removed: list[T] = []
        for party, waiting in list(self.parties.items()):
            kept: deque[T] = deque()
            for item in _all(waiting):
                (removed if unwanted(item) else kept).append(item)
            if kept:
                self.parties[party] = kept
            else:
                del self.parties[party]
        self.size -= len(removed)
        return removed

    def remove_party(self, party: str) -> list[T]:
        """Take out all of a party."""
        removed = [] if (waiting := self.parties.pop(party, None)) is None else list(_all(waiting))
        self.size -= len(removed)
        return removed

    def remove_all(self) -> list[T]:
        """Take out all."""
        removed = [item for waiting in self.parties.values() for item in _all(waiting)]
        self.parties.clear()
        self.size = 0
        return removed


def _all(waiting: T | deque[T]) -> Iterable[T]:
    return waiting if isinstance(waiting, deque) else (waiting,)
