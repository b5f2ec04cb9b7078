"""The parent of the workers, with processes that are made up: who is started, when, and what all are told."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from wsaas.service.parent import FREE_AGAIN, LONGEST_DELAY, RESTART_WITHIN, STEADY, Parent, SpawnPlan
from wsaas.service.roster import Roster, WorkerState
from wsaas.service.worker_process import SILENCE, WorkerProcess

HEARS, TELLS = 3, 4
DRAIN = 60.0


class FakeProcess:
    """A process: what it was told and which signals it got; the test has it speak and end."""

    def __init__(self, protocol: WorkerProcess, pid: int) -> None:
        self.protocol = protocol
        self.pid = pid
        self.signals: list[int] = []
        self.told: list[Roster] = []
        self.over = False
        protocol.makeConnection(self)  # type: ignore[arg-type]

    def writeToChild(self, descriptor: int, data: bytes) -> None:
        assert descriptor == HEARS
        self.told.append(Roster.decode(data))

    def signalProcess(self, number: int) -> None:
        if self.over:
            raise ProcessExitedAlready
        self.signals.append(number)

    def say(self, **news: bool) -> None:
        self.protocol.childDataReceived(TELLS, json.dumps(news).encode() + b"\n")

    def end(self, status: int = 0, by: int | None = None) -> None:
        self.over = True
        error = ProcessTerminated(status, by) if status or by else ProcessDone(0)
        self.protocol.processExited(Failure(error))


class FakeReactor(Clock):
    """A clock that starts processes."""

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[FakeProcess] = []
        self.started: list[tuple[Sequence[str], Mapping[str, str], Mapping[int, Any]]] = []

    def spawnProcess(
        self, protocol: WorkerProcess, executable: str, args: Sequence[str], env: Mapping[str, str], childFDs: Any
    ) -> None:
        self.started.append((args, env, childFDs))
        self.processes.append(FakeProcess(protocol, 1000 + len(self.processes)))


class FakeNotifier:
    """Notes what the service manager is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def ready(self) -> None:
        self.told.append("ready")

    def reloading(self) -> None:
        self.told.append("reloading")

    def stopping(self, within: float) -> None:
        self.told.append(f"stopping {within:g}")


class ParentTestCase(SynchronousTestCase):
    count = 3

    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.notifier: Any = FakeNotifier()
        self.held: set[int] = set()
        self.ends = 0
        self.lines: list[str] = []
        self.parent = Parent(
            self.reactor,
            self.count,
            SpawnPlan(lambda number: ["run", str(number)], {"A": "b"}, HEARS, TELLS, {7: 9}),
            self.notifier,
            free=lambda number: number not in self.held,
            printed=self.lines.append,
            end=self.end,
            random=lambda: 0.0,
            drain_within=DRAIN,
        )

    def end(self) -> None:
        self.ends += 1

    def begin(self) -> None:
        """Start, and have all workers ready."""
        self.parent.startService()
        self.ready(*self.reactor.processes)

    def ready(self, *processes: FakeProcess) -> None:
        for process in processes:
            process.say(ready=True)

    def numbers(self) -> list[str]:
        """The numbers of the workers in the order in which processes were started."""
        return [args[1] for args, _, _ in self.reactor.started]

    def pass_time(self, seconds: float) -> None:
        """Let time pass; the workers that live and are ready say so each second."""
        for _ in range(round(seconds)):
            for process in self.reactor.processes:
                if not process.over and process.protocol.state is WorkerState.READY:
                    process.say(ready=True)
            self.reactor.advance(1)

    @property
    def last(self) -> FakeProcess:
        return self.reactor.processes[-1]


