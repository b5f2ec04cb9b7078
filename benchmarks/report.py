"""What a run found: tables of reStructuredText, whether the targets are met, and everything as JSON."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.works import Measure, Work

Results = dict[str, dict[str, list[Measure]]]
"""Work, system, one measure of each round."""


def median(measures: Sequence[Measure], value: Callable[[Measure], float] = lambda each: each.cost) -> float | None:
    """Of the rounds that went through."""
    found = [value(each) for each in measures if each.operations]
    return statistics.median(found) if found else None


def ratio(measures: Sequence[Measure], others: Sequence[Measure]) -> float | None:
    """How many times the others' cost this is: the median of the rounds' ratios, for a round's figures are of the same
    moments of a machine that is now fast and now slow.
    """
    pairs = zip(measures, others, strict=False)
    found = [each.cost / other.cost for each, other in pairs if each.operations and other.operations and other.cost]
    return statistics.median(found) if found else None


def spell(value: float, unit: str) -> str:
    """A cost the way the tables have it: three digits or so."""
    if unit == "KB":
        return f"{value / 1024:.1f}"
    if unit == "ms":
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def costs(works: Sequence[Work], systems: Sequence[str], results: Results) -> str:
    """A row for each work; beside each system but the first how many times the first one's cost it takes."""
    first = systems[0]
    rows = [["work", "", *(cell for name in systems for cell in ((name,) if name == first else (name, "times")))]]
    for work in works:
        row = [work.name, work.unit]
        for name in systems:
            measures = results[work.name][name]
            value = median(measures)
            lost = "!" if any(each.lost for each in measures) else ""
            row.append(("failed" if measures else "") if value is None else spell(value, work.unit) + lost)
            if name != first:
                times = ratio(measures, results[work.name][first])
                row.append("" if times is None else f"{times:.2f}")
        rows.append(row)
    return table(rows, left=2)


def rates(works: Sequence[Work], systems: Sequence[str], results: Results) -> str:
    """Operations in a second, and how busy that made the system: 100 is one processor."""
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
    """What `latency` is made of; empty if it was not measured."""
    rows = [["system", "pushes/s", "p50 ms", "p99 ms", "longest ms"]]
    for name in systems:
        measures = [each for each in results["latency"][name] if each.operations]
        if measures:
            rate, *milliseconds = (
                statistics.median(each.details[key] for each in measures) for key in ("rate", "p50", "p99", "max")
            )
            rows.append([name, f"{rate:.0f}", *(f"{each:.2f}" for each in milliseconds)])
    return table(rows, left=1) if len(rows) > 1 else ""


def table(rows: Sequence[Sequence[str]], left: int) -> str:
    """A simple table; the first row is its head, the first `left` columns are aligned to the left."""
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
    """`work` at `limit` at most, or, beside a peer, at most `limit` times what it takes."""

    work: str
    limit: float
    peer: str | None = None


def targets(works: Sequence[Work]) -> list[Target]:
    """What the project wants of itself, row by row."""
    names = [work.name for work in works]

    def smallest(kind: str) -> str:
        return next((name for name in names if name.startswith(kind + " ")), kind)

    wanted = [
        Target(smallest("message"), 1 / 8, "plain"),
        Target(smallest("push"), 1 / 4, "plain"),
        Target(smallest("broadcast"), 1 / 2.5, "plain"),
        Target("connect", 1 / 2, "plain"),
        Target("idle", 1, "plain"),
        Target("idle", 12 * 1024),
        Target("idle TLS", 40 * 1024),
        Target(smallest("message"), 2, "nchan"),
        Target(smallest("push"), 2.5, "nchan"),
        Target(smallest("broadcast"), 1, "nchan"),
        Target("idle", 1, "nchan"),
        Target("latency", 3),
    ]
    for work in works:
        wanted.append(Target(work.name, 1 / 2.5 if work.name == smallest("message") else 1, "aiohttp"))
        wanted.append(Target(work.name, 1, "pushpin"))
    return wanted


def verdicts(works: Sequence[Work], system: str, results: Results) -> str:
    """Target by target, as far as this run has measured them."""
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


def as_json(works: Sequence[Work], results: Results) -> dict[str, Any]:
    """Everything measured, round by round."""
    return {
        "machine": {
            "system": platform.platform(),
            "python": platform.python_version(),
            "processors": os.cpu_count(),
            "open_files": os.sysconf("SC_OPEN_MAX"),
            "load": os.getloadavg(),
        },
        "works": {
            work.name: {
                "unit": "bytes" if work.unit == "KB" else work.unit,
                "systems": {
                    name: {"median": median(measures), "rounds": [asdict(each) for each in measures]}
                    for name, measures in results[work.name].items()
                },
            }
            for work in works
        },
    }
