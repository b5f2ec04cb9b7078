"""Faults of a cluster in any order, under clients that come and go.

WSAAS_SEEDS=FIRST-LAST runs those schedules, each for a longer time; by default these are a dozen short ones, on two
clusters at once: most of a schedule is waiting.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.support.fault_case import FaultCase
from tests.support.links import Links
from tests.support.quick_cluster import QUICK, SPEED
from tests.support.schedule import Schedule

SEEDS = os.environ.get("WSAAS_SEEDS")
FIRST, LAST = map(int, SEEDS.split("-")) if SEEDS else (1, 12)
SECONDS = 8.0 if SEEDS else 2.0
AT_ONCE = 1 if SEEDS else 2


class ScheduleTests(FaultCase):
    """Four nodes that die, lose their disks, stop, drain, lose each other or the engine, which freezes, dies, and comes
    back empty or as it was."""

    def test_schedules(self) -> None:
        """Each accepted connection is open or gets its DELETE, nothing comes after that, each answer is one that the
        API has, and none is a lie.
        """
        parts = [range(FIRST + part, LAST + 1, AT_ONCE) for part in range(AT_ONCE)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = [wrong for part in pool.map(self.violations, parts) for wrong in part]
        self.assertEqual(found, [])

    def violations(self, seeds: Sequence[int]) -> list[str]:
        """Run these schedules on one cluster, one after another."""
        links = Links()
        self.addCleanup(links.stop)
        cluster = self.linked(4, links, QUICK, DRAIN_TIMEOUT="3000", WEBHOOK_TIMEOUT="5000")
        found = []
        for seed in seeds:
            schedule = Schedule(cluster, links, seed, SECONDS, SPEED)
            schedule.run()
            wrong = [f"seed {seed}: {each}" for each in schedule.check()]
            found += wrong
            if SEEDS or wrong:
                print(schedule.summary(), *wrong, sep="\n", flush=True)
        return found
