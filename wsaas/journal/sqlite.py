"""The journal that survives the process.

    opened, accepted, closed, forget
      -> changes by key; a connection that comes and goes within one batch leaves none
      -> after `batch_delay`, one batch at a time, one transaction    (writer thread)
      -> stored(True), after the commit                               (reactor thread)

Every `CHECK_INTERVAL` a batch first checks that the open files are still those of the directory. If they are not, or if
the file is damaged, all connections are written to the directory that is then at the path:

    take_again   locks the directory and reads its file      (writer thread)
    everything   the connections of this process, with their ends, and the foreign ones found in the directory
    write_anew   one transaction                             (writer thread)

When a batch cannot be written, its new connections get stored(False) and are dropped. The changes of connections in the
file stay and are written later; that is tried every `RETRY_INTERVAL`. Until a write succeeds, new connections get
stored(False) without an attempt, and so do connections just accepted with headers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from wsaas.core.events import Closed
from wsaas.core.interfaces import Connections, Stored, Together
from wsaas.core.records import Record
from wsaas.journal.disk import Disk
from wsaas.journal.health import RETRY_INTERVAL, Condition, Health
from wsaas.journal.lock import JournalDisplaced
from wsaas.journal.pending_changes import Changes, PendingChanges
from wsaas.journal.repair import Kept
from wsaas.journal.writer_thread import JobQueue, WriterThread
from wsaas.telemetry.log_limit import LogLimit

T = TypeVar("T")


CHECK_INTERVAL = 3.0
"""Seconds between two checks that the open files are those of the directory."""


class Reactor(Protocol):
    """The part of Twisted's reactor that the journal uses."""

    def seconds(self) -> float: ...

    def callLater(self, delay: float, callable: Callable[..., object], /, *args: object) -> IDelayedCall: ...

    def callFromThread(self, callable: Callable[..., object], /, *args: object) -> None: ...


