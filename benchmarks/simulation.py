"""A cell of a cluster that loses a machine, simulated: `python -m benchmarks.simulation` prints what happens.

The machine's clients come back to the others, and these tell the backend of the connections that are gone. Each process
is a core, and so is the engine. What a process has beside its messages, pushes and connects of every day it gives to
DELETEs first, and then to those that connect, in the order in which they came. One that has waited for PATIENCE leaves,
and comes again a second later.

Nothing is measured here: the costs of single operations are those of `costs.Costs`. Amounts are flows, not single
clients; the only chance is which process claims which.
"""

from __future__ import annotations

import argparse
import random
from collections import deque
from dataclasses import dataclass, field

from benchmarks.costs import Costs

STEP = 0.1
"""Seconds of one step."""
LONGEST = 900.0
"""Seconds after which a simulation ends, whatever is left."""
CLAIM_AFTER, SPREAD, PROBE = 7.0, 0.5, 1.0
"""Seconds: a silence before a claim, the spread of the claimers, and the question to a machine that says nothing."""
PATIENCE = 10.0
"""Seconds for which a client waits for its 101: most libraries wait for ten."""
MOST_REVIVED = 2000
"""Connections of others that one process tells of at once."""
DISCONNECTS_AT_ONCE, BACKEND_LATENCY = 32, 0.005
"""DELETEs that one process has under way, of 64 webhooks in all, and seconds that the backend takes for one."""
AT_THE_CONNECT = 2 / 3
"""The part of the engine's work for a connection's life that is done when it begins."""


@dataclass(frozen=True)
class Cell:
    """A cell: machines of so many processes each, and the connections of one process."""

    machines: int
    processes: int
    each: int = 25_000

    @property
    def all(self) -> int:
        """The number of processes."""
        return self.machines * self.processes

    @property
    def connections(self) -> int:
        """The number of all connections."""
        return self.all * self.each

    @property
    def lost(self) -> int:
        """The connections of one machine."""
        return self.processes * self.each


@dataclass
class Process:
    """One process that is left: who waits at it, and what it has to tell."""

    waiting: deque[tuple[float, float]] = field(default_factory=deque)
    """The moments at which newcomers came, and how many."""
    untold: float = 0.0
    more: float = 0.0
    """Connections beyond those of every day."""
    room: float = 0.0
    """Seconds of this step that are left."""


@dataclass
class Outcome:
    """What a simulation saw. Times are seconds after the machine's end."""

    first_delete: float = 0.0
    last_delete: float = 0.0
    all_back: float = 0.0
    longest_wait: float = 0.0
    gave_up: float = 0.0
    most_connects: float = 0.0
    """Connects in the busiest second, at one process."""
    engine: float = 0.0
    """The busiest second of the engine: part of a core."""


def usual_load(costs: Costs, cell: Cell) -> float:
    """The part of a core that each process needs every day, if pushes go to any process."""
    push = costs.push + (1 - 1 / cell.all) * (costs.hop - costs.push)
    return cell.each * (costs.rate * (costs.message + push) + costs.connect / costs.life)


