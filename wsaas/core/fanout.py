"""One message, or one close, for many connections, a step at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Generic, TypeVar

T = TypeVar("T")

BATCH = 500
"""Connections that one step serves."""


class FanOut(Generic[T]):
    """Serves connections by `act`, which is given a batch and returns how many of the batch it has served.

    The others were too slow, or gone by then: they are skipped, and the fan-out waits for none. Its owner calls `step`
    until that is False, and lets other work happen between. It holds one list of connections.
    """

    def __init__(self, connections: Iterable[T], act: Callable[[list[T]], int]) -> None:
        self._remaining = iter(connections)
        self._act = act
        self.sent = 0
        self.skipped = 0
        self.ended: Callable[[FanOut[T]], object] | None = None
        """Called after the last step, if that is set before."""

    def step(self, most: int = BATCH) -> bool:
        """Serve the next batch, of at most `most` connections; return False if there are no more."""
        batch = list(islice(self._remaining, most))
        served = self._act(batch)
        self.sent += served
        self.skipped += len(batch) - served
        more = len(batch) == most
        if not more and self.ended is not None:
            self.ended(self)
        return more
