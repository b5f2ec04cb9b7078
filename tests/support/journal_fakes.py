"""Doubles of the journal's tests: a reactor without threads, a disk that waits for the test, sample connections."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

from twisted.internet.task import Clock

from wsaas.core.events import Cause, Closed
from wsaas.core.records import Record
from wsaas.journal.sqlite import SqliteJournal

BYE = Closed(Cause.CLIENT, 1001, "going away", clean=True, lost_messages=2)


def nobody(stored: bool) -> None:
    """Waits for the journal, for those who do not."""


class FakeConnections:
    """The connections of a process whose ids begin with `prefix`, and what it was told to revive."""

    def __init__(self, *records: Record, prefix: str = "no such") -> None:
        self.live = {record.id: record for record in records}
        self.prefix = prefix
        self.revived: list[Record] = []

    def records(self) -> list[Record]:
        return list(self.live.values())

    def minted(self, id: str) -> bool:
        return id.startswith(self.prefix)

    def revive(self, records: Iterable[Record]) -> None:
        self.revived += records


class ThreadlessReactor(Clock):
    """A clock whose other threads are this one: what they want done is done in the next turn."""

    def callFromThread(self, callable: Callable[..., object], /, *args: object) -> None:
        self.callLater(0, callable, *args)


class ManualJobQueue:
    """A JobQueue whose jobs wait until the test lets them run; with `hold` False they run at once."""

    def __init__(self) -> None:
        self.jobs: deque[Callable[[], None]] = deque()
        self.hold = False
        self.stopped = False

    def start(self) -> None:
        pass

    def submit(self, job: Callable[[], None]) -> None:
        self.jobs.append(job)
        if not self.hold:
            self.work()

    def work(self) -> None:
        while self.jobs:
            self.jobs.popleft()()

    def stop(self) -> None:
        self.stopped = True


def connection(number: int = 1, *repeated: tuple[bytes, bytes]) -> Record:
    """A connection as the journal gets it; the same number always gives the same."""
    headers = repeated or ((b"Authorization", b"Bearer caf\xe9-%d" % number), (b"X-User", b"%d" % number))
    return Record(f"{number:032}", 1_790_000_000.125 + number, headers, f"{number:032x}")


def previous_life(directory: Path) -> list[Record]:
    """Return the connections that a gateway finds on `directory` at its start; it ends without telling its backend."""
    reactor, queue = ThreadlessReactor(), ManualJobQueue()
    journal = SqliteJournal(reactor, directory, keep_authorization=True, wall_clock=time.time, queue=queue)
    records = journal.start(FakeConnections())
    stopped = journal.stop()
    reactor.advance(0)
    assert stopped.called
    return records