class Loss:
    """The loss of one machine of a cell whose clients come back within so many seconds, evenly."""

    def __init__(self, cell: Cell, costs: Costs, within: float, seed: int = 1) -> None:
        self._cell = cell
        self._costs = costs
        self._within = within
        self._usual = usual_load(costs, cell)
        self._others = [Process() for _ in range(cell.all - cell.processes)]
        chance = random.Random(seed)
        self._claims = [
            (CLAIM_AFTER + SPREAD * chance.random() + PROBE, chance.choice(self._others)) for _ in range(cell.processes)
        ]
        self._again: deque[tuple[float, float]] = deque()
        self.outcome = Outcome()

    def run(self) -> Outcome:
        """Run until all clients are back and all DELETEs are answered."""
        outcome, lost, step = self.outcome, self._cell.lost, 0
        back = told = owed = 0.0
        at_connect = self._costs.engine * AT_THE_CONNECT
        at_end = self._costs.engine - at_connect
        usual = self._cell.connections / self._costs.life * self._costs.engine
        usual += len(self._others) * self._costs.renewal
        work: deque[float] = deque(maxlen=round(1 / STEP))
        connects: deque[float] = deque(maxlen=round(1 / STEP))
        while (back < lost - 1 or told < lost - 1) and step * STEP < LONGEST:
            step += 1
            now = step * STEP
            self._come(now)
            deletes = sum(self._tell(process) for process in self._others)
            owed += deletes * at_end
            paid = min(owed, STEP * (1 - usual))
            owed -= paid
            room = (STEP * (1 - usual) - paid) / at_connect / len(self._others)
            came = [self._let_in(process, now, room) for process in self._others]
            if deletes:
                outcome.first_delete = outcome.first_delete or now
                outcome.last_delete = now
            if any(came):
                outcome.all_back = now
            back, told = back + sum(came), told + deletes
            connects.append(max(came))
            work.append(usual * STEP + sum(came) * at_connect + paid)
            outcome.most_connects = max(outcome.most_connects, sum(connects))
            outcome.engine = max(outcome.engine, sum(work))
        return outcome

    def _come(self, now: float) -> None:
        """Begin a step: newcomers come, and processes are claimed."""
        coming = self._cell.lost * STEP / self._within if now <= self._within + STEP / 2 else 0.0
        while self._again and self._again[0][0] <= now:
            coming += self._again.popleft()[1]
        for process in self._others:
            if coming:
                process.waiting.append((now, coming / len(self._others)))
            process.room = max(0.0, STEP * (1 - self._usual * (1 + process.more / self._cell.each)))
        while self._claims and min(self._claims, key=lambda claim: claim[0])[0] <= now:
            claim = min(self._claims, key=lambda claim: claim[0])
            self._claims.remove(claim)
            claim[1].untold += self._cell.each

    def _tell(self, process: Process) -> float:
        """Have a process tell of connections of others; return how many."""
        at_once = min(MOST_REVIVED, DISCONNECTS_AT_ONCE / BACKEND_LATENCY * STEP)
        sent = min(process.untold, at_once, process.room / self._costs.delete)
        process.untold -= sent
        process.room -= sent * self._costs.delete
        return sent

    def _let_in(self, process: Process, now: float, engine: float) -> float:
        """Have a process let newcomers in, as many as the engine takes of it; return how many."""
        left, came = min(process.room / self._costs.connect, engine), 0.0
        while process.waiting and left > 1e-9:
            asked, count = process.waiting.popleft()
            if now - asked > PATIENCE:
                self.outcome.gave_up += count
                self._again.append((now + 1.0, count))
                continue
            some = min(count, left)
            if some < count:
                process.waiting.appendleft((asked, count - some))
            self.outcome.longest_wait = max(self.outcome.longest_wait, now - asked)
            left -= some
            came += some
        process.more += came
        return came


def describe(cell: Cell, costs: Costs, within: float) -> str:
    """What happens, in words."""
    seen = Loss(cell, costs, within).run()
    return (
        f"{cell.machines} machines of {cell.processes} processes of {cell.each:,} connections, each busy "
        f"{usual_load(costs, cell):.0%} every day; one is lost, and its {cell.lost:,} clients come back within "
        f"{within:.0f} s:\n"
        f"  DELETEs from {seen.first_delete:.1f} s to {seen.last_delete:.1f} s; all clients back after "
        f"{seen.all_back:.1f} s, the longest wait {seen.longest_wait:.1f} s, {seen.gave_up:,.0f} gave up and came "
        f"again\n  the most at one process: {seen.most_connects:,.0f} connects a second; the engine: "
        f"{seen.engine:.0%} of a core"
    )


def main() -> None:
    """Print what happens to a cell of the options' size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--machines", type=int, default=5)
    parser.add_argument("--processes", type=int, default=8, help="of one machine")
    parser.add_argument("--within", type=float, help="seconds in which the clients come back [default: 1 and 30]")
    Costs.add_options(parser)
    options = parser.parse_args()
    costs = Costs.of(options)
    cell = Cell(options.machines, options.processes, round(costs.per_process))
    for within in [options.within] if options.within else [1.0, 30.0]:
        print(describe(cell, costs, within))


if __name__ == "__main__":
    main()
