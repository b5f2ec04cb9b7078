"""Journals that no process holds: their connections are told of, and the journals removed.

A process that starts adopts what no live lock holds: of workers that are no more, since WORKERS was lowered, and of the
time in which one process served. The rows go into the adopter's own journal first, so that a crash in between loses
none; a DELETE may then be sent twice, with the same webhook-id.

    {STATE_DIR}/worker-{number}/      of one worker; none comes back that has the number 0, or one over WORKERS
    {STATE_DIR}/journal.sqlite        of the only process of a gateway
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from wsaas.core.interfaces import Journal
from wsaas.core.records import Record
from wsaas.journal.disk import Disk
from wsaas.journal.file import Store
from wsaas.journal.lock import JournalLocked, JournalUnusable

_NAME = re.compile(r"worker-([0-9]{1,6})")
LOOK_EVERY = 5.0
"""Seconds between two looks at a journal that another process holds."""
_FILE = "journal.sqlite"
_LIVES = "cluster.json"
"""The file that a node of a cluster keeps beside its journal (`cluster/lives.py`)."""


def worker_directory(state_dir: Path, number: int) -> Path:
    """Return the directory of a worker's journal."""
    return state_dir / f"worker-{number}"


def orphans(state_dir: Path, count: int) -> list[Path]:
    """Return the directories of workers other than 1 to `count`."""
    found = []
    with suppress(OSError):
        for each in sorted(state_dir.iterdir()):
            match = _NAME.fullmatch(each.name)
            if match is not None and not 1 <= int(match[1]) <= count:
                found.append(each)
    return found


def set_aside(state_dir: Path, count: int, clock: Callable[[], float], wall_clock: Callable[[], float]) -> None:
    """Make an only process's journal, of which the lock is held, one that workers adopt. Raises JournalUnusable."""
    path = state_dir / _FILE
    if not path.exists():
        return
    store = Store(state_dir, clock, wall_clock)
    kept = store.open()
    store.close()
    if not kept:
        path.unlink(missing_ok=True)
        return
    places = [worker_directory(state_dir, number) for number in (0, *range(count + 1, count + 1000))]
    place = next(place for place in places if not (place / _FILE).exists())
    place.mkdir(mode=0o700, exist_ok=True)
    path.rename(place / _FILE)
    with suppress(FileNotFoundError):  # which is there after a cluster
        (state_dir / _LIVES).rename(place / _LIVES)


def _nothing(directory: Path) -> None:
    """Take nothing from a directory but its journal."""


@dataclass(frozen=True, slots=True)
class Heir:
    """The process that adopts journals: its own journal, and `revive`, by which it sends the DELETEs.

    `take` is called with each directory once the journal has all of it, right before the directory is removed.
    """

    journal: Journal
    revive: Callable[[Iterable[Record]], object]
    take: Callable[[Path], object] = _nothing


class Adoption:
    """Adopts the journals of `state_dir` that are of no worker from 1 to `count`: at the start, and as they get free.

    Each look at a journal reads all of it, in the reactor's thread.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        state_dir: Path,
        count: int,
        heir: Heir,
        *,
        keep_authorization: bool,
        wall_clock: Callable[[], float],
    ) -> None:
        self._reactor = reactor
        self._state_dir = state_dir
        self._count = count
        self._heir = heir
        self._keep_authorization = keep_authorization
        self._wall_clock = wall_clock
        self._under_way: dict[Path, Disk] = {}
        self._next: IDelayedCall | None = None

    def look(self) -> None:
        """Adopt what is free, and come back for what is not."""
        self._next = None
        for directory in orphans(self._state_dir, self._count):
            if directory not in self._under_way:
                self._adopt(directory)
        if orphans(self._state_dir, self._count):
            self._next = self._reactor.callLater(LOOK_EVERY, self.look)

    def stop(self) -> None:
        """Look no more, and let others have what is not adopted yet."""
        if self._next is not None:
            self._next.cancel()
        while self._under_way:
            self._under_way.popitem()[1].close()

    def _adopt(self, directory: Path) -> None:
        disk = Disk(directory, self._keep_authorization, self._reactor.seconds, self._wall_clock)
        try:
            records = [record for _, _, record in disk.open()]
        except JournalLocked:
            return
        except JournalUnusable as error:
            self._log.error("a journal cannot be adopted: {reason}", reason=str(error))
            return
        self._under_way[directory] = disk
        open_ones = [_Waiting(record) for record in records]
        if not records:
            self._finish(directory, [])
            return
        self._log.warn(
            "{count} connections are in the journal of a process that is no more, {directory}: telling the backend",
            count=len(records),
            directory=str(directory),
        )

        def stored(waiting: _Waiting, safe: bool) -> None:
            waiting.safe = safe
            if all(each.safe is not None for each in open_ones) and directory in self._under_way:
                self._stored(directory, open_ones)

        for each in open_ones:
            self._heir.journal.opened(each.record, lambda safe, each=each: stored(each, safe))  # type: ignore[misc]
            if each.record.closed is not None:
                self._heir.journal.closed(each.record.id, each.record.closed)

    def _stored(self, directory: Path, waiting: list[_Waiting]) -> None:
        """Send the DELETEs of those that are in this process's journal; if others are not, the rest stays for later."""
        safe = [each.record for each in waiting if each.safe]
        if len(safe) == len(waiting):
            self._finish(directory, safe)
        else:
            for record in safe:
                self._heir.journal.forget(record.id)
            self._under_way.pop(directory).close()

    def _finish(self, directory: Path, records: list[Record]) -> None:
        """Remove a journal of which everything is in this process's own, and send the DELETEs."""
        self._heir.take(directory)
        disk = self._under_way.pop(directory)
        disk.store.close()
        for name in (_FILE, f"{_FILE}-wal", f"{_FILE}-shm", "journal.lock", _LIVES):
            with suppress(OSError):
                os.unlink(directory / name)
        disk.close()
        with suppress(OSError):  # a damaged file may have been kept there, for people to look at
            directory.rmdir()
        self._heir.revive(records)


class _Waiting:
    """A connection on its way into the journal; `safe` says once whether it is there."""

    __slots__ = ("record", "safe")

    def __init__(self, record: Record) -> None:
        self.record = record
        self.safe: bool | None = None
