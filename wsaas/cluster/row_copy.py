"""The copy of this process's journal in the engine, and the rows of processes that this one has claimed.

    OFFLINE --join or renewal--> SYNCING --the engine's rows are compared--> ONLINE --a call fails--> OFFLINE

Online, changes gather for a moment (batch_timer.py), and while one batch is under way. Offline, the journal on disk
has to do; what lives is uploaded when the engine is back. A batch has a number, and its answer says that of the one
before: if that is another one, the engine has lost batches (a replica took over), and everything is compared again. The
number is asked for, too, after each new connection.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger, LogLevel

from wsaas.cluster.batch_timer import BatchTimer
from wsaas.cluster.copy_events import Completeness, CopyEvents, CopyState
from wsaas.cluster.engine import Engine
from wsaas.cluster.engine_connection import EngineAway, EngineRefused
from wsaas.cluster.engine_rows import EngineRows
from wsaas.cluster.keys import Keys
from wsaas.cluster.own_groups import OwnGroups
from wsaas.cluster.row_changes import RowChanges, Waiting
from wsaas.cluster.row_fields import Change, differences
from wsaas.core.events import Closed
from wsaas.core.ids import PREFIX_LENGTH
from wsaas.core.interfaces import Connections, Stored, Together
from wsaas.core.records import Record
from wsaas.telemetry.log_limit import LogLimit

MAX_BATCH = 1000
"""Rows that one batch changes, at most, and groups."""
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

    Bounds: those of RowChanges, for what waits and for the batch under way.
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
        self._rows = EngineRows(engine, keys, own, keep_authorization)
        self._own = own
        self._events = events
        self._completeness = Completeness(events)
        self._groups = groups
        groups.changed = self._groups_changed
        self._alone = alone
        self._gathering, self._most, self._together = gathering, most, together
        self._limit = LogLimit(clock)
        self._state = CopyState.OFFLINE
        self._changes = RowChanges(own, most)
        self._sent: list[Waiting] = []
        """The callbacks that wait for the batch under way."""
        self._busy: Deferred[None] | None = None
        self._timer = BatchTimer(clock, self._flush)
        self._compare_at = 0.0
        self._completing = False
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
        return self._state is CopyState.OFFLINE or (self._busy is None and not self._changes)

    # What the journal tells

    def put(self, record: Record, stored: Stored, text: str | None = None) -> None:
        """Keep a connection; `stored(True)` once it is safe, which it is without the engine if the disk has it.

        `text` is the record as `encode_record` writes it, if that is known.
        """
        if self._state is CopyState.OFFLINE:
            self._without(stored)
            return
        field, changes = record.id[PREFIX_LENGTH:], self._changes
        changes.own[field] = text or record
        if record.closed is not None:
            changes.own[f"{field}."] = record.closed
        changes.waiting.append((field, stored))
        if self._gathering or self._timer.held:
            self._timer.within(self._gathering)
        else:
            self._flush()

    def closed(self, id: str, closed: Closed) -> None:
        """Keep how a connection of this process ended."""
        if self._state is not CopyState.OFFLINE and id.startswith(self._own):
            self._changes.own[f"{id[PREFIX_LENGTH:]}."] = closed
            self._timer.within(ENDS_DELAY)

    def remove(self, id: str) -> bool:
        """Forget a connection, of which nothing is left to say; return if it is of a process that this one has claimed,
        rather than of this one.
        """
        field = id[PREFIX_LENGTH:]
        if not id.startswith(self._own):
            self._changes.remove_claimed(id[:PREFIX_LENGTH], field)
            self._timer.within(ENDS_DELAY)
            return True
        if self._state is not CopyState.OFFLINE:
            own = self._changes.own
            own[field] = None
            own.pop(f"{field}.", None)
            self._timer.within(ENDS_DELAY)
        return False

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
        elif self._clock.seconds() >= self._compare_at and not self._changes:
            self._begin(self._compare(everything=False))

    # Steps

    def _without(self, stored: Stored) -> None:
        """Say of a row that the engine does not get whether it is safe."""
        if self._alone:
            self._completeness.set(False)
        stored(self._alone)

    def _groups_changed(self, waits: bool) -> None:
        self._changes.due = True
        self._timer.within(self._gathering if waits else ENDS_DELAY)

    def _begin(self, step: Any) -> None:
        self._timer.hold()
        self._busy = busy = Deferred.fromCoroutine(step)
        busy.addCallbacks(self._done, self._failed)

    def _done(self, _: object) -> None:
        self._busy = None
        self._timer.release()

    def _failed(self, failure: Any) -> None:
        if failure.check(CancelledError, EngineAway, EngineRefused) is None:
            self._log.failure("the engine's copy of the journal failed", failure)
        self._go_offline(str(failure.value))
        self._done(None)

    def _go_offline(self, reason: str | None) -> None:
        """Send nothing until the engine answers again; a reason is told, unless this process stops."""
        if self._state is not CopyState.OFFLINE and reason is not None:
            consequence = "the journal on disk has them" if self._alone else "newcomers are refused (503)"
            self._limit.emit(
                self._log,
                LogLevel.warn,
                "offline",
                "the engine has no copy of new connections: {reason}; {consequence}",
                reason=reason,
                consequence=consequence,
            )
        self._state = CopyState.OFFLINE
        self._completing = False
        self._groups.away()
        waiting = [*self._sent, *self._changes.drop_own()]  # the comparison at its return finds the changes
        self._sent.clear()
        for _, stored in waiting:
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
        there = await self._rows.fields()
        self._groups.compare(await self._rows.groups(), self._connection)
        changes = differences(self._own, self.connections.records(), there, everything)
        changes |= self._changes.own
        self._changes.own = changes
        # The number of a batch says that the engine has all that.
        self._changes.due = bool(changes or self._groups.pending or everything)
        self._state = CopyState.ONLINE
        self._completing = True
        self._timer.at_once()

    async def _compare_number(self) -> None:
        """Find out if a new connection is to a server that lacks the last batches: a replica that took over."""
        self._connection = self._engine.connections
        found = await self._rows.sequence()
        if found is not None and found != self._acknowledged:
            self._acknowledged = found
            await self._compare(everything=True, lost=True)
        elif found is not None:
            self._groups.same(self._connection)

    def _flush(self) -> None:
        """Send the next batch; none is under way."""
        self._timer.clear()
        if self._state is not CopyState.ONLINE:
            return
        changes = self._changes
        if self._completing and not (changes.own or changes.due):
            self._completing = False
            self._completeness.set(True)
        batch = changes.take()
        if batch is not None:
            self._send(*batch)

    def _send(self, prefix: str, changes: dict[str, Change], waiting: list[Waiting]) -> None:
        groups: tuple[list[str], list[str]] = ([], [])
        if prefix == self._own:
            self.sequence += 1
            self._sent = waiting
            groups = self._groups.take(self._most, self._engine.connections)
            if self._groups.pending:
                self._changes.due = True
        if self._changes:  # this one had no room for it
            self._timer.at_once()
        self._timer.hold()
        self._busy = busy = maybeDeferred(self._rows.write, prefix, self.sequence, changes, *groups)
        if prefix == self._own:
            busy.addCallback(self._written)
        else:
            self._changes.watch(busy, prefix, changes)
        busy.addCallbacks(self._done, self._failed)

    def _written(self, answer: Any) -> Deferred[None] | None:
        """Take the answer to a batch of this process."""
        if answer[0] != b"OK":
            self._go_offline(f"it answers {answer[0].decode('ascii')}")
            (self._events.copy_fenced if answer[0] == b"FENCED" else self._events.copy_unknown)()
            return None
        lost, self._acknowledged = answer[1] != self._acknowledged, self.sequence
        self._groups.written()
        self._together(self._confirm)
        return Deferred.fromCoroutine(self._compare(everything=True, lost=True)) if lost else None

    def _confirm(self) -> None:
        sent = self._sent
        sent.reverse()
        while sent:
            sent.pop()[1](True)
