"""Reports of a run: tables in reStructuredText, the targets met or missed, and all measurements as JSON."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.systems import ROOT
from benchmarks.works import Measure, Work
from wsaas.internals.python_build import own_build_note

Results = dict[str, dict[str, list[Measure]]]
"""Measures by work and system, one of each round."""


def median(measures: Sequence[Measure], value: Callable[[Measure], float] = lambda each: each.cost) -> float | None:
    """Return the median over the rounds that succeeded; None if none did."""
    found = [value(each) for each in measures if each.operations]
    return statistics.median(found) if found else None


def ratio(measures: Sequence[Measure], others: Sequence[Measure]) -> float | None:
    """Return the cost as a multiple of the others': the median of the ratios of each round.

    Ratios are taken within a round, because the speed of the machine changes between rounds.
    """
    pairs = zip(measures, others, strict=False)
    found = [each.cost / other.cost for each, other in pairs if each.operations and other.operations and other.cost]
    return statistics.median(found) if found else None


def spell(value: float, unit: str) -> str:
    """Format a cost for the tables, with about three digits."""
    if unit == "KB":
        return f"{value / 1024:.1f}"
    if unit == "ms":
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def costs(works: Sequence[Work], systems: Sequence[str], results: Results) -> str:
    """Return a table with a row for each work: each system's cost, and its ratio to the first system's."""
    first = systems[0]
    rows = [["work", *(cell for name in systems for cell in ((name,) if name == first else (name, "times")))]]
    for work in works:
        row = [f"{work.name}, {work.unit}"]
        for name in systems:
            measures = results[work.name][name]
            value = median(measures)
            lost = "!" if any(each.lost for each in measures) else ""
            row.append(
                (("failed" if lost else "-") if measures else "") if value is None else spell(value, work.unit) + lost
            )
            if name != first:
                times = ratio(measures, results[work.name][first])
                row.append("" if times is None else f"{times:.2f}")
        rows.append(row)
    return table(rows, left=1)


def engines(works: Sequence[Work], systems: Sequence[str], results: Results) -> str:
    """Return a table of what each operation costs the engine of a cluster, in us; an empty string without one."""
    measured = {name for row in results.values() for name in row for each in row[name] if each.engine_cpu is not None}
    with_engine = [name for name in systems if name in measured]
    rows = [["the engine's part", *with_engine]]
    for work in works:
        row = [work.name]
        for name in with_engine:
            value = median(results[work.name][name], lambda each: (each.engine_cpu or 0.0) / each.operations * 1e6)
            row.append("" if value is None else spell(value, "us"))
        rows.append(row)
    return table(rows, left=1) if with_engine else ""


def rates(works: Sequence[Work], systems: Sequence[str], results: Results) -> str:
    """Return a table of operations in a second, and of the processor load meanwhile: 100 % is one processor."""
    rows = [["work", *(cell for name in systems for cell in (name, "busy"))]]
    for work in works:
        if work.unit == "us":
            row = [work.name]
            for name in systems:
                measures = results[work.name][name]
                rate = median(measures, lambda each: each.operations / each.seconds)
                busy = median(measures, lambda each: each.system_cpu / each.seconds)
                row += ["", ""] if rate is None or busy is None else [f"{rate:.0f}", f"{busy:.0%}"]
            rows.append(row)
    return table(rows, left=1)


def latencies(systems: Sequence[str], results: Results) -> str:
    """Return the table of latencies; an empty string if none were measured."""
    rows = [["work", "system", "pushes/s", "p50 ms", "p99 ms", "p99.9 ms", "longest ms"]]
    for work in [each for each in results if each.startswith("latency")]:
        for name in systems:
            measures = [each for each in results[work][name] if each.operations]
            if measures:
                rate = statistics.median(each.details["rate"] for each in measures)
                row = [work, name, f"{rate:.0f}"]
                for key in ("p50", "p99", "p999", "max"):
                    found = [each.details[key] for each in measures if key in each.details]
                    row.append(f"{statistics.median(found):.2f}" if found else "")
                rows.append(row)
    return table(rows, left=2) if len(rows) > 1 else ""


def table(rows: Sequence[Sequence[str]], left: int) -> str:
    """Return a simple table. The first row is its head; the first `left` columns are aligned to the left."""
    widths = [max(2, *(len(row[column]) for row in rows)) for column in range(len(rows[0]))]
    rule = "  ".join("=" * width for width in widths)
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join([rule, lines[0], rule, *lines[1:], rule])


@dataclass(frozen=True)
class Target:
    """A target: the cost of `work` is at most `limit`, or with a `peer` at most `limit` times the peer's cost."""

    work: str
    limit: float
    peer: str | None = None


