"""A cluster of processes without processes: partitions, pauses, crashes, an engine that goes, comes back empty or as
it was, or steps its clock; clocks that run at different rates. The right to speak and the rules of the engine are those
that ship (`Right`, and the twin of the scripts).

I1: a process of which another has told the backend never has the right to speak.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations

from tests.support.engine_twin import Rules, Twin
from wsaas.cluster.member import RENEW_EVERY
from wsaas.cluster.right import Right
from wsaas.cluster.view import NOBODY, View

STEP = 0.1
ENGINE = -1


@dataclass
class Process:
    """One process: its clock, its right, and what happens to it."""

    name: str
    right: Right
    rate: float
    clock: float
    next: float
    node: str = ""
    version: int = -1
    view: View = NOBODY
    paused: float = 0.0
    deaf: float = 0.0
    """Seconds for which it answers no other, and renews its lease all the same."""
    crashed: bool = False
    ended: bool = False

    @property
    def answers(self) -> bool:
        return not (self.crashed or self.ended or self.paused > 0 or self.deaf > 0)


@dataclass
class Seen:
    """What a run saw."""

    violation: str | None = None
    claims: int = 0
    proofs: int = 0
    votes: int = 0
    relays: int = 0


@dataclass(frozen=True)
class Variant:
    """The rules of a run; by default those that ship."""

    right: Callable[[], Right] = Right
    rules: Rules = field(default_factory=Rules)
    wait: bool = True


class Model:
    """One run, from a seed."""

    def __init__(self, seed: int, variant: Variant = Variant(), steps: int = 1200) -> None:
        self.rng = rng = random.Random(seed)
        self.variant = variant
        self.steps = steps
        self.twin = Twin(variant.rules, now=1_000_000_000)
        self.snapshot = self.twin.snapshot()
        self.up = True
        # Some nodes have several processes (WORKERS): these share a machine and what it can reach.
        sizes = rng.choice([(1, 1), (1, 1, 1), (1, 1, 1, 1), (1, 1, 1, 1, 1), (2, 2), (2, 1, 1), (3, 1, 1), (2, 2, 2)])
        nodes = [number for number, size in enumerate(sizes) for _ in range(size)]
        names = [letter * 8 for letter in "ABCDEFG"[: len(nodes)]]
        self.processes = {
            name: Process(
                name, variant.right(), 1 + rng.uniform(-0.01, 0.01), clock := rng.uniform(0, 100), clock, str(node)
            )
            for name, node in zip(names, nodes, strict=True)
        }
        self.ids: dict[str | int, int] = dict(zip(names, nodes, strict=True))
        self.cut: set[tuple[int, int]] = set()
        self.without_engine: set[str] = set()
        """Processes that alone on their node do not reach the engine."""
        self.told: set[str] = set()
        self.seen = Seen()

    def run(self) -> Seen:
        """Run until a violation, or to the end."""
        for step in range(self.steps):
            self.twin.now += round(STEP * 1000)
            self._happen()
            for process in self.processes.values():
                if process.crashed:
                    continue
                process.clock += STEP * process.rate
                process.deaf -= STEP
                if process.paused > 0:
                    process.paused -= STEP
                    continue
                if process.clock >= process.next and not process.ended:
                    process.next = process.clock + RENEW_EVERY
                    self._beat(process)
                if process.name in self.told and process.right.may_speak(process.clock):
                    self.seen.violation = f"{process.name} speaks at {step * STEP:.1f} s"
                    return self.seen
        return self.seen

    # What happens to them

    def _happen(self) -> None:
        rng, chance = self.rng, self.rng.random()
        if chance < 0.004:
            sides = rng.choice([1, 1, 2, 2, 3])
            where = {number: rng.randrange(sides) for number in (ENGINE, *sorted(set(self.ids.values())))}
            self.cut = {(a, b) for a, b in combinations(sorted(where), 2) if where[a] != where[b]}
        elif chance < 0.006:
            name = rng.choice(list(self.processes))
            if rng.random() < 0.5:
                self.cut.symmetric_difference_update([(ENGINE, self.ids[name])])
            else:
                self.without_engine.symmetric_difference_update([name])
        elif chance < 0.008:
            self.up = not self.up if rng.random() < 0.7 else True
        elif chance < 0.010:
            process = rng.choice(list(self.processes.values()))
            if process.paused <= 0:
                process.paused = rng.choice([1, 3, 6, 12, 30])
            for other in self.processes.values():  # a process, or all of a node: it has no file for a connection left
                if other.node == process.node and rng.random() < 0.5:
                    other.deaf = rng.choice([3, 12, 30])
        elif chance < 0.011:
            rng.choice(list(self.processes.values())).crashed = True
        elif chance < 0.0115:
            self.twin.now += 1000 * rng.choice([-10, 3, 6, 20])
        elif chance < 0.0120:  # it comes back with nothing
            self.twin.__dict__.update(Twin(self.variant.rules, now=self.twin.now).__dict__)
            self.snapshot = self.twin.snapshot()
        elif chance < 0.0130:  # a replica takes over
            self.twin.restore(self.snapshot)
        if rng.random() < STEP / 0.7:
            self.snapshot = self.twin.snapshot()
            self.told.update(self._claimed())
        if not self.variant.wait:
            self.told.update(self._claimed())

    def _claimed(self) -> list[str]:
        return [name for name, about in self.twin.about.items() if about["state"] == "claimed"]

    def _linked(self, a: str | int, b: str | int) -> bool:
        if b == ENGINE and a in self.without_engine:
            return False
        first, second = self.ids.get(a, ENGINE), self.ids.get(b, ENGINE)
        return (min(first, second), max(first, second)) not in self.cut

    # What each does

    def _beat(self, process: Process) -> None:
        if self.up and self._linked(process.name, ENGINE):
            self._renew(process)
        else:
            self._ask(process)

    def _renew(self, process: Process) -> None:
        right, name = process.right, process.name
        right_to_join = name not in self.twin.about or name not in self.twin.members
        if not right.joined or (right_to_join and self.twin.about.get(name, {}).get("state") in (None, "live")):
            if right.unsure(process.clock):
                self._fence(process)
                return
            right.sending(process.clock)
            if self.twin.join(name, "t", "", 0)[0] != "OK":
                self._fence(process)
                return
            right.renewed(process.clock)
        view = process.view
        right.sending(process.clock, view)
        answer = self.twin.renew(name, view.encode(name), "", process.version)
        if answer[0] != "OK":
            self._fence(process)
            return
        self._renewed(process, view, answer[2])
        self._prove(process)
        for expired in answer[4]:
            other = self.processes[expired]
            if expired == name or (self._linked(name, expired) and other.answers):
                continue
            if self.twin.claim(name, expired)[0] == "OK":
                self.seen.claims += 1
                if not self.variant.wait:
                    self.told.add(expired)
                if self.rng.random() < 0.15:  # the very moment for a replica to take over, and for the other to wake
                    self.twin.restore(self.snapshot)
                    other.paused = min(other.paused, 2 * STEP)
                    return

    def _prove(self, process: Process) -> None:
        """Claim those on the same node that have crashed, sometimes: the lock of their journal proves that."""
        for name, other in self.processes.items():
            if other.crashed and other.node == process.node and self.rng.random() < 0.3:
                if self.twin.claim(process.name, name, "t")[0] == "OK":
                    self.seen.proofs += 1
                    self.told.add(name)

    def _renewed(self, process: Process, view: View, version: int) -> None:
        process.right.renewed(process.clock, view)
        process.version = version
        others = [name for name in self.twin.members if name != process.name]
        process.view = View.of(process.node, [(name, self.processes[name].node) for name in others])

    def _fence(self, process: Process) -> None:
        process.right.refused()
        process.ended = process.right.fenced

    def _ask(self, process: Process) -> None:
        right, clock = process.right, process.clock
        if not right.joined:
            return
        without = []
        for voter in sorted(right.voters()):
            peer = self.processes[voter]
            if not peer.answers or not self._linked(process.name, voter):
                continue
            if not peer.right.leased(peer.clock):
                without.append(voter)
            elif self.up and self._linked(voter, ENGINE):
                view = process.view
                right.sending(clock, view)
                answer = self.twin.renew(process.name, view.encode(process.name), "", process.version)
                if answer[0] == "OK":
                    self._renewed(process, view, answer[2])
                    self.seen.relays += 1
                    return
                if answer[0] == "FENCED":
                    self._fence(process)
                    return
        if right.voted(clock, clock, without):
            self.seen.votes += 1
