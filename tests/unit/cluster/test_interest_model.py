"""The rules by which a push to a group leaves processes out, under whatever happens to the engine: each is needed."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from tests.support.engine_twin import Rules
from tests.support.interest_model import InterestModel, Variant
from wsaas.cluster.own_groups import OwnGroups
from wsaas.cluster.vouches import Vouches

FULL = os.environ.get("WSAAS_FAULTS") == "full"
RUNS = 2000 if FULL else 6
SEEDS = 500
"""Seeds within which a rule that is taken away is missed."""


class NeverWaits(OwnGroups):
    """A join is confirmed at once."""

    def when_known(self, groups: Collection[str], done: Callable[[], object]) -> None:
        done()


class OnceKnown(OwnGroups):
    """A group stays known after its name was taken out."""

    def take(self, most: int, connection: int) -> tuple[list[str], list[str]]:
        known = set(self._known)
        taken = super().take(most, connection)
        self._known |= known
        return taken


class OneEngine(Vouches):
    """A join is confirmed by one engine, although another one may believe an earlier vouch."""

    def over_beside(self, connection: int) -> float:
        return 0.0


class OverAtOnce(Vouches):
    """Without the engine a join is confirmed at once, although an engine may believe the last vouch."""

    @property
    def over(self) -> float:
        return 0.0


class BelievesAtOnce(Vouches):
    """What an engine says is believed at once, although it may be what another one knew before it."""

    def believes(self, connection: int, now: float) -> bool:
        return True


class NotCompared(Vouches):
    """A vouch is given over each connection."""

    def vouch(self, connection: int) -> int:
        self.compared = connection
        return super().vouch(connection)


class InterestModelTests(SynchronousTestCase):
    def test_all_rules(self) -> None:
        """With all rules no push leaves a process out that has a member; pushes leave many out."""
        pushes = left_out = waits = 0
        for seed in range(RUNS):
            run = InterestModel(seed).run()
            self.assertIsNone(run.violation, seed)
            pushes, left_out, waits = pushes + run.pushes, left_out + run.left_out, waits + run.waits
        self.assertGreater(left_out, pushes // 10, (pushes, left_out))
        self.assertGreater(waits, RUNS)
        if FULL:
            print(f"{RUNS} runs: {pushes} pushes, {left_out} times a process left out, {waits} joins waited")

    def test_each_rule(self) -> None:
        """Each rule that is taken away makes a push leave a process out that has a member."""
        usual, rules = Variant(), Rules()
        for name, (found, variant) in {
            "a join waits until its group is known": (0, replace(usual, groups=NeverWaits)),
            "a group is unknown once its name is taken out": (0, replace(usual, groups=OnceKnown)),
            "each engine knows the group that may believe a vouch": (17, replace(usual, vouches=OneEngine)),
            "without the engine a join waits for the vouch's end": (1, replace(usual, vouches=OverAtOnce)),
            "a new engine is not believed at once": (44, replace(usual, vouches=BelievesAtOnce)),
            "no vouch before a comparison": (25, replace(usual, vouches=NotCompared)),
            "a vouch ends at a moment": (19, replace(usual, rules=replace(rules, absolute=False))),
            "no vouch counts when the clock was set back": (38, replace(usual, rules=replace(rules, fresh=False))),
            "a replica answers no question": (19, replace(usual, refused=False)),
        }.items():
            seeds = range(SEEDS) if FULL else (found, *range(SEEDS))  # the first one that was found, else any
            broken = next((seed for seed in seeds if InterestModel(seed, variant).run().violation), None)
            self.assertIsNotNone(broken, name)
            if FULL:
                print(f"without the rule that {name}: violated by seed {broken}")
