"""One worker as its parent has it: the process, the pipes to and from it, and its state."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

from twisted.internet.error import ProcessExitedAlready, ProcessTerminated
from twisted.internet.interfaces import IProcessTransport
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from wsaas.service.roster import Lines, Roster, WorkerNews, WorkerState

SILENCE = 5.0
"""Seconds without a word after which a worker counts as silent."""
_OUT, _ERR = 1, 2


class WorkerEvents(Protocol):
    """The parent, as its workers' processes know it."""

    def changed(self) -> None:
        """Note that the state of a worker is another."""

    def ended(self, worker: WorkerProcess, status: int) -> None:
        """Note that the process is gone: its exit status, or 128 and the signal that ended it."""

    def printed(self, text: str) -> None:
        """Put a line of a worker's log into the log of all."""


class WorkerProcess(ProcessProtocol):
    """The process of worker `number`. `hears` and `tells` are the numbers of the pipes' descriptors in the child."""

    _log = Logger()

    def __init__(self, number: int, clock: Callable[[], float], events: WorkerEvents, hears: int, tells: int) -> None:
        self.number = number
        self.state = WorkerState.STARTING
        self.ready_at: float | None = None
        """The moment in which it was first ready."""
        self._heard_at = clock()
        self._clock = clock
        self._events = events
        self._hears, self._tells = hears, tells
        self._lines = {each: Lines() for each in (_OUT, _ERR, tells)}

    def spawn(
        self, reactor: Any, command: Sequence[str], environ: Mapping[str, str], passed_on: Mapping[int, int]
    ) -> None:
        """Start the process. `passed_on` are descriptors of this process by their numbers in the child."""
        pipes: dict[int, int | str] = {0: 0, _OUT: "r", _ERR: "r", self._hears: "w", self._tells: "r"}
        reactor.spawnProcess(self, command[0], command, dict(environ), childFDs={**passed_on, **pipes})

    @property
    def pid(self) -> int | None:
        """The number of the process, while it is there."""
        return getattr(self.transport, "pid", None)

    @property
    def news(self) -> WorkerNews:
        """The worker as the others hear of it."""
        return WorkerNews(self.number, self.pid, self.state)

    def tell(self, roster: Roster) -> None:
        """Send the worker the state of all."""
        if self.state not in (WorkerState.SILENT, WorkerState.DOWN):  # what a stopped process does not read piles up
            self._transport.writeToChild(self._hears, roster.encode())

    def kill(self, number: int) -> None:
        """Send the process a signal, if it is there."""
        with suppress(ProcessExitedAlready):
            self._transport.signalProcess(number)

    def drain(self) -> None:
        """Have the worker let its clients go and end. One that does so already is not told again: it would hurry."""
        if self.state is not WorkerState.DRAINING:
            self.turn(WorkerState.DRAINING)
            self.kill(signal.SIGTERM)

    def look(self) -> None:
        """Find out whether the worker has fallen silent."""
        if self.state in (WorkerState.READY, WorkerState.UNREADY) and self._clock() - self._heard_at > SILENCE:
            self._log.warn("worker {number} (pid {pid}) says nothing", number=self.number, pid=self.pid)
            self.turn(WorkerState.SILENT)

    def turn(self, state: WorkerState) -> None:
        """Be in this state from now on."""
        if state is not self.state and self.state is not WorkerState.DOWN:
            self.state = state
            if state is WorkerState.READY and self.ready_at is None:
                self.ready_at = self._clock()
            self._events.changed()

    # ProcessProtocol

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """Take a part of the worker's log, or its word."""
        for line in self._lines[childFD].feed(data):
            if childFD == self._tells:
                self._told(json.loads(line))
            elif childFD == _OUT:
                self._events.printed(line.decode("utf-8", "replace") + "\n")
            else:
                text = line.decode("utf-8", "replace")
                self._log.error("worker {number}: {text}", number=self.number, text=text)

    def processExited(self, reason: Failure) -> None:
        """Note the end of the process."""
        self.turn(WorkerState.DOWN)
        self._events.ended(self, _status(reason))

    def _told(self, news: Mapping[str, object]) -> None:
        self._heard_at = self._clock()
        if news.get("stopping"):
            self.turn(WorkerState.DRAINING)
        elif self.state is not WorkerState.DRAINING:
            if news.get("ready"):
                self.turn(WorkerState.READY)
            elif self.state is not WorkerState.STARTING:
                self.turn(WorkerState.UNREADY)

    @property
    def _transport(self) -> IProcessTransport:
        assert self.transport is not None
        return self.transport


def _status(reason: Failure) -> int:
    end = reason.value
    if not isinstance(end, ProcessTerminated):
        return 0
    return 128 + int(end.signal) if end.signal is not None else int(end.exitCode)
