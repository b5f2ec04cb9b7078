"""What is ready to be sent and waits for its turn: parties take turns, and within a party the oldest comes first."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar


class Waiting(Protocol):
    """An item that waits on behalf of a party."""

    party: str


T = TypeVar("T", bound=Waiting)


class FairQueue(Generic[T]):
    """A queue in which a party delays each of another's by one of its own, however many it has; `size` of all.

    The bound is that of its user: the courier has each session in it at most once.
    """

    __slots__ = ("parties", "size")

    def __init__(self) -> None:
        self.parties: OrderedDict[str, deque[T]] = OrderedDict()
        """Those of which something waits, in the order of their turns."""
        self.size = 0

    def append(self, item: T, first: bool = False) -> None:
        """Put it behind its party's others, or before them. A party that had none has its turn after all others."""
        waiting = self.parties.get(item.party)
        if waiting is None:
            waiting = self.parties[item.party] = deque()
        if first:
            waiting.appendleft(item)
        else:
            waiting.append(item)
        self.size += 1

    def take(self, admit: Callable[[str], bool]) -> T | None:
        """The next one, of the first party in turn that `admit` allows; that party's next turn is after all others."""
        for party, waiting in self.parties.items():
            if admit(party):
                item = waiting.popleft()
                if waiting:
                    self.parties.move_to_end(party)
                else:
                    del self.parties[party]
                self.size -= 1
                return item
        return None

    def remove(self, unwanted: Callable[[T], bool]) -> list[T]:
        """Take out all that are unwanted."""
        removed: list[T] = []
        for party, waiting in list(self.parties.items()):
            kept: deque[T] = deque()
            for item in waiting:
                (removed if unwanted(item) else kept).append(item)
            if kept:
                self.parties[party] = kept
            else:
                del self.parties[party]
        self.size -= len(removed)
        return removed

    def remove_party(self, party: str) -> list[T]:
        """Take out all of a party."""
        removed = list(self.parties.pop(party, ()))
        self.size -= len(removed)
        return removed

    def remove_all(self) -> list[T]:
        """Take out all."""
        removed = [item for waiting in self.parties.values() for item in waiting]
        self.parties.clear()
        self.size = 0
        return removed
