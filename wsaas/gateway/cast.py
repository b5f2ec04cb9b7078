"""One message, or one close, for many connections, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Generic, TypeVar

from wsaas.gateway.errors import ClientTooSlow, NoSuchConnection

T = TypeVar("T")

BATCH = 400
"""How many connections are served before others get their turn."""


class Cast(Generic[T]):
    """Does `act` for each of the connections. Those that were too slow, or gone by then, are skipped; nobody is waited
    for.

    Whoever owns it calls `advance` until it is False, and lets other work happen between. It holds one list of
    connections.
    """

    def __init__(self, connections: Iterable[T], act: Callable[[T], object]) -> None:
        self._left = iter(connections)
        self._act = act
        self.sent = 0
        self.skipped = 0

    def advance(self) -> bool:
        """Serve the next batch; whether there may be more."""
        act, served, skipped = self._act, 0, 0
        for connection in islice(self._left, BATCH):
            served += 1
            try:
                act(connection)
            except (ClientTooSlow, NoSuchConnection):
                skipped += 1
        self.sent += served - skipped
        self.skipped += skipped
        return served == BATCH
