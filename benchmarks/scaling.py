"""The figures of docs/scaling.rst: `python -m benchmarks.scaling` prints its tables.

The sizes are arithmetic, the loss of a machine is simulated (`simulation.py`), and both come from the costs of single
operations (`costs.py`), which the options change.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.costs import Costs
from benchmarks.simulation import Cell, Loss, Outcome, usual_load

AT_ONCE, PACED = 1.0, 30.0
"""Seconds within which clients come back: those that try at once, and those that wait a moment at random first."""
ASK_EVERY = 0.25
"""Seconds between two questions of a process to another one while the engine is away."""


@dataclass(frozen=True)
class Size:
    """So many cells, all alike."""

    cells: int
    cell: Cell

    @property
    def connections(self) -> int:
        """The number of all connections."""
        return self.cells * self.cell.connections

    @property
    def processes(self) -> int:
        """The number of all processes."""
        return self.cells * self.cell.all


def sizes(costs: Costs) -> list[Size]:
    """100,000 connections, a million, and a hundred million."""
    each, of_machine = round(costs.per_process), round(costs.machine)
    machines = round(costs.per_cell / each / of_machine)
    small = Cell(round(100_000 / each), 1, each)
    return [Size(1, small), Size(1, Cell(machines, of_machine, each)), Size(100, Cell(machines, of_machine, each))]


def size_rows(costs: Costs) -> list[list[str]]:
    """The rows of the table of sizes, the first its head."""

    def gigabytes(each: float) -> Callable[[Size], str]:
        return lambda size: f"{(size.connections * each + size.processes * costs.process) / 1e9:,.1f} GB"

    def cores(each: Callable[[Size], float]) -> Callable[[Size], str]:
        return lambda size: f"{size.connections * costs.rate * each(size):,.1f}"

    def hop(size: Size) -> float:
        return costs.push + (1 - 1 / size.cell.all) * (costs.hop - costs.push)

    rows: list[tuple[str, Callable[[Size], str]]] = [
        ("connections", lambda size: f"{size.connections:,}"),
        ("cells, each with an engine of its own", lambda size: f"{size.cells}"),
        (
            "machines of a cell, and processes of a machine",
            lambda size: f"{size.cell.machines} of {size.cell.processes}",
        ),
        (f"processes, {costs.per_process:,.0f} connections each", lambda size: f"{size.processes:,}"),
        (
            f"memory, {costs.connection / 1e3:.1f} KB each and {costs.process / 1e6:.0f} MB a process",
            gigabytes(costs.connection),
        ),
        (f"memory with TLS at the gateway, {costs.tls / 1e3:.1f} KB each", gigabytes(costs.tls)),
        (
            f"cores for messages, {costs.rate} a second each, {costs.message * 1e6:.0f} us",
            cores(lambda size: costs.message),
        ),
        (
            f"cores for pushes, {costs.rate} a second each, to any process, {costs.hop * 1e6:.0f} us with a hop",
            cores(hop),
        ),
        (f"cores for pushes to the owner, {costs.push * 1e6:.0f} us", cores(lambda size: costs.push)),
        (
            f"connects a second, each lives {costs.life / 60:.0f} minutes",
            lambda size: f"{size.connections / costs.life:,.0f}",
        ),
        (
            f"cores for these, {costs.connect * 1e6:.0f} us a life",
            lambda size: f"{size.connections / costs.life * costs.connect:,.1f}",
        ),
        ("load of a process, if pushes go to any", lambda size: f"{usual_load(costs, size.cell):.0%} of a core"),
        (
            "memory of an engine, 214 B and 1 KB of Authorization",
            lambda size: f"{size.cell.connections * costs.row / 1e9:,.1f} GB",
        ),
        (
            f"load of an engine, {costs.engine * 1e6:.0f} us a life",
            lambda size: f"{size.cell.connections / costs.life * costs.engine:.1%} of a core",
        ),
        (
            "load of a process while the engine is away",
            lambda size: f"{2 * (size.cell.all - 1) / ASK_EVERY * costs.ask:.1%} of a core",
        ),
    ]
    return [[what, *(text(size) for size in sizes(costs))] for what, text in rows]


LOSSES: Sequence[tuple[str, Callable[[Outcome], str]]] = (
    ("the DELETEs leave, seconds after it", lambda seen: f"{seen.first_delete:.1f} to {seen.last_delete:.1f}"),
    ("all clients are back, seconds after it", lambda seen: f"{seen.all_back:.1f}"),
    ("the longest that one waited", lambda seen: f"{seen.longest_wait:.1f} s"),
    ("gave up after ten seconds, and came again", lambda seen: f"{seen.gave_up:,.0f}"),
    ("the most connects a second at one process", lambda seen: f"{seen.most_connects:,.0f}"),
    ("the busiest second of the engine", lambda seen: f"{seen.engine:.0%} of a core"),
)


def loss_rows(costs: Costs) -> list[list[str]]:
    """The rows of the table of what happens when a cell loses one machine, the first its head."""
    each, of_machine = round(costs.per_process), round(costs.machine)
    cells = [sizes(costs)[0].cell, *(Cell(machines, of_machine, each) for machines in (2, 3, 5, 8))]
    head = ["machines of a cell, and processes of a machine"]
    rows = [head + [f"{cell.machines} of {cell.processes}" for cell in cells]]
    rows.append(["clients of a lost machine", *(f"{cell.lost:,}" for cell in cells)])
    for within, when in ((AT_ONCE, "at once"), (PACED, f"within {PACED:.0f} s")):
        seen = [Loss(cell, costs, within).run() for cell in cells]
        rows += [[f"{when}: {what}", *(text(each) for each in seen)] for what, text in LOSSES]
    return rows


def table(rows: Sequence[Sequence[str]]) -> str:
    """The rows as a table in reStructuredText."""
    rest = 60 // (len(rows[0]) - 1)
    lines = [".. list-table::", "   :header-rows: 1", f"   :widths: 40{f' {rest}' * (len(rows[0]) - 1)}", ""]
    for cells in rows:
        lines += [f"   {'* ' if at == 0 else '  '}- {cell}" for at, cell in enumerate(cells)]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the tables, with the costs that the options give."""
    parser = argparse.ArgumentParser(description=__doc__)
    Costs.add_options(parser)
    costs = Costs.of(parser.parse_args())
    print(table(size_rows(costs)))
    print(table(loss_rows(costs)))


if __name__ == "__main__":
    main()
