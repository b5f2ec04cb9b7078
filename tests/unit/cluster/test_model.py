"""The rules of leases, votes and claims, under whatever happens to a cluster: and each of them is needed."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from tests.support.cluster_model import Model, Variant
from tests.support.engine_twin import Rules
from wsaas.cluster import right as rights
from wsaas.cluster.right import Right

FULL = os.environ.get("WSAAS_FAULTS") == "full"
RUNS = 2000 if FULL else 60
SEEDS = 500
"""Seeds within which a rule that is taken away is missed."""


class OneWitness(Right):
    """A process goes on as soon as one other has no lease, either."""

    def _is_majority(self, view: frozenset[str], without_lease: Collection[str]) -> bool:
        return bool(view.intersection(without_lease)) or not view


class NoLatch(Right):
    """Votes count at any time."""

    def votes_count(self, now: float) -> bool:
        return True


class NeverUnsure(Right):
    """An engine that does not know this process is joined again, whatever may have been."""

    def unsure(self, now: float) -> bool:
        return False


class NoFence(Right):
    """A claimed process goes on as long as it thinks that it has a lease."""

    def refused(self) -> None:
        self._lease_until = self._renewed + 60


class LongLease(Right):
    """The lease is longer than the time after which others claim."""

    def renewed(self, sent: float, view: Collection[str]) -> None:
        super().renewed(sent, view)
        self._lease_until = sent + rights.CLAIM_AFTER + 3


class ModelTests(SynchronousTestCase):
    def test_all_rules(self) -> None:
        """With all rules no process speaks of which another has told; claims, votes and relays do occur."""
        claims = votes = relays = 0
        for seed in range(RUNS):
            seen = Model(seed).run()
            self.assertIsNone(seen.violation, seed)
            claims, votes, relays = claims + seen.claims, votes + seen.votes, relays + seen.relays
        self.assertGreater(min(claims, votes, relays), RUNS // 4, (claims, votes, relays))
        if FULL:
            print(f"{RUNS} runs: {claims} claims, {votes} beats by votes, {relays} by relay, no violation")

    def test_each_rule(self) -> None:
        """Each rule that is taken away makes a process speak of which another has told."""
        usual, rules = Variant(), Rules()
        for name, variant in {
            "a majority of votes": replace(usual, right=OneWitness),
            "no votes after a silence": replace(usual, right=NoLatch),
            "an empty engine proves nothing": replace(usual, right=NeverUnsure),
            "a claimed process is fenced": replace(usual, right=NoFence),
            "the lease ends before a claim": replace(usual, right=LongLease),
            "a quorum for a claim": replace(usual, rules=replace(rules, quorum=False)),
            "an unbroken lease counts for the quorum": replace(usual, rules=replace(rules, unbroken=False)),
            "no claim before its time": replace(usual, rules=replace(rules, age=False)),
            "a replica has the claim before it is told": replace(usual, wait=False),
        }.items():
            broken = next((seed for seed in range(SEEDS) if Model(seed, variant).run().violation), None)
            self.assertIsNotNone(broken, name)
            if FULL:
                print(f"without the rule of {name}: violated by seed {broken}")
