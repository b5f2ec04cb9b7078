"""One message, or one close, for many connections, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from wsaas.gateway.errors import ClientTooSlow, NoSuchConnection

BATCH = 200
"""How many connections are served before others get their turn."""


class Cast:
    """Does `act` for each of `ids`. Those that were too slow, or gone by then, are skipped; nobody is waited for.

    Whoever owns it calls `advance` until it is False, and lets other work happen between. It holds one list of ids.
    """

    def __init__(self, ids: Iterable[str], act: Callable[[str], object]) -> None:
        self._left = iter(ids)
        self._act = act
        self.sent = 0
        self.skipped = 0

    def advance(self) -> bool:
        """Serve the next batch; whether there may be more."""
        batch = list(islice(self._left, BATCH))
        for id in batch:
            try:
                self._act(id)
            except (ClientTooSlow, NoSuchConnection):
                self.skipped += 1
            else:
                self.sent += 1
        return len(batch) == BATCH
