"""The copy of this process's journal in the engine, and the rows of processes that this one has claimed.

    OFFLINE --join or renewal--> SYNCING --the engine's rows are compared--> ONLINE --a call fails--> OFFLINE

Online, changes gather for a moment (batch_timer.py), and while one batch is under way. Offline, the journal on disk
has to do; what lives is uploaded when the engine is back. A batch has a number, and its answer says that of the one
before: if that is another one, the engine has lost batches (a replica took over), and everything is compared again. The
number is asked for, too, after each new connection.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import islice
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger, LogLevel

from wsaas.cluster.batch_timer import BatchTimer
from wsaas.cluster.copy_events import CopyEvents, CopyState
from wsaas.cluster.engine import Engine
from wsaas.cluster.engine_connection import EngineAway, EngineRefused, Word
from wsaas.cluster.keys import Keys
from wsaas.cluster.own_groups import OwnGroups
from wsaas.cluster.row_fields import Change, differences, words_of
from wsaas.cluster.scripts import Scripts
from wsaas.core.events import Closed
from wsaas.core.ids import PREFIX_LENGTH
from wsaas.core.interfaces import Connections, Stored, Together
from wsaas.core.records import Record
from wsaas.telemetry.log_limit import LogLimit

MAX_BATCH = 1000
"""Fields that one batch changes, at most, and groups."""
ENDS_DELAY = 0.02
"""Seconds for which the ends of connections wait for more to send."""
OPENINGS_DELAY = 0.004
"""Seconds for which new connections do, beside a journal on disk, which gathers them for 5 ms before it writes."""
COMPARE_EVERY = 600.0
"""Seconds between two comparisons of all rows, which find what no answer told."""


class RowCopy:
    """The rows of process `own`. `alone` says if a row that only the journal on disk has is safe. New rows wait
    `gathering` seconds for others: no connect is later for that if the journal on disk takes as long. `together` makes
    the calls of one batch.

    Bounds: a change for each field of a connection that lives, and one for each row of the claimed processes.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        engine: Engine,
        keys: Keys,
        own: str,
        events: CopyEvents,
        groups: OwnGroups,
        *,
        keep_authorization: bool,
        alone: bool,
        gathering: float = 0.0,
        most: int = MAX_BATCH,
        together: Together = lambda work: work(),
    ) -> None:
        self._clock = clock
        self._engine = engine
        self._keys = keys
        self._scripts = Scripts()
        self._own = own
        self._events = events
        self._groups = groups
        groups.changed = self._groups_changed
        self._keep_authorization = keep_authorization
        self._alone = alone
        self._gathering, self._most, self._together = gathering, most, together
        self._limit = LogLimit(clock)
        self._state = CopyState.OFFLINE
        self._pending: dict[str, dict[str, Change]] = {}
        self._callbacks: dict[str, list[Stored]] = {}
        self._busy: Deferred[None] | None = None
        self._timer = BatchTimer(clock, self._flush)
        self._compare_at = 0.0
        self._completing = False
        self._complete = True
        self.sequence = 0
        """The number of the last batch that was sent."""
        self._acknowledged = 0
        self._connection = 0
        """The engine's connection over which rows or the batch's number were last compared."""
        self.connections: Connections | None = None
        """The connections of this process."""

    def stop(self) -> None:
        """Send nothing more."""
        self._go_offline(None)
        self._groups.stop()
        self._timer.clear()
        if self._busy is not None:
            self._busy.cancel()

    @property
    def idle(self) -> bool:
        """Say if every change is answered, or none can be sent."""
        return self._state is CopyState.OFFLINE or (self._busy is None and not self._pending)

    # What the journal tells

    def put(self, record: Record, stored: Stored) -> None:
        """Keep a connection; `stored(True)` once it is safe, which it is without the engine if the disk has it."""
        if self._state is CopyState.OFFLINE:
            self._without(stored)
            return
        field = record.id[PREFIX_LENGTH:]
        self._change(self._own, field, record)
        if record.closed is not None:
            self._change(self._own, f"{field}.", record.closed)
        self._callbacks.setdefault(field, []).append(stored)
        if self._gathering or self._timer.held:
            self._timer.within(self._gathering)
        else:
            self._flush()

    def closed(self, id: str, closed: Closed) -> None:
        """Keep how a connection of this process ended."""
        if self._state is not CopyState.OFFLINE and id.startswith(self._own):
            self._change(self._own, f"{id[PREFIX_LENGTH:]}.", closed)
            self._timer.within(ENDS_DELAY)

    def remove(self, id: str) -> None:
        """Forget a connection of this process, or of one that it has claimed: nothing is left to say of it."""
        prefix, field = id[:PREFIX_LENGTH], id[PREFIX_LENGTH:]
        if prefix != self._own or self._state is not CopyState.OFFLINE:
            self._change(prefix, field, None)
            self._change(prefix, f"{field}.", None)
            self._timer.within(ENDS_DELAY)

    # What the membership tells

    def joined(self) -> None:
        """Hear that the engine has this process: compare all rows."""
        self._acknowledged = self.sequence
        self._state = CopyState.OFFLINE
        self._groups.away()
        self.renewed()

    def renewed(self) -> None:
        """Hear that the engine answers: go online again, or compare what is to be compared."""
        if self._busy is not None:
            return
        if self._state is CopyState.OFFLINE:
            self._begin(self._compare(everything=True))
        elif self._engine.connections != self._connection:
            self._begin(self._compare_number())
        elif self._clock.seconds() >= self._compare_at and not self._pending:
            self._begin(self._compare(everything=False))

    # Steps

    def _without(self, stored: Stored) -> None:
        """Say of a row that the engine does not get whether it is safe."""
        if self._alone and self._complete:
            self._complete = False
            self._events.copy_complete(False)
        stored(self._alone)

    def _groups_changed(self, waits: bool) -> None:
        self._pending.setdefault(self._own, {})
        self._timer.within(self._gathering if waits else ENDS_DELAY)

    def _change(self, prefix: str, field: str, change: Change) -> None:
        self._pending.setdefault(prefix, {})[field] = change

    def _begin(self, step: Any) -> None:
        self._timer.hold()
        self._busy = Deferred.fromCoroutine(step)
        busy = self._busy.addErrback(self._failed)
        busy.addCallback(self._done)

    def _done(self, _: object) -> None:
        self._busy = None
        self._timer.release()

    def _failed(self, failure: Any) -> None:
        if failure.check(CancelledError, EngineAway, EngineRefused) is None:
            self._log.failure("the engine's copy of the journal failed", failure)
        self._go_offline(str(failure.value))

    def _go_offline(self, reason: str | None) -> None:
        """Send nothing until the engine answers again; a reason is told, unless this process stops."""
        if self._state is not CopyState.OFFLINE and reason is not None:
            self._limit.emit(
                self._log,
                LogLevel.warn,
                "offline",
                "the engine has no copy of new connections: {reason}; {consequence}",
                reason=reason,
                consequence="the journal on disk has them" if self._alone else "newcomers are refused (503)",
            )
        self._state = CopyState.OFFLINE
        self._completing = False
        self._groups.away()
        self._pending.pop(self._own, None)  # the comparison at its return finds what has to be changed
        callbacks, self._callbacks = self._callbacks, {}
        for each in callbacks.values():
            for stored in each:
                self._without(stored)

    async def _compare(self, everything: bool, lost: bool = False) -> None:
        """Find what the engine has and should not, and has not and should; `everything` is written anew."""
        assert self.connections is not None
        if lost:
            self._log.warn("the engine has lost rows that it had acknowledged: uploading all connections")
            self._groups.away()
        self._state = CopyState.SYNCING
        self._connection = self._engine.connections
        self._compare_at = self._clock.seconds() + COMPARE_EVERY
        found = await self._engine.call("HKEYS", self._keys.key("c", self._own))
        there = {field.decode("ascii") for field in found}
        groups = await self._engine.call("SMEMBERS", self._keys.key("g", self._own))
        self._groups.compare({group.decode() for group in groups}, self._connection)
        changes = differences(self._own, self.connections.records(), there, everything)
        changes |= self._pending.pop(self._own, {})
        if changes or self._groups.pending or everything:  # the number of a batch says that the engine has all that
            self._pending[self._own] = changes
        self._state = CopyState.ONLINE
        self._completing = True
        self._timer.at_once()

    async def _compare_number(self) -> None:
        """Find out if a new connection is to a server that lacks the last batches: a replica that took over."""
        self._connection = self._engine.connections
        found = await self._engine.call("HGET", self._keys.key("m", self._own), "seq")
        if found is not None and int(found) != self._acknowledged:
            self._acknowledged = int(found)
            await self._compare(everything=True, lost=True)
        elif found is not None:
            self._groups.same(self._connection)

    def _flush(self) -> None:
        """Send the next batch; none is under way."""
        self._timer.clear()
        if self._state is not CopyState.ONLINE:
            return
        if self._completing and self._own not in self._pending:
            self._completing = False
            if not self._complete:
                self._complete = True
                self._events.copy_complete(True)
        if not self._pending:
            return
        prefix = next(iter(self._pending))
        changes = self._pending.pop(prefix)
        if len(changes) > self._most:
            each = iter(changes.items())
            changes, self._pending[prefix] = dict(islice(each, self._most)), dict(each)
        self._begin(self._write(prefix, changes))

    def _confirm(self, fields: Iterable[str]) -> None:
        for field in fields:
            for stored in self._callbacks.pop(field, ()):
                stored(True)

    async def _write(self, prefix: str, changes: dict[str, Change]) -> None:
        own = prefix == self._own
        self.sequence += own
        begun, ended = self._groups.take(self._most, self._engine.connections) if own else ([], [])
        if own and self._groups.pending:
            self._pending.setdefault(prefix, {})
        if self._pending:  # this one had no room for it
            self._timer.at_once()
        puts, removals = words_of(changes, self._keep_authorization)
        counts = len(puts) // 2, len(begun), len(ended)
        words: list[Word] = [self._own, prefix, self.sequence, *counts, *puts, *begun, *ended, *removals]
        try:
            answer = await self._engine.run(self._scripts.write, self._keys.write(self._own, prefix), words)
        except (EngineAway, EngineRefused):
            if not own:  # what was claimed is told once: its rows must not come back
                self._pending[prefix] = changes | self._pending.get(prefix, {})
            raise
        if answer[0] != b"OK":
            if own:
                self._go_offline(f"it answers {answer[0].decode('ascii')}")
                (self._events.copy_fenced if answer[0] == b"FENCED" else self._events.copy_unknown)()
            else:
                self._pending.pop(prefix, None)
        elif own:
            lost, self._acknowledged = answer[1] != self._acknowledged, self.sequence
            self._groups.written()
            self._together(partial(self._confirm, changes))
            if lost:
                await self._compare(everything=True, lost=True)
