"""The journal with real processes that are killed and real disks that are full."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.support.journal_fakes import FakeConnections, ManualJobQueue, ThreadlessReactor, connection, previous_life
from wsaas.journal.sqlite import RETRY_INTERVAL, SqliteJournal

CHECKOUT = Path(__file__).resolve().parents[2]
KILLS = 20


class ProcessCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).resolve()

    def spawn(self, *arguments: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.journal_process", *arguments],
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def result(self, *arguments: str) -> dict[str, list[bool]]:
        output, errors = self.spawn(*arguments).communicate(timeout=60)
        self.assertEqual(errors, b"")
        result: dict[str, list[bool]] = json.loads(output)
        return result


class KillTests(ProcessCase):
    def test_kill(self) -> None:
        """Whatever was said to be safe is there after kill -9 at any moment, life after life."""
        choose = random.Random()
        safe: set[int] = set()
        first = 0
        for _ in range(KILLS):
            process = self.spawn("live", str(self.directory), str(first))
            output: IO[bytes] = process.stdout  # type: ignore[assignment]
            for _ in range(choose.randrange(1, 300)):
                safe.add(int(output.readline()))
            process.kill()  # wherever it has got to meanwhile: between two batches, or in one
            safe.update(int(line) for line in output.read().splitlines(keepends=True) if line.endswith(b"\n"))
            process.wait()
            first = max(safe) + 1000
        records = {record.id: record for record in previous_life(self.directory)}
        for number in safe:
            if number % 3:
                self.assertEqual(records.get(connection(number).id), connection(number))
        self.assertEqual([file.name for file in self.directory.iterdir() if "damaged" in file.name], [])

    def test_lock_dies_too(self) -> None:
        """While a gateway lives its directory is refused to another; once it is killed, the next one starts at once."""
        process = self.spawn("live", str(self.directory), "0")
        process.stdout.readline()  # type: ignore[union-attr]
        second = self.spawn("live", str(self.directory), "0")
        _, errors = second.communicate(timeout=60)
        self.assertIn(f"(pid {process.pid})".encode(), errors)
        process.kill()
        process.wait()
        self.assertTrue(previous_life(self.directory))


class FullDiskTests(ProcessCase):
    def test_full(self) -> None:
        """Without room new connections are refused, and when there is room again all goes on by itself."""
        result = self.result("full", str(self.directory))
        self.assertEqual(result["before"], [True] * 5)
        self.assertFalse(result["during"][-1])
        self.assertFalse(result["healthy_without"])
        self.assertEqual(result["after"], [True] * 5)
        kept = [100 + index for index, safe in enumerate(result["during"]) if safe]
        self.assertEqual(
            previous_life(self.directory), [connection(number) for number in [1, 2, 3, 4, *kept, *range(200, 205)]]
        )

    def test_full_at_start(self) -> None:
        """A gateway starts on a full disk, refuses connections, and works when there is room."""
        result = self.result("full-at-start", str(self.directory))
        self.assertEqual(result, {"during": [False] * 5, "healthy_without": False, "after": [True]})
        self.assertEqual(previous_life(self.directory), [connection(200)])

    def test_full_file_system(self) -> None:
        """The same on a file system that is really full."""
        self.directory.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(self.directory)]
        if os.geteuid() != 0 or subprocess.run(mount, stderr=subprocess.DEVNULL, check=False).returncode:
            raise SkipTest("may not mount a file system")
        self.addCleanup(subprocess.run, ["umount", "-l", str(self.directory)], check=True)
        state = self.directory / "state"
        reactor = ThreadlessReactor()
        journal = SqliteJournal(reactor, state, keep_authorization=True, wall_clock=time.time, queue=ManualJobQueue())
        journal.start(FakeConnections())
        answers: dict[int, bool] = {}
        for number in range(2000):
            journal.opened(connection(number), lambda safe, number=number: answers.update({number: safe}))  # type: ignore[misc]
            if number % 20 == 0:
                reactor.advance(RETRY_INTERVAL / 100)
                reactor.advance(0)
        self.assertFalse(journal.healthy)
        self.assertFalse(answers[1900])
        subprocess.run(["mount", "-o", "remount,size=8m", str(self.directory)], check=True)
        reactor.advance(RETRY_INTERVAL)
        reactor.advance(0)
        self.assertTrue(journal.healthy)
        journal.opened(connection(5000), lambda safe: answers.update({5000: safe}))
        reactor.advance(RETRY_INTERVAL)
        reactor.advance(0)
        stopped = journal.stop()
        reactor.pump([0] * 3)
        self.successResultOf(stopped)
        self.assertEqual(previous_life(state), [connection(number) for number, safe in answers.items() if safe])
        self.assertTrue(answers[5000])