class StartTests(ParentTestCase):
    def test_start(self) -> None:
        """Each worker is started with its number, the environment, the pipes and what is passed on."""
        self.parent.startService()
        self.assertEqual(self.numbers(), ["1", "2", "3"])
        _, environ, descriptors = self.reactor.started[0]
        self.assertEqual(environ, {"A": "b"})
        self.assertEqual(descriptors, {0: 0, 1: "r", 2: "r", HEARS: "w", TELLS: "r", 7: 9})

    def test_ready(self) -> None:
        """The whole is ready once all have been, and the service manager hears of it once."""
        self.parent.startService()
        one, two, three = self.reactor.processes
        self.ready(one, two)
        self.assertEqual(self.notifier.told, [])
        self.assertFalse(one.told[-1].ready)
        three.say(ready=False)
        self.assertEqual(three.told[-1].workers[2].state, WorkerState.STARTING)
        self.ready(three)
        self.assertEqual(self.notifier.told, ["ready"])
        for process in (one, two, three):
            self.assertTrue(process.told[-1].ready)
            self.assertEqual([news.pid for news in process.told[-1].workers], [1000, 1001, 1002])
        one.say(ready=False)
        self.ready(one)
        self.assertEqual(self.notifier.told, ["ready"])

    def test_cannot_start(self) -> None:
        """A worker that ends before it is ready, at the first start, ends the whole with its status; once."""
        self.parent.startService()
        one, two, three = self.reactor.processes
        self.ready(one)
        two.end(1)
        three.end(1)
        self.assertEqual((self.ends, self.parent.status), (1, 1))
        stopped = self.parent.stopService()
        self.assertEqual(one.signals, [signal.SIGTERM])
        one.end()
        self.successResultOf(stopped)
        self.assertEqual(self.parent.status, 1)

    def test_held_up(self) -> None:
        """A worker is started once no earlier life of it has its journal."""
        self.held.add(2)
        with capturedLogs() as logs:
            self.parent.startService()
            self.reactor.advance(FREE_AGAIN)
            self.reactor.advance(FREE_AGAIN)
        self.assertEqual(self.numbers(), ["1", "3"])
        self.assertEqual(sum("earlier life" in event["log_format"] for event in logs), 1)
        self.held.clear()
        self.reactor.advance(FREE_AGAIN)
        self.assertEqual(self.numbers(), ["1", "3", "2"])

    def test_log(self) -> None:
        """Lines of a worker's log are put into the log of all, whole; what it writes to standard error is an error."""
        self.parent.startService()
        protocol = self.last.protocol
        protocol.childDataReceived(1, b"one\ntw")
        protocol.childDataReceived(1, b"o\n")
        self.assertEqual(self.lines, ["one\n", "two\n"])
        with capturedLogs() as logs:
            protocol.childDataReceived(2, b"wsaas: no\n")
        self.assertEqual((logs[0]["number"], logs[0]["text"]), (3, "wsaas: no"))