def targets(works: Sequence[Work]) -> list[Target]:
    """Return the project's targets, row by row."""
    names = [work.name for work in works]

    def smallest(kind: str) -> str:
        return next((name for name in names if name.startswith(kind + " ")), kind)

    wanted = [
        Target(smallest("message"), 1.3, "nchan"),
        Target(smallest("message"), 0.25, "aiohttp"),
        Target(f"{smallest('message')} TLS", 1.6, "nchan"),
        Target(smallest("push"), 1.05, "nchan"),
        Target(smallest("broadcast"), 0.8, "nchan"),
        Target("connect", 0.7, "aiohttp"),
        Target("connect", 2.8, "nchan"),
        Target("connect TLS", 0.85, "aiohttp"),
        Target("idle", 4.3 * 1024),
        Target("batch of 8", 9),
        Target("latency 5000/s", 2, "nchan"),
        Target(smallest("message"), 1 / 8, "plain"),
        Target(smallest("push"), 1 / 4, "plain"),
        Target(smallest("broadcast"), 1 / 2.5, "plain"),
        Target("connect", 1 / 2, "plain"),
        Target("idle", 1, "plain"),
        Target("idle", 12 * 1024),
        Target("idle TLS", 40 * 1024),
        Target("idle", 1, "nchan"),
        Target("latency", 3),
    ]
    for work in works:
        wanted.append(Target(work.name, 1, "aiohttp"))
        wanted.append(Target(work.name, 1, "pushpin"))
    return wanted


def verdicts(works: Sequence[Work], system: str, results: Results) -> str:
    """Return a table of the targets that this run measured, met or not."""
    units = {work.name: work.unit for work in works}
    rows = [["work", "beside", "at most", "reached", "met"]]
    for target in targets(works):
        if target.work not in units:
            continue
        found = results[target.work]
        reached = median(found[system]) if target.peer is None else ratio(found[system], found[target.peer])
        if reached is None:
            continue
        if target.peer is None:
            unit = units[target.work]
            said = [f"{spell(each, unit)} {unit}" for each in (target.limit, reached)]
        else:
            said = [f"{target.limit:.3g} x", f"{reached:.3f} x"]
        rows.append([target.work, target.peer or "", *said, "yes" if reached <= target.limit else "NO"])
    return table(rows, left=2) if len(rows) > 1 else ""


def _processor() -> str:
    """Return the name of the processor, as Linux knows it."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def machine() -> dict[str, Any]:
    """Return what the figures depend on, beside the code: machine, interpreter, commit and day."""
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "build": own_build_note(),
        "processor": _processor(),
        "processors": os.cpu_count(),
        "open_files": os.sysconf("SC_OPEN_MAX"),
        "load": os.getloadavg(),
        "commit": _commit(),
        "day": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def _commit() -> str:
    """Return the commit of this checkout; with a + if it has changes."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty=+"], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def as_json(works: Sequence[Work], results: Results) -> dict[str, Any]:
    """Return all measurements, round by round."""
    return {
        "machine": machine(),
        "works": {
            work.name: {
                "unit": "bytes" if work.unit == "KB" else work.unit,
                "systems": {
                    name: {"median": median(measures), "rounds": [asdict(each) for each in measures]}
                    for name, measures in results[work.name].items()
                    if measures
                },
            }
            for work in works
        },
    }
