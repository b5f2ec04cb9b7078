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
    version: int = -1
    others: frozenset[str] = frozenset()
    paused: float = 0.0
    crashed: bool = False
    ended: bool = False

    @property
    def there(self) -> bool:
        return not (self.crashed or self.ended or self.paused > 0)


@dataclass
class Seen:
    """What a run saw."""

    violation: str | None = None
    claims: int = 0
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
        names = [letter * 8 for letter in "ABCDE"[: rng.choice([2, 3, 4, 5])]]
        self.processes = {
            name: Process(name, variant.right(), 1 + rng.uniform(-0.01, 0.01), clock := rng.uniform(0, 100), clock)
            for name in names
        }
        self.ids: dict[str | int, int] = {name: number for number, name in enumerate(names)}
        self.cut: set[tuple[int, int]] = set()
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
            where = {number: rng.randrange(sides) for number in (ENGINE, *self.ids.values())}
            self.cut = {(a, b) for a, b in combinations(sorted(where), 2) if where[a] != where[b]}
        elif chance < 0.006:
            link = (ENGINE, rng.choice(list(self.ids.values())))
            self.cut.symmetric_difference_update([link])
        elif chance < 0.008:
            self.up = not self.up if rng.random() < 0.7 else True
        elif chance < 0.010:
            process = rng.choice(list(self.processes.values()))
            if process.paused <= 0:
                process.paused = rng.choice([1, 3, 6, 12, 30])
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
            right.sending(process.clock, ())
            if self.twin.join(name, "t", "", 0)[0] != "OK":
                self._fence(process)
                return
            right.renewed(process.clock, ())
        view = process.others
        right.sending(process.clock, view)
        answer = self.twin.renew(name, " ".join(sorted({name, *view})), "", process.version)
        if answer[0] != "OK":
            self._fence(process)
            return
        self._renewed(process, view, answer[2])
        for expired in answer[4]:
            other = self.processes[expired]
            if expired == name or (self._linked(name, expired) and other.there):
                continue
            if self.twin.claim(name, expired)[0] == "OK":
                self.seen.claims += 1
                if not self.variant.wait:
                    self.told.add(expired)
                if self.rng.random() < 0.15:  # the very moment for a replica to take over, and for the other to wake
                    self.twin.restore(self.snapshot)
                    other.paused = min(other.paused, 2 * STEP)
                    return

    def _renewed(self, process: Process, view: frozenset[str], version: int) -> None:
        process.right.renewed(process.clock, view)
        process.version = version
        process.others = frozenset(self.twin.members) - {process.name}

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
            if not peer.there or not self._linked(process.name, voter):
                continue
            if not peer.right.leased(peer.clock):
                without.append(voter)
            elif self.up and self._linked(voter, ENGINE):
                view = process.others
                right.sending(clock, view)
                answer = self.twin.renew(process.name, " ".join(sorted({process.name, *view})), "", process.version)
                if answer[0] == "OK":
                    self._renewed(process, view, answer[2])
                    self.seen.relays += 1
                    return
                if answer[0] == "FENCED":
                    self._fence(process)
                    return
        if right.voted(clock, clock, without):
            self.seen.votes += 1
