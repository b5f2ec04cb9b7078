"""The arithmetic of a cluster's size: `python -m benchmarks.scaling` prints the table of docs/scaling.rst."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, fields

SIZES = (100_000, 1_000_000, 100_000_000)


@dataclass(frozen=True)
class Costs:
    """The cost of single operations: bytes, seconds of processor time, and rates a second."""

    connection: float = 4.2e3
    tls: float = 27.7e3
    process: float = 60e6
    per_process: float = 25_000
    per_cell: float = 1_000_000
    message: float = 30e-6
    push: float = 36e-6
    hop: float = 114e-6
    rate: float = 0.1
    life: float = 1800
    row: float = 214 + 1000
    engine: float = 37e-6
    machine: float = 8
    connects: float = 500


def rows(costs: Costs) -> list[tuple[str, Callable[[float], str]]]:
    """The rows of the table: what, and the text for so many connections."""

    def processes(count: float) -> float:
        return count / costs.per_process

    def cells(count: float) -> float:
        return max(1.0, count / costs.per_cell)

    def memory(each: float) -> Callable[[float], str]:
        return lambda count: f"{(count * each + processes(count) * costs.process) / 1e9:,.1f} GB"

    def cores(each: float) -> Callable[[float], str]:
        return lambda count: f"{count * costs.rate * each:,.1f}"

    def lost(count: float) -> float:
        return min(count, costs.machine * costs.per_process)

    def back(count: float) -> float:
        others = max(1.0, processes(min(count, costs.per_cell)) - costs.machine)
        others = others if count > lost(count) else processes(count)
        return lost(count) / (costs.connects * others)

    return [
        ("cells, each with an engine of its own", lambda count: f"{cells(count):,.0f}"),
        (f"processes ({costs.per_process:,.0f} connections each)", lambda count: f"{processes(count):,.0f}"),
        (
            f"memory, {costs.connection / 1e3:.1f} KB each and {costs.process / 1e6:.0f} MB a process",
            memory(costs.connection),
        ),
        (f"memory with TLS at the gateway, {costs.tls / 1e3:.1f} KB each", memory(costs.tls)),
        (f"cores for messages, {costs.rate} a second each, {costs.message * 1e6:.0f} us", cores(costs.message)),
        (f"cores for pushes, {costs.rate} a second each, by any node, {costs.hop * 1e6:.0f} us", cores(costs.hop)),
        (f"cores for pushes that go to the owner, {costs.push * 1e6:.0f} us", cores(costs.push)),
        (f"connects a second, each lives {costs.life / 60:.0f} minutes", lambda count: f"{count / costs.life:,.0f}"),
        (
            "memory of each engine, 214 B and 1 KB of Authorization",
            lambda count: f"{count / cells(count) * costs.row / 1e9:,.1f} GB",
        ),
        (
            f"load of each engine, {costs.engine * 1e6:.0f} us a life: part of a core",
            lambda count: f"{count / cells(count) / costs.life * costs.engine * 100:.1f} %",
        ),
        (f"a machine of {costs.machine:.0f} processes is lost: DELETEs", lambda count: f"{lost(count):,.0f}"),
        (
            f"and its clients come back at {costs.connects:.0f} a second a process: seconds",
            lambda count: f"{back(count):,.0f}",
        ),
    ]


def table(costs: Costs) -> str:
    """The table in reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: 40 20 20 20", ""]
    heads = ("connections", *(f"{size:,}" for size in SIZES))
    for cells in (heads, *((what, *(text(size) for size in SIZES)) for what, text in rows(costs))):
        lines += [f"   {'* ' if at == 0 else '  '}- {cell}" for at, cell in enumerate(cells)]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the table, with the costs that the options give."""
    parser = argparse.ArgumentParser(description=__doc__)
    for each in fields(Costs):
        parser.add_argument(f"--{each.name.replace('_', '-')}", type=float, default=each.default)
    print(table(Costs(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