class DeathTests(ParentTestCase):
    def test_anew(self) -> None:
        """A worker that dies is started anew: at once, then later and later, at once again after it was steady."""
        self.begin()
        self.reactor.processes[1].end(by=signal.SIGKILL)
        self.reactor.advance(0.1)
        self.assertEqual(self.numbers()[3:], ["2"])
        delays = []
        for _ in range(9):
            self.last.end(by=signal.SIGSEGV)
            waiting = self.parent._places[2].waiting
            assert waiting is not None
            delays.append(round(waiting.getTime() - self.reactor.seconds(), 3))
            self.reactor.advance(delays[-1])
        self.assertEqual(delays[:4], [0.2, 0.4, 0.8, 1.6])
        self.assertEqual(delays[-2:], [LONGEST_DELAY] * 2)
        self.ready(self.last)
        self.pass_time(STEADY + 1)
        self.last.end(by=signal.SIGSEGV)
        self.reactor.advance(0.1)
        self.assertEqual(len(self.reactor.processes), 14)

    def test_ended_by_itself(self) -> None:
        """A worker that ended in order, because it was told to, or that asks for it, is started anew at once."""
        self.begin()
        for status in (0, 3):
            self.last.end(status)
            self.reactor.advance(0)
            self.ready(self.last)
        self.assertEqual(self.numbers()[3:], ["3", "3"])
        self.assertEqual(self.ends, 0)

    def test_cannot_start_later(self) -> None:
        """A successor that cannot start is tried again, each time with a line; the others go on."""
        self.begin()
        self.last.end(by=signal.SIGKILL)
        with capturedLogs() as logs:
            for _ in range(3):
                self.reactor.advance(LONGEST_DELAY)
                self.last.end(1)
        self.assertEqual((self.ends, len(self.reactor.processes)), (0, 6))
        self.assertEqual(
            [formatEvent(event) for event in logs if event["log_level"] is LogLevel.error],
            [
                f"worker 3 ended with status 1: starting it anew in {delay} s; failures in a row: {failures}"
                for delay, failures in ((0.2, 2), (0.4, 3), (0.8, 4))
            ],
        )

    def test_late(self) -> None:
        """The whole is not ready while none of its workers is, or one takes longer than a restart may."""
        self.begin()
        one, two, three = self.reactor.processes
        three.end(by=signal.SIGKILL)
        self.pass_time(RESTART_WITHIN - 1)
        self.assertTrue(one.told[-1].ready)
        self.pass_time(3)
        self.assertFalse(one.told[-1].ready)
        self.ready(self.last)
        self.assertTrue(one.told[-1].ready)
        for process in (one, two, self.last):
            process.say(ready=False)
        self.assertFalse(one.told[-1].ready)

    def test_silent(self) -> None:
        """A worker that says nothing is silent, is told nothing, and makes the whole late, until it speaks."""
        self.begin()
        one, two, three = self.reactor.processes
        with capturedLogs() as logs:
            for _ in range(round(SILENCE) + 2):
                self.ready(one, two)
                self.reactor.advance(1)
        self.assertEqual(one.told[-1].workers[2].state, WorkerState.SILENT)
        self.assertEqual(sum("says nothing" in event["log_format"] for event in logs), 1)
        heard = len(three.told)
        self.assertTrue(one.told[-1].ready)
        for _ in range(round(RESTART_WITHIN) + 2):
            self.ready(one, two)
            self.reactor.advance(1)
        self.assertFalse(one.told[-1].ready)
        self.assertEqual(len(three.told), heard)
        self.ready(three)
        self.assertTrue(one.told[-1].ready)
        self.assertEqual(three.told[-1], one.told[-1])


class StopTests(ParentTestCase):
    def stop(self) -> Deferred[None]:
        self.begin()
        return self.parent.stopService()

    def test_stop(self) -> None:
        """All are told at the same time that it is over, and drain; it ends after the last, with the worst status. The
        log says so even if none of them has anything to say yet.
        """
        with capturedLogs() as logs:
            stopped = self.stop()
        self.assertEqual(formatEvent(logs[-1]), "stopping workers: 3")
        one, two, three = self.reactor.processes
        for process in (one, two, three):
            self.assertEqual(process.signals, [signal.SIGTERM])
            self.assertFalse(process.told[-1].ready)
        one.end(2)
        two.end(by=signal.SIGKILL)
        self.assertNoResult(stopped)
        three.end()
        self.successResultOf(stopped)
        self.assertEqual(self.parent.status, 128 + signal.SIGKILL)
        self.reactor.advance(LONGEST_DELAY)
        self.assertEqual(len(self.reactor.processes), 3)
        self.assertEqual(self.notifier.told, ["ready", f"stopping {DRAIN:g}"])

    def test_hurry(self) -> None:
        """That it is to be quick is passed on."""
        self.stop()
        self.parent.hurry()
        self.assertEqual([process.signals for process in self.reactor.processes], [[signal.SIGTERM] * 2] * 3)

    def test_does_not_end(self) -> None:
        """A worker that does not end in its time is killed."""
        self.stop()
        self.reactor.processes[0].end()
        self.reactor.advance(DRAIN)
        self.assertEqual(self.reactor.processes[0].signals, [signal.SIGTERM])
        self.assertEqual(self.reactor.processes[1].signals, [signal.SIGTERM, signal.SIGKILL])

    def test_nobody(self) -> None:
        """Workers that wait to be started anew are not, and need not be waited for."""
        self.begin()
        for process in self.reactor.processes:
            process.end(by=signal.SIGKILL)
        self.successResultOf(self.parent.stopService())
        self.reactor.advance(LONGEST_DELAY)
        self.assertEqual(len(self.reactor.processes), 3)

    def test_reload(self) -> None:
        """Those that are there are told to reload, and the service manager hears of beginning and end."""
        self.begin()
        self.reactor.processes[0].end(by=signal.SIGKILL)
        self.parent.reload()
        self.assertEqual(self.notifier.told, ["ready", "reloading", "ready"])
        self.assertEqual(
            [process.signals for process in self.reactor.processes], [[], [signal.SIGHUP], [signal.SIGHUP]]
        )