class SqliteJournal:
    """Keeps connections in a file in `directory`, from before their POST until after their DELETE.

    `stored` is called in a later turn of the reactor, once for each `opened` and each `accepted`, each kind in order,
    also for a connection that was forgotten in the meantime. Without `keep_authorization` the Authorization header is
    not written. Before `start` and after `stop` nothing is kept, and `stored(False)` is called. `wall_clock()`, the
    time in seconds since the epoch, names a damaged file. `together` makes the calls of one batch.
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
        queue: JobQueue | None = None,
        together: Together = lambda work: work(),
    ) -> None:
        self._reactor = reactor
        self._directory = directory
        self._batch_delay = batch_delay
        self._together = together
        self._queue = queue or WriterThread()
        self._disk = Disk(directory, keep_authorization, reactor.seconds, wall_clock)
        self._health = Health(directory, LogLimit(reactor))
        self._pending = PendingChanges()
        self._connections: Connections | None = None
        """The connections of this process; None before `start`."""
        self._working = False
        """True while the writer thread has a job; it has one at most."""
        self._look_due = False
        self._flushing: IDelayedCall | None = None
        self._retrying: IDelayedCall | None = None
        self._looking: IDelayedCall | None = None
        self._started = False
        self._stopped: Deferred[None] | None = None

    @property
    def healthy(self) -> bool:
        """False while new connections are refused: the disk refuses writes, or a start would not read the file."""
        return self._health.condition is Condition.WELL

    @property
    def size(self) -> int:
        """The bytes of the journal's files, at most CHECK_INTERVAL ago."""
        return self._disk.store.size

    def start(self, connections: Connections) -> list[Record]:
        """Open the file, before anything listens, and return the connections of an earlier process, oldest first.

        Raises JournalLocked or JournalUnusable with a text for the operator. A damaged file is moved aside and logged
        as an error; the connections that can be read from it are returned.
        """
        self._connections = connections
        kept = self._disk.open()
        self._pending.known({record.id: key for key, _, record in kept})
        try:
            self._disk.write(self._pending.take(), probe=False, look=False)
        except Exception as error:
            self._failed(error)
        self._queue.start()
        self._started = True
        self._looking = self._reactor.callLater(CHECK_INTERVAL, self._look)
        self.log.info("journal in {directory}", directory=str(self._directory))
        if kept:
            closed = sum(record.closed is not None for _, _, record in kept)
            self.log.warn(
                "an earlier process left {open} connections that were open or connecting and {closed} that had closed: "
                "sending their DELETEs",
                open=len(kept) - closed,
                closed=closed,
            )
        return [record for _, _, record in kept]

    def stop(self) -> Deferred[None]:
        """Write the pending changes (one attempt), close the file and unlock the directory."""
        if not self._started:
            return succeed(None)
        self._started = False
        self._stopped = Deferred()
        for call in (self._flushing, self._retrying, self._looking):
            if call is not None:
                call.cancel()
        self._flushing = self._retrying = self._looking = None
        if not self._working:
            self._wind_up(None)
        return self._stopped

    # Journal (core.interfaces)

    def opened(self, record: Record, stored: Stored, text: str | None = None) -> None:
        self._pending.opened(record, stored, text)
        if self._flushing is None:
            self._flush_soon()

    def accepted(self, record: Record, stored: Stored, text: str | None = None) -> None:
        if not self._pending.accepted(record, stored, text):
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
        if self._working:
            return  # `_written` submits the gathered changes
        if not self.healthy or not self._started:
            self._answer(self._pending.refuse(), False)
        elif self._pending.gathered:
            self._submit()

    def _submit(self, probe: bool = False) -> None:
        batch = self._pending.take()
        look, self._look_due = self._look_due or probe, False
        self._work(lambda: self._disk.write(batch, probe, look), partial(self._written, batch))

    def _work(self, job: Callable[[], T], done: Callable[[T | None, Exception | None], None]) -> None:
        """Run the job in the writer thread, then call `done` in the reactor thread with its result or its exception."""
        self._working = True

        def work() -> None:
            try:
                result, failed = job(), None
            except Exception as error:
                result, failed = None, error
            self._reactor.callFromThread(done, result, failed)

        self._queue.submit(work)

    def _written(self, batch: Changes, _: object, failed: Exception | None) -> None:
        self._working = False
        if failed is None:
            self._health.written(len(self._pending.keys))
            callbacks = batch.take_callbacks()
        else:
            self._failed(failed)
            callbacks = self._pending.put_back(batch)
        if self._stopped is not None:
            self._wind_up(failed)
        elif self._pending.gathered and self._flushing is None and self.healthy:
            self._submit()
        self._answer(callbacks, failed is None)

    def _answer(self, callbacks: list[Stored], safe: bool) -> None:
        def answer() -> None:
            for stored in callbacks:
                try:
                    stored(safe)
                except Exception:
                    self.log.failure("a step that waited for the journal failed")

        if callbacks:
            self._together(answer)

    # A disk that refuses writes, a displaced file

    def _look(self) -> None:
        """Have the next batch check the directory; submit an empty one if no job is under way."""
        self._looking = self._reactor.callLater(CHECK_INTERVAL, self._look)
        self._look_due = True
        if self.healthy and not self._working:
            self._submit()

    def _failed(self, error: Exception) -> None:
        at_once = isinstance(error, JournalDisplaced) and self._health.condition is not Condition.DISPLACED
        self._health.failed(error)
        if self._retrying is None and self._stopped is None:
            self._retrying = self._reactor.callLater(0 if at_once else RETRY_INTERVAL, self._retry)

    def _retry(self) -> None:
        self._retrying = None
        self._answer(self._pending.refuse(), False)
        if self._health.condition is Condition.DISPLACED:
            self._work(self._disk.take_again, self._taken_again)
        else:
            self._submit(probe=True)

    def _taken_again(self, kept: list[Kept] | None, failed: Exception | None) -> None:
        """Write all connections to the directory that is now at the path.

        For connections that another gateway left there, DELETEs are sent, as at a start.
        """
        assert self._connections is not None
        if kept is None or failed is not None:
            self._written(Changes(), None, failed)
            return
        minted = self._connections.minted
        foreign = [record for _, _, record in kept if record.id not in self._pending.keys and not minted(record.id)]
        self._answer(self._pending.refuse(), False)
        everything, keys = self._pending.everything(self._connections.records(), foreign)

        def written(_: None, failed: Exception | None) -> None:
            if failed is None:
                self._pending.keys.update(keys)
            self._written(Changes(), None, failed)
            if failed is None and self._connections is not None and self._stopped is None:
                self._connections.revive(foreign)

        self._work(lambda: self._disk.write_anew(everything), written)

    # The end

    def _wind_up(self, failed: Exception | None) -> None:
        if failed is None and self._health.condition is Condition.DISPLACED:
            self._work(self._disk.take_again, self._taken_again)
        elif failed is None and self._pending.gathered:
            self._submit()
        else:
            if failed is not None:
                self._health.stops(len(self._pending.keys), len(self._pending.gathered.deletions))
            self._work(self._disk.close, self._ended)

    def _ended(self, _: None, failed: Exception | None) -> None:
        self._working = False
        self._queue.stop()
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        self._answer(self._pending.refuse(), False)
        assert self._stopped is not None
        self._stopped.callback(None)
