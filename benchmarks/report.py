"""The table, and everything measured as JSON."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.works import Measure, Work

Results = dict[str, dict[str, list[Measure]]]
"""Work, system, one measure of each round."""


def median(measures: Sequence[Measure]) -> float | None:
    costs = [each.cost for each in measures if each.cost == each.cost]
    return statistics.median(costs) if costs else None


def figure(work: Work, measures: Sequence[Measure]) -> str:
    value = median(measures)
    if value is None:
        return "failed" if measures else ""
    text = f"{value / 1024:.1f}" if work.unit == "KB" else f"{value:.2f}" if work.unit == "ms" else f"{value:.0f}"
    if work.unit == "us" and value < 100:
        text = f"{value:.1f}"
    return text + ("!" if any(each.lost for each in measures) else "")


def rows(works: Sequence[Work], systems: Sequence[str], results: Results) -> list[list[str]]:
    """What the table says: a head, and a row for each work. The ratio is to the first system."""
    found = [["work", "", *(cell for name in systems for cell in ((name,) if name == systems[0] else (name, "x")))]]
    for work in works:
        row = [work.name, work.unit]
        base = median(results[work.name][systems[0]])
        for name in systems:
            measures = results[work.name][name]
            row.append(figure(work, measures))
            if name != systems[0]:
                value = median(measures)
                row.append(f"{value / base:.2f}" if value is not None and base else "")
        found.append(row)
    return found


def table(works: Sequence[Work], systems: Sequence[str], results: Results) -> str:
    """The rows as a table of reStructuredText. `!` marks a system that lost something."""
    cells = rows(works, systems, results)
    widths = [max(2, *(len(row[column]) for row in cells)) for column in range(len(cells[0]))]
    rule = "  ".join("=" * width for width in widths)
    lines = [
        "  ".join(
            (cell or ("\\" if column == 0 else "")).ljust(width)
            if column < 2
            else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
    return "\n".join([rule, lines[0], rule, *lines[1:], rule])


def as_json(works: Sequence[Work], results: Results) -> dict[str, Any]:
    return {
        "machine": {
            "system": platform.platform(),
            "python": platform.python_version(),
            "processors": os.cpu_count(),
            "open_files": os.sysconf("SC_OPEN_MAX"),
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
