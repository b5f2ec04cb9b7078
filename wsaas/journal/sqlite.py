"""The journal that survives the process.

    opened, accepted, closed, forget
      -> what changed, by key      collapses: a connection that came and went meanwhile leaves nothing
      -> after `batch_delay`, one batch at a time, one transaction    (the writer's thread)
      -> stored(True), in the reactor's thread, after the commit

When a batch cannot be written, its new connections are told stored(False) and dropped; changes of those that are in the
file stay and are written when the disk takes them again, which is tried every `RETRY_AFTER`. Until then new
connections are refused without trying, and so is who has just been accepted with headers (stored(False)).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger, LogLevel

from wsaas.core.model import Closed, Record
from wsaas.journal.file import Store
from wsaas.journal.lock import JournalLocked, JournalUnusable, Lock
from wsaas.journal.pending_changes import Changes, PendingChanges, Stored
from wsaas.journal.writer_thread import Worker, WriterThread
from wsaas.telemetry.log_limit import LogLimit

__all__ = ["JournalLocked", "JournalUnusable", "SqliteJournal"]

RETRY_AFTER = 1.0


class Reactor(Protocol):
    """What the journal asks of Twisted's reactor."""

    def seconds(self) -> float: ...

    def callLater(self, delay: float, callable: Callable[..., object], /, *args: object) -> IDelayedCall: ...

    def callFromThread(self, callable: Callable[..., object], /, *args: object) -> None: ...


