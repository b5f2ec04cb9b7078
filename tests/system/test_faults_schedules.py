"""Faults of a cluster in any order, under clients that come and go.

WSAAS_SEEDS=FIRST-LAST runs those schedules, each for a longer time; by default these are six short ones.
"""

from __future__ import annotations

import os

from tests.support.fault_case import FaultCase
from tests.support.links import Links
from tests.support.quick_cluster import QUICK, SPEED
from tests.support.schedule import Schedule

SEEDS = os.environ.get("WSAAS_SEEDS")
FIRST, LAST = map(int, SEEDS.split("-")) if SEEDS else (1, 6)
SECONDS = 8.0 if SEEDS else 2.0


class ScheduleTests(FaultCase):
    """Four nodes that die, lose their disks, stop, drain, lose each other or the engine, which freezes, dies, and comes
    back empty or as it was."""

    def test_schedules(self) -> None:
        """Each accepted connection is open or gets its DELETE, nothing comes after that, each answer is one that the
        API has, and none is a lie.
        """
        links = Links()
        self.addCleanup(links.stop)
        cluster = self.linked(4, links, QUICK, DRAIN_TIMEOUT="3000", WEBHOOK_TIMEOUT="5000")
        found = []
        for seed in range(FIRST, LAST + 1):
            schedule = Schedule(cluster, links, seed, SECONDS, SPEED)
            schedule.run()
            wrong = [f"seed {seed}: {each}" for each in schedule.check()]
            found += wrong
            if SEEDS or wrong:
                print(schedule.summary(), *wrong, sep="\n", flush=True)
        self.assertEqual(found, [])
