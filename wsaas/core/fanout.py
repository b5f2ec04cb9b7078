"""One message, or one close, for many connections, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Generic, TypeVar

T = TypeVar("T")

BATCH = 500
"""How many connections are served before others get their turn."""


class FanOut(Generic[T]):
    """Serves the connections by `act`, which is given a batch and says for how many of it the act was done. The others
    were too slow, or gone by then: they are skipped, and nobody is waited for.

    Whoever owns it calls `advance` until it is False, and lets other work happen between. It holds one list of
    connections.
    """

    def __init__(self, connections: Iterable[T], act: Callable[[list[T]], int]) -> None:
        self._left = iter(connections)
        self._act = act
        self.sent = 0
        self.skipped = 0

    def advance(self, most: int = BATCH) -> bool:
        """Serve the next batch, of at most `most` connections; whether there may be more."""
        batch = list(islice(self._left, most))
        served = self._act(batch)
        self.sent += served
        self.skipped += len(batch) - served
        return len(batch) == most
