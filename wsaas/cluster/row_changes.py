"""The changes of rows that wait for the engine, in batches: each is about the rows of one process.

The rows of this process and those of the processes that it has claimed take turns.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from wsaas.cluster.engine_connection import EngineAway, EngineRefused
from wsaas.cluster.row_fields import Change
from wsaas.core.interfaces import Stored

Waiting = tuple[str, Stored]
"""The field of a row, and what is called once the engine has that."""


class RowChanges:
    """The changes that wait. A batch has `most` of them, at most.

    Bounds: a change for each field of a connection that lives, and one for each row of the claimed processes; a
    callback for each connection that waits for its 101, or for the answer to a refresh.
    """

    def __init__(self, own: str, most: int) -> None:
        self._own = own
        self._most = most
        self.own: dict[str, Change] = {}
        """The changes of this process's rows."""
        self.waiting: list[Waiting] = []
        """The callbacks that wait for a change in `own`, in order."""
        self.due = False
        """True if a batch of this process is to leave although no row of it changes."""
        self._claimed: dict[str, dict[str, Change]] = {}
        self._own_was_last = False

    def __bool__(self) -> bool:
        return bool(self.own or self.due or self._claimed)

    def remove_claimed(self, prefix: str, field: str) -> None:
        """Have a row of a claimed process removed."""
        self._claimed.setdefault(prefix, {})[field] = None

    def watch(self, answered: Deferred[Any], prefix: str, changes: dict[str, Change]) -> None:
        """Hear the answer to a batch of a claimed process. If another process has claimed that, nothing more of it is
        sent. A batch that failed is sent again: each row is told once, and must not come back.
        """

        def written(answer: Any) -> None:
            if answer[0] != b"OK":
                self._claimed.pop(prefix, None)

        def failed(failure: Failure) -> Failure:
            if failure.check(EngineAway, EngineRefused) is not None:
                self._claimed[prefix] = changes | self._claimed.get(prefix, {})
            return failure

        answered.addCallbacks(written, failed)

    def drop_own(self) -> list[Waiting]:
        """Send nothing of this process's rows; return the callbacks that waited."""
        waiting = self.waiting
        self.own, self.waiting, self.due = {}, [], False
        return waiting

    def take(self) -> tuple[str, dict[str, Change], list[Waiting]] | None:
        """Return the next batch: its process, its changes and the callbacks that wait for it; None if nothing waits."""
        if not (self.own or self.due) or (self._claimed and self._own_was_last):
            self._own_was_last = False
            return self._take_claimed()
        self._own_was_last = True
        changes, waiting = self.own, self.waiting
        self.own, self.waiting, self.due = {}, [], False
        if len(changes) > self._most:
            changes, self.own = self._divided(changes)
            self.waiting = [each for each in waiting if each[0] not in changes]
            waiting = [each for each in waiting if each[0] in changes]
        return self._own, changes, waiting

    def _take_claimed(self) -> tuple[str, dict[str, Change], list[Waiting]] | None:
        if not self._claimed:
            return None
        prefix = next(iter(self._claimed))
        changes = self._claimed.pop(prefix)
        if len(changes) > self._most:
            changes, self._claimed[prefix] = self._divided(changes)
        return prefix, changes, []

    def _divided(self, changes: dict[str, Change]) -> tuple[dict[str, Change], dict[str, Change]]:
        each = iter(changes.items())
        return dict(islice(each, self._most)), dict(each)
