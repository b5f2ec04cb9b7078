"""A process that does nothing but journal, for tests that kill it or take its disk away.

python -m tests.support.journal_process live DIRECTORY FIRST
    Opens connections from number FIRST on, without end, and forgets every third; prints the number of each that is
    safe.
python -m tests.support.journal_process full DIRECTORY
    Opens connections with and without room on the disk; prints what became of it, as JSON.
python -m tests.support.journal_process full-at-start DIRECTORY
    The same, with no room from the beginning.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater, react

from tests.support.journal_fakes import FakeConnections, connection, nobody
from wsaas.journal.sqlite import SqliteJournal


def opened(journal: SqliteJournal, number: int) -> Deferred[bool]:
    stored: Deferred[bool] = Deferred()
    journal.opened(connection(number), stored.callback)
    return stored


async def live(reactor, journal: SqliteJournal, first: int) -> None:
    numbers = count(first)

    def another(safe: bool | None = None, number: int = 0) -> None:
        if safe:
            os.write(1, b"%d\n" % number)
            if number % 3 == 0:
                journal.forget(connection(number).id)
            else:
                journal.accepted(connection(number), nobody)
        following = next(numbers)
        opened(journal, following).addCallback(another, following)

    for _ in range(20):
        another()
    await Deferred()


def room(size: int) -> None:
    """No file of this process may grow beyond `size` bytes."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))


async def until(reactor, condition: Callable[[], bool]) -> None:
    while not condition():
        await deferLater(reactor, 0.02, lambda: None)


async def full(reactor, journal: SqliteJournal, directory: Path) -> dict[str, object]:
    before = [await opened(journal, number) for number in range(5)]
    room((directory / "journal.sqlite-wal").stat().st_size + 10_000)
    during = [await opened(journal, number) for number in range(100, 200)]
    journal.forget(connection(0).id)
    healthy_without = journal.healthy
    room(resource.RLIM_INFINITY)
    await until(reactor, lambda: journal.healthy)
    after = [await opened(journal, number) for number in range(200, 205)]
    return {"before": before, "during": during, "healthy_without": healthy_without, "after": after}


async def full_at_start(reactor, journal: SqliteJournal) -> dict[str, object]:
    healthy_without = journal.healthy
    during = [await opened(journal, number) for number in range(100, 105)]
    room(resource.RLIM_INFINITY)
    await until(reactor, lambda: journal.healthy)
    return {"during": during, "healthy_without": healthy_without, "after": [await opened(journal, 200)]}


async def main(reactor, scenario: str, directory: str, first: str = "0") -> None:
    journal = SqliteJournal(reactor, Path(directory), keep_authorization=True, wall_clock=time.time)
    if scenario == "full-at-start":
        room(0)
    journal.start(FakeConnections())
    if scenario == "live":
        await live(reactor, journal, int(first))
    result = await (full_at_start(reactor, journal) if scenario != "full" else full(reactor, journal, Path(directory)))
    await journal.stop()
    print(json.dumps(result))


if __name__ == "__main__":
    react(lambda reactor, *arguments: Deferred.fromCoroutine(main(reactor, *arguments)), sys.argv[1:])
