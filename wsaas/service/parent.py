"""The parent of several workers: it starts them, starts anew one that dies, and has no socket and no client itself.

    SIGTERM, SIGINT    all drain; the parent ends after the last, with the worst of their statuses
    SIGHUP             each reloads
    SIGUSR2            one after another drains and is started anew, while the others serve

A worker that cannot start ends the whole at the first start. Later, as the others serve, it is tried again without end,
after pauses that grow to LONGEST_DELAY; each try that fails is a line in the log. It counts as late if it is not ready
RESTART_WITHIN after it began: `/-/ready` is then 503 at all of them.
"""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from wsaas.service.roster import BEAT, Roster, WorkerState
from wsaas.service.systemd import Notifier
from wsaas.service.worker_process import WorkerProcess

FIRST_DELAY, LONGEST_DELAY = 0.1, 10.0
"""Seconds before a worker that died is started anew: the first, and the longest. Each is half as long again at most."""
STEADY = 30.0
"""Seconds for which a worker has been ready when its death counts as the first again."""
RESTART_WITHIN = 20.0
"""Seconds that a worker may take until it is ready."""
FREE_AGAIN = 0.2
"""Seconds between two looks at a journal that an earlier life of a worker has."""
RESTART_AT_ONCE = 3
"""Exit status of a worker that wants to be started anew at once."""