class SqliteJournal:
    """Connections in a file in `directory`, from before their POST until after their DELETE.

    `stored` is called from a later turn of the reactor, once for each `opened` and each `accepted`, each kind in order,
    also for a connection that was forgotten meanwhile. Without `keep_authorization` the Authorization header stays out
    of the file. After `stop`, or before `start`, nothing is kept and `stored(False)` says so. A damaged file is named
    after `wall_clock()`, the time in seconds since the epoch.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Reactor,
        directory: Path,
        *,
        keep_authorization: bool,
        wall_clock: Callable[[], float],
        batch_delay: float = 0.005,
        worker: Worker | None = None,
    ) -> None:
        self._reactor = reactor
        self._directory = directory
        self._keep_authorization = keep_authorization
        self._batch_delay = batch_delay
        self._worker = worker or WriterThread()
        self._log_limit = LogLimit(reactor)
        self._lock = Lock(directory)
        self._store = Store(directory, reactor.seconds, wall_clock)
        self._pending = PendingChanges()
        self._writing = False
        self._failing = False
        self._flushing: IDelayedCall | None = None
        self._retrying: IDelayedCall | None = None
        self._started = False
        self._stopped: Deferred[None] | None = None

    @property
    def healthy(self) -> bool:
        """False while the disk refuses writes, and new connections with it."""
        return not self._failing

    def start(self) -> list[Record]:
        """Open the file, before anything listens; returns the connections of the previous life, oldest first.

        Raises JournalLocked, JournalUnusable, for the operator to read. A damaged file is moved aside with an error,
        and what can be read of it returned.
        """
        self._lock.acquire()
        try:
            kept = self._store.open()
        except JournalUnusable:
            self._lock.release()
            raise
        self._pending.known({record.id: key for key, _, record in kept})
        try:
            self._store.write((), ())
        except (sqlite3.Error, OSError) as error:
            self._fail(error)
        self._worker.start()
        self._started = True
        self.log.info("journal in {directory}", directory=str(self._directory))
        if kept:
            closed = sum(record.closed is not None for _, _, record in kept)
            self.log.warn(
                "of an earlier life of this gateway, {open} connections were open or about to be, and {closed} had "
                "closed: telling the backend",
                open=len(kept) - closed,
                closed=closed,
            )
        return [record for _, _, record in kept]

    def stop(self) -> Deferred[None]:
        """Write what waits (one try), close the file and let others have the directory."""
        if not self._started:
            return succeed(None)
        self._started = False
        self._stopped = Deferred()
        for call in (self._flushing, self._retrying):
            if call is not None:
                call.cancel()
        self._flushing = self._retrying = None
        if not self._writing:
            self._wind_up(None)
        return self._stopped

    # The seam

    def opened(self, record: Record, stored: Stored) -> None:
        self._pending.opened(record, stored)
        if self._flushing is None:
            self._flush_soon()

    def accepted(self, record: Record, stored: Stored) -> None:
        if not self._pending.accepted(record, stored):
            self._reactor.callLater(0, stored, False)
        elif self._flushing is None:
            self._flush_soon()

    def closed(self, id: str, closed: Closed) -> None:
        if self._pending.closed(id, closed) and self._flushing is None:
            self._flush_soon()

    def forget(self, id: str) -> None:
        if self._pending.forget(id) and self._flushing is None:
            self._flush_soon()

    # Batches

    def _flush_soon(self) -> None:
        self._flushing = self._reactor.callLater(self._batch_delay, self._flush)

    def _flush(self) -> None:
        self._flushing = None
        if self._writing:
            return  # what has gathered is next
        if self._failing or not self._started:
            self._refuse()
        elif self._pending.gathered:
            self._submit()

    def _submit(self, probe: bool = False) -> None:
        batch = self._pending.take()
        self._writing = True
        self._worker.submit(partial(self._write, batch, probe))

    def _write(self, batch: Changes, probe: bool) -> None:
        """The writer thread's part."""
        failed: Exception | None = None
        try:
            self._store.write(batch.rows(self._keep_authorization), tuple(batch.forgotten), probe)
        except Exception as error:
            failed = error
        self._reactor.callFromThread(self._written, batch, failed)

    def _written(self, batch: Changes, failed: Exception | None) -> None:
        self._writing = False
        if failed is None:
            self._recovered()
            callbacks = batch.take_callbacks()
        else:
            self._fail(failed)
            callbacks = self._pending.put_back(batch)
        if self._stopped is not None:
            self._wind_up(failed)
        elif self._pending.gathered and self._flushing is None and not self._failing:
            self._submit()
        self._answer(callbacks, failed is None)

    def _answer(self, callbacks: list[Stored], safe: bool) -> None:
        for stored in callbacks:
            try:
                stored(safe)
            except Exception:
                self.log.failure("after the journal wrote a connection")

    # When the disk refuses

    def _fail(self, error: BaseException) -> None:
        if not self._failing:
            self._failing = True
            self._log_limit.emit(
                self.log,
                LogLevel.error,
                "cannot write",
                "the journal cannot write to {directory}: {error}; new connections are refused (503) until it can, "
                "which is tried every {seconds} s",
                directory=str(self._directory),
                error=str(error),
                seconds=RETRY_AFTER,
            )
        if self._retrying is None and self._stopped is None:
            self._retrying = self._reactor.callLater(RETRY_AFTER, self._retry)

    def _recovered(self) -> None:
        if self._failing:
            self._failing = False
            self._log_limit.emit(
                self.log,
                LogLevel.warn,
                "can write",
                "the journal can write to {directory} again",
                directory=str(self._directory),
            )

    def _retry(self) -> None:
        self._retrying = None
        self._refuse()
        self._submit(probe=True)

    def _refuse(self) -> None:
        """New connections that wait are not kept."""
        self._answer(self._pending.refuse(), False)

    # The end

    def _wind_up(self, failed: Exception | None) -> None:
        if failed is None and self._pending.gathered:
            self._submit()
            return
        if failed is not None:
            self.log.error(
                "the journal stops with changes that it could not write: the next start may repeat DELETEs of {count} "
                "connections",
                count=len(self._pending.gathered.forgotten),
            )
        self._writing = True
        self._worker.submit(self._close)

    def _close(self) -> None:
        """The writer thread's last job."""
        try:
            self._store.close()
        finally:
            self._reactor.callFromThread(self._ended)

    def _ended(self) -> None:
        self._writing = False
        self._worker.stop()
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        self._lock.release()
        self._refuse()
        assert self._stopped is not None
        self._stopped.callback(None)
