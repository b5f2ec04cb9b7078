"""The rules of leases, votes and claims, under whatever happens to a cluster: and each of them is needed."""

from __future__ import annotations

import os
import random
from collections.abc import Collection
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from tests.support.cluster_model import Model, Variant
from tests.support.engine_twin import Rules, Twin
from wsaas.cluster import right as rights
from wsaas.cluster.right import Right
from wsaas.cluster.view import NOBODY, View

FULL = os.environ.get("WSAAS_FAULTS") == "full"
RUNS = 2000 if FULL else 60
SEEDS = 500
"""Seeds within which a rule that is taken away is missed."""


class OneWitness(View):
    """A process goes on as soon as one other has no lease, either."""

    def is_majority(self, without_lease: Collection[str]) -> bool:
        return not self.prefixes() or not self.prefixes().isdisjoint(without_lease)


class EachVotes(View):
    """Each process votes, although for a claim each node counts as one."""

    def is_majority(self, without_lease: Collection[str]) -> bool:
        others = self.prefixes()
        return 2 * (1 + len(others.intersection(without_lease))) > 1 + len(others)


class OwnNodeVotes(View):
    """The process votes for its own node, whatever those beside it say."""

    def is_majority(self, without_lease: Collection[str]) -> bool:
        return View(frozenset(), self.nodes).is_majority(without_lease)


def judging(view: type[View]) -> type[Right]:
    """A right whose votes are counted in this way."""

    class Judging(Right):
        def sending(self, now: float, seen: View = NOBODY) -> None:
            super().sending(now, view(seen.beside, seen.nodes))

        def renewed(self, sent: float, seen: View = NOBODY) -> None:
            super().renewed(sent, view(seen.beside, seen.nodes))

    return Judging


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

    def renewed(self, sent: float, view: View = NOBODY) -> None:
        super().renewed(sent, view)
        self._lease_until = sent + rights.CLAIM_AFTER + 3


def both(view: type[View], seed: int) -> bool:
    """Say if, in a cluster made up at random, votes and a claim are both allowed: each process has a lease, or says
    that it has none, or says nothing and has none.
    """
    rng, twin = random.Random(seed), Twin(now=1_000_000)
    others = [(f"{node}{number}", node) for node in "ABCD" for number in range(rng.choice([0, 1, 2]))]
    seen = View.of("A", others)
    without = set()
    for name, _ in others:
        if rng.random() < 0.5:
            twin.members[name], twin.since[name] = twin.now, 0
        elif rng.random() < 0.7:
            without.add(name)
    nodes, leased = twin.nodes_of("A9", seen.encode("A9"))
    return view(seen.beside, seen.nodes).is_majority(without) and leased * 2 >= nodes


class ModelTests(SynchronousTestCase):
    def test_clock_set_back(self) -> None:
        """After the engine's clock was set back, a lease from before does not count once more for a claim; seed 1407 is
        such a run.
        """
        careless = Variant(rules=replace(Rules(), steps=False))
        self.assertIsNotNone(Model(1407, careless).run().violation)
        self.assertIsNone(Model(1407).run().violation)

    def test_votes_and_quorum(self) -> None:
        """Where votes are enough for a process to go on, no quorum is there to claim it, however many processes the
        nodes have; counted in another way, both happen.
        """
        for view, happens in ((View, False), (OneWitness, True), (EachVotes, True), (OwnNodeVotes, True)):
            self.assertEqual(any(both(view, seed) for seed in range(2000)), happens, view.__name__)

    def test_all_rules(self) -> None:
        """With all rules no process speaks of which another has told; claims, votes and relays do occur."""
        claims = proofs = votes = relays = 0
        for seed in range(RUNS):
            seen = Model(seed).run()
            self.assertIsNone(seen.violation, seed)
            claims, votes, relays = claims + seen.claims, votes + seen.votes, relays + seen.relays
            proofs += seen.proofs
        self.assertGreater(min(claims, votes, relays), RUNS // 4, (claims, votes, relays))
        self.assertGreater(proofs, 0)
        if FULL:
            print(
                f"{RUNS} runs: {claims} claims, {proofs} by proof, {votes} beats by votes, {relays} by relay, "
                "no violation"
            )

    def test_each_rule(self) -> None:
        """Each rule that is taken away makes a process speak of which another has told."""
        usual, rules = Variant(), Rules()
        for name, variant in {
            "a majority of votes": replace(usual, right=judging(OneWitness)),
            "a vote of each node": replace(usual, right=judging(EachVotes)),
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
