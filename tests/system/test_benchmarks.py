"""`python -m benchmarks`, as short as it gets, and how it counts time and memory of processes."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from benchmarks.accounting import cpu_seconds, family, memory_bytes
from benchmarks.cluster import installed
from tests.support.faults import FULL

ROOT = Path(__file__).resolve().parents[2]
ENOUGH = 300
"""Seconds, against a hang."""


class RunTests(SynchronousTestCase):
    if not all(find_spec(each) for each in ("picows", "uvloop")):
        skip = "the extra `bench` is not installed"

    def run_benchmarks(self, *arguments: str) -> tuple[subprocess.CompletedProcess[str], dict[str, Any], Path]:
        directory = Path(self.mktemp()).resolve()
        directory.mkdir()
        found = directory / "found.json"
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks", *arguments, "--json", found, "--docs", directory],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=ENOUGH,
        )
        self.assertTrue(found.exists(), done.stderr)
        return done, json.loads(found.read_text()), directory

    def test_quick(self) -> None:
        """Works are done by the gateway and by the plain stack, and nothing is lost; in the full size every kind."""
        works = [] if FULL else ["--only", "idle,message,mixed,batch,stream,watched", "--sizes", "100"]
        done, found, directory = self.run_benchmarks(
            *("--quick", "--seconds", "0.05", "--clients", "16", "--crowd", "20", *works)
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        kinds = {work.split()[0] for work in found["works"]}
        ours = {"batch", "stream", "watched"} | ({"workers"} if FULL else set())
        rest = {"idle", "message", "mixed"} | ({"connect", "push", "broadcast", "latency"} if FULL else set())
        self.assertEqual(kinds, rest | ours)
        for work, row in found["works"].items():
            self.assertEqual(set(row["systems"]), {"wsaas"} if work.split()[0] in ours else {"wsaas", "plain"}, work)
            for name, measured in row["systems"].items():
                (measure,) = measured["rounds"]
                self.assertEqual(measure["lost"], 0, (work, name, measure))
                if not work.endswith("/s"):  # a slow machine may not be able to do so many
                    self.assertGreater(measure["operations"], 0, (work, name))
            self.assertIn(work, done.stdout)
        for plot in ("cost.svg", "memory.svg"):
            ElementTree.parse(directory / plot)
        for table in ("costs", "rates", *(["latencies", "targets"] if FULL else [])):
            self.assertIn((directory / f"{table}.txt").read_text().strip(), done.stdout)

    def test_growth(self) -> None:
        """The growth of a crowd and of its groups is measured on the gateway alone."""
        done, found, directory = self.run_benchmarks(
            "--growth", "--crowds", "10,20", "--quick", "--seconds", "0.05", "--clients", "16", "--crowd", "20"
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual({name for row in found["works"].values() for name in row["systems"]}, {"wsaas"})
        for work in ("message among 20", "push among 10", "broadcast to 20", "group of 1", "group of 20"):
            (measure,) = found["works"][work]["systems"]["wsaas"]["rounds"]
            self.assertEqual(measure["lost"], 0, (work, measure))
        ElementTree.parse(directory / "growth.svg")
        self.assertTrue((directory / "growth-costs.txt").exists())

    def test_hop(self) -> None:
        """The time of a hop is measured beside two other ways of a push, and said for each round and in all."""
        if not (FULL and installed()):
            raise SkipTest("WSAAS_FAULTS=full runs it, where an engine is installed")
        command = [sys.executable, "-m", "benchmarks.hop", "--rounds", "2", "--seconds", "0.2", "--rate", "100"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=ENOUGH)
        self.assertEqual(done.returncode, 0, done.stderr)
        first, *rounds, of_all, alone, owner = done.stdout.splitlines()
        self.assertEqual((first, len(rounds)), ("100 pushes a second of 100 bytes, in ms:", 2))
        self.assertRegex(
            of_all, r"^median alone p50 [0-9.]+, alone p99 [0-9.]+, hop p50 [0-9.]+, hop p99 [0-9.]+, owner"
        )
        for line, way in ((alone, "alone"), (owner, "owner")):
            self.assertRegex(
                line, f"^a hop takes longer than {way}, median of the rounds: p50 -?[0-9.]+, p99 -?[0-9.]+ ms$"
            )

    def test_many(self) -> None:
        """Many clients connect, are idle, and leave, and the backend hears of each."""
        found = Path(self.mktemp()).resolve()
        found.parent.mkdir(exist_ok=True)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.many", "--workers", "1", "--connections", "20", "--seconds", "0.1",
             "--json", found],
            cwd=ROOT, capture_output=True, text=True, timeout=ENOUGH,
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        (run,) = json.loads(found.read_text())["runs"]
        self.assertEqual((run["connections"], run["missing_deletes"], run["gone_while_idle"]), (20, 0, 0))
        self.assertIn("DELETEs missing", done.stdout)

    def test_cluster(self) -> None:
        """The rows of a cluster are measured on two nodes, the engine by itself, and nothing is lost."""
        if not installed():
            raise SkipTest("redis-server is not installed")
        done, found, directory = self.run_benchmarks(
            *("--cluster", "--systems", "cluster:2"),
            *("--quick", "--seconds", "0.05", "--clients", "16", "--crowd", "20"),
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(
            list(found["works"]),
            ["connect", "push 100 B", "push 16 KB", "group of 20", "group of 1", "latency", "rest"],
        )
        for work, row in found["works"].items():
            (measure,) = row["systems"]["cluster:2"]["rounds"]
            self.assertEqual(measure["lost"], 0, (work, measure))
            self.assertIsNotNone(measure["engine_cpu"], work)
        self.assertIn("the engine's part", (directory / "cluster-engines.txt").read_text())

    def test_unknown(self) -> None:
        """A system that nobody knows is refused before anything starts."""
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks", "--systems", "wsaas,other"], cwd=ROOT, capture_output=True, text=True
        )
        self.assertEqual(done.returncode, 2)
        self.assertIn("other", done.stderr)


BURN = """
import subprocess, sys, time
if sys.argv[1:]:
    while time.process_time() < 0.3:
        pass
    print(flush=True)
    sys.stdin.read()
else:
    subprocess.run([sys.executable, __file__, "child"])
"""


class AccountingTests(SynchronousTestCase):
    if not Path("/proc/self/smaps_rollup").exists():
        skip = "this system has no /proc like Linux"

    def test_children(self) -> None:
        """The time and the memory of a child are its parent's."""
        path = Path(self.mktemp())
        path.write_text(BURN)
        with subprocess.Popen([sys.executable, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            pids = family([process.pid])
            self.assertEqual(len(pids), 2)
            self.assertGreaterEqual(cpu_seconds(pids) - cpu_seconds([process.pid]), 0.25)
            self.assertGreater(memory_bytes(pids), memory_bytes([process.pid]))
            process.communicate()