class RenewalTests(ParentTestCase):
    def drained(self, process: FakeProcess) -> None:
        self.assertEqual(process.signals, [signal.SIGTERM])
        process.say(stopping=True)
        process.say(ready=False)
        process.end()
        self.reactor.advance(0)

    def test_one_after_another(self) -> None:
        """Each drains, is started anew at once, and must be ready before the next; the whole is ready all the while."""
        self.begin()
        first = list(self.reactor.processes)
        self.parent.renew()
        for number, process in enumerate(first):
            self.assertEqual([each.signals for each in first[number + 1 :]], [[]] * (2 - number))
            self.drained(process)
            self.pass_time(RESTART_WITHIN - 2)
            self.ready(self.last)
        self.assertEqual(self.numbers(), ["1", "2", "3"] * 2)
        self.assertTrue(all(roster.ready for roster in self.last.told if len(roster.workers) == 3))
        self.reactor.advance(DRAIN)
        self.assertEqual([process.signals for process in self.reactor.processes[3:]], [[], [], []])

    def test_again(self) -> None:
        """One that is asked for meanwhile follows."""
        self.begin()
        self.parent.renew()
        self.drained(self.reactor.processes[0])
        self.parent.renew()
        for _ in range(5):
            self.ready(self.last)
            waiting = [each for each in self.reactor.processes if each.signals and not each.over]
            if waiting:
                self.drained(waiting[0])
        self.ready(self.last)
        self.assertEqual(sorted(self.numbers()[3:]), ["1", "1", "2", "3"])

    def test_cannot_start(self) -> None:
        """It ends where a successor cannot start, which is tried again; the rest stays as it is."""
        self.begin()
        self.parent.renew()
        self.drained(self.reactor.processes[0])
        with capturedLogs() as logs:
            self.last.end(1)
        self.assertTrue(any("stops here" in event["log_format"] for event in logs))
        self.reactor.advance(LONGEST_DELAY)
        self.ready(self.last)
        self.assertEqual([process.signals for process in self.reactor.processes[1:3]], [[], []])
        self.assertEqual(self.numbers()[3:], ["1", "1"])

    def test_dies_meanwhile(self) -> None:
        """One that is down when its turn comes is started anyway, and the turn goes on when it is ready."""
        self.begin()
        self.parent.renew()
        self.reactor.processes[1].end(by=signal.SIGKILL)
        self.drained(self.reactor.processes[0])
        self.ready(self.last)
        self.reactor.advance(LONGEST_DELAY)
        self.ready(*[process for process in self.reactor.processes if not process.over])
        self.assertEqual(self.reactor.processes[2].signals, [signal.SIGTERM])

    def test_stop(self) -> None:
        """A stop ends it. A worker that drains by then is not told a second time, which would mean at once."""
        self.begin()
        self.parent.renew()
        self.reactor.advance(DRAIN / 2)
        stopped = self.parent.stopService()
        self.assertEqual([process.signals for process in self.reactor.processes], [[signal.SIGTERM]] * 3)
        for process in self.reactor.processes:
            process.end()
        self.successResultOf(stopped)
        self.parent.renew()
        self.reactor.advance(LONGEST_DELAY)
        self.assertEqual(len(self.reactor.processes), 3)