@dataclass(frozen=True, slots=True)
class SpawnPlan:
    """The way to start a worker: the command and the environment of each, and descriptors that all of them get.

    `hears` and `tells` are the descriptors of the two pipes in the child.
    """

    command: Callable[[int], Sequence[str]]
    environ: Mapping[str, str]
    hears: int
    tells: int
    passed_on: Mapping[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Place:
    """The place of one worker: its process, or the time until there is one again."""

    process: WorkerProcess | None = None
    deaths: int = 0
    waiting: IDelayedCall | None = None
    unready_since: float | None = None
    held_up: bool = False

    @property
    def state(self) -> WorkerState:
        return WorkerState.DOWN if self.process is None else self.process.state


class Parent(Service):
    """Supervises `count` workers.

    `free(number)` says if no earlier life of a worker has its journal any more. `printed` takes the lines of their
    logs. `end()` ends this process. `random()` is a number from 0 to 1.
    `drain_within` are the seconds that a worker may take to drain before it is killed.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        count: int,
        plan: SpawnPlan,
        notifier: Notifier,
        *,
        free: Callable[[int], bool],
        printed: Callable[[str], object],
        end: Callable[[], object],
        random: Callable[[], float],
        drain_within: float,
    ) -> None:
        self._reactor = reactor
        self._plan = plan
        self._notifier = notifier
        self._free = free
        self._printed = printed
        self._end = end
        self._random = random
        self._drain_within = drain_within
        self._places = {number: _Place() for number in range(1, count + 1)}
        self._looking = LoopingCall(self._look)
        self._looking.clock = reactor
        self._stopping: Deferred[None] | None = None
        self._all_were_ready = False
        self._failed = False
        self._renewals: deque[int] = deque()
        self._renewing: int | None = None
        self._told = Roster(False, ())
        self._worst = 0

    @property
    def status(self) -> int:
        """The exit status of the whole: the worst of those with which workers ended when they were to stop."""
        return self._worst

    # What is asked for

    def startService(self) -> None:
        super().startService()
        self._log.info("starting workers: {count}", count=len(self._places))
        for number in self._places:
            self._start(number)
        self._looking.start(BEAT, now=False)

    def stopService(self) -> Deferred[None]:
        """Have all workers drain; fires when the last is gone."""
        super().stopService()
        self._log.info("stopping workers: {count}", count=len(self._processes))
        self._notifier.stopping(self._drain_within)
        self._looking.stop()
        for place in self._places.values():
            if place.waiting is not None:
                place.waiting.cancel()
                place.waiting = None
        if not self._processes:
            return succeed(None)
        self._stopping = Deferred()
        self._tell()
        for process in self._processes:
            process.drain()
            self._kill_later(process)
        return self._stopping

    def hurry(self) -> None:
        """Pass on that the stop is to be quick."""
        for process in self._processes:
            process.kill(signal.SIGTERM)

    def reload(self) -> None:
        """Have all workers reload. The service manager is told that it is done when they have been told."""
        self._notifier.reloading()
        for process in self._processes:
            process.kill(signal.SIGHUP)
        self._notifier.ready()

    def renew(self) -> None:
        """Start all workers anew, one after another; once more if that is going on."""
        if self._stopping is not None:
            return
        self._log.info("restarting the workers, one after another")
        self._renewals.extend(number for number in self._places if number not in self._renewals)
        if self._renewing is None:
            self._renew_next()

    # WorkerEvents

    def changed(self) -> None:
        """Tell all workers the state of each, and the service manager once all are ready."""
        states = [place.state for place in self._places.values()]
        if not self._all_were_ready and all(state is WorkerState.READY for state in states):
            self._all_were_ready = True
            self._log.info("all {count} workers are ready", count=len(states))
            self._notifier.ready()
        self._tell()
        if self._renewing is not None and self._places[self._renewing].state is WorkerState.READY:
            self._renew_next()

    def ended(self, worker: WorkerProcess, status: int) -> None:
        """Start the worker anew, or end with it."""
        place = self._places[worker.number]
        place.process = None
        if self._stopping is not None:
            self._worst = max(self._worst, status)
            if not self._processes:
                self._stopping.callback(None)
            return
        if worker.ready_at is None and not self._all_were_ready and 0 < status < 128:
            if not self._failed:
                self._failed = True
                self._log.error("worker {number} cannot start: see above", number=worker.number)
                self._worst = status
                self._end()
            return
        self._restart(worker, status)

    def printed(self, text: str) -> None:
        """Put a line of a worker's log into the log of all."""
        self._printed(text)

    # The rest

    @property
    def _processes(self) -> list[WorkerProcess]:
        return [place.process for place in self._places.values() if place.process is not None]

    def _start(self, number: int) -> None:
        place = self._places[number]
        place.waiting = None
        if not self._free(number):
            if not place.held_up:
                place.held_up = True
                self._log.warn("worker {number} of an earlier life is still there: waiting for its end", number=number)
            place.waiting = self._reactor.callLater(FREE_AGAIN, self._start, number)
            return
        place.held_up = False
        plan = self._plan
        place.process = WorkerProcess(number, self._reactor.seconds, self, plan.hears, plan.tells)
        place.process.spawn(self._reactor, plan.command(number), plan.environ, plan.passed_on)
        self._log.info("worker {number} is process {pid}", number=number, pid=place.process.pid)

    def _restart(self, worker: WorkerProcess, status: int) -> None:
        number, place = worker.number, self._places[worker.number]
        now, ready_at = self._reactor.seconds(), worker.ready_at
        renewing = self._renewing == number and ready_at is not None
        if renewing or status in (0, RESTART_AT_ONCE):
            place.deaths, delay = 0, 0.0
        else:
            place.deaths = 1 if ready_at is not None and now - ready_at > STEADY else place.deaths + 1
            delay = min(FIRST_DELAY * 2 ** min(place.deaths - 1, 10), LONGEST_DELAY) * (1 + self._random() / 2)
        if status and not renewing:
            how = f"died of signal {status - 128}" if status > 128 else f"ended with status {status}"
            self._log.error(
                "worker {number} {how}: starting it anew in {delay:.1f} s; failures in a row: {failures}",
                number=number,
                how=how,
                delay=delay,
                failures=place.deaths,
            )
        if self._renewing == number and ready_at is None:
            self._log.error("the restart of the workers stops here: worker {number} cannot start", number=number)
            self._renewals.clear()
            self._renewing = None
        self.changed()
        place.waiting = self._reactor.callLater(delay, self._start, number)

    def _renew_next(self) -> None:
        self._renewing = self._renewals.popleft() if self._renewals else None
        if self._renewing is None:
            self._log.info("all workers are restarted")
            return
        process = self._places[self._renewing].process
        if process is not None and process.state is not WorkerState.DRAINING:
            process.drain()
            self._kill_later(process)

    def _kill_later(self, process: WorkerProcess) -> None:
        self._reactor.callLater(self._drain_within, self._kill, process)

    def _kill(self, process: WorkerProcess) -> None:
        if process in self._processes:
            self._log.error("worker {number} does not end: killing it", number=process.number)
            process.kill(signal.SIGKILL)

    def _look(self) -> None:
        for process in self._processes:
            process.look()
        self._tell()

    def _tell(self) -> None:
        """Tell each worker of all, if that is another word than the last."""
        workers = tuple(process.news for process in self._processes)
        roster = Roster(self._stopping is None and self._all_were_ready and not self._late(), workers)
        if roster != self._told:
            self._told = roster
            for process in self._processes:
                process.tell(roster)

    def _late(self) -> bool:
        """Say if a worker takes longer to be ready than it may, or none is ready."""
        now, late = self._reactor.seconds(), True
        for place in self._places.values():
            if place.state in (WorkerState.READY, WorkerState.DRAINING):
                place.unready_since = None
                late = late and place.state is not WorkerState.READY
            elif place.unready_since is None:
                place.unready_since = now
        return late or any(
            place.unready_since is not None and now - place.unready_since > RESTART_WITHIN
            for place in self._places.values()
        )
