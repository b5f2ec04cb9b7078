"""Draws plots as SVG from the output of `--json`, with the standard library alone.

    python -m benchmarks.plots results.json directory [--growth]

bars(...)  a block for each work, a bar for each system, each block on its own scale; a bar far longer than the first is
           cut off, and its figure gives its length
lines(...) the cost of each kind of work over the number at the end of the work's name
"""

from __future__ import annotations

import json
import math
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

COLOURS = ("#1b6ca8", "#9aa5b1", "#d08c3f", "#4f9d69", "#b05a7a", "#6f5fa8")
FONT = 'font-family="sans-serif" fill="#555"'
WIDTH, BAR, LABEL = 640, 14, 150
MAX_BAR_RATIO = 12.0
"""Length of a bar relative to the first one, at most."""


def bars(works: dict[str, Any], title: str) -> str:
    """Draw one block for each work."""
    parts = []
    y = 30
    names: list[str] = []
    for work, found in works.items():
        costs = {name: each["median"] for name, each in found["systems"].items() if each["median"] is not None}
        if not costs:
            continue
        names += [name for name in costs if name not in names]
        first = next(iter(costs.values()))
        longest = (
            max(min(cost, first * MAX_BAR_RATIO) for cost in costs.values()) or 1.0
        )  # less than the kernel's tick: 0
        parts.append(f'<text x="4" y="{y + 12}" {FONT} font-size="12">{escape(work)}</text>')
        for name, cost in costs.items():
            length = min(cost, first * MAX_BAR_RATIO) / longest * (WIDTH - LABEL - 100)
            colour = COLOURS[names.index(name) % len(COLOURS)]
            cut = " ..." if cost > first * MAX_BAR_RATIO else ""
            parts.append(f'<rect x="{LABEL}" y="{y}" width="{length:.1f}" height="{BAR - 2}" fill="{colour}"/>')
            text = f"{_spell(cost, found['unit'])}{cut}"
            parts.append(f'<text x="{LABEL + length + 5:.1f}" y="{y + 10}" {FONT} font-size="10">{text}</text>')
            y += BAR
        y += 10
    return _svg(title, parts, names, y)


def lines(works: dict[str, Any], system: str, title: str) -> str:
    """Draw one line for each kind of work, over the number of connections or members, both axes logarithmic."""
    series: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for work, found in works.items():
        kind, _, number = work.rpartition(" ")
        cost = found["systems"].get(system, {}).get("median")
        if number.isdigit() and cost is not None and found["unit"] == "us":
            series[kind].append((int(number), cost))
    points = [point for each in series.values() for point in each]
    if not points:
        return _svg(title, [], [], 40)
    low, high = (limit([math.log10(x) for x, _ in points]) for limit in (min, max))
    bottom, top = math.floor(min(math.log10(y) for _, y in points)), math.ceil(max(math.log10(y) for _, y in points))
    height = 300

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            60 + (math.log10(x) - low) / (high - low or 1) * (WIDTH - 100),
            30 + height - (math.log10(y) - bottom) / (top - bottom or 1) * height,
        )

    parts = []
    for power in range(bottom, top + 1):
        _, y = at(math.pow(10, low), math.pow(10, power))
        parts.append(f'<line x1="60" x2="{WIDTH - 40}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="50" y="{y + 4:.1f}" {FONT} font-size="12" text-anchor="end">{10**power:g} us</text>')
    for count in sorted({x for x, _ in points}):
        place, _ = at(count, 10**bottom)
        parts.append(
            f'<text x="{place:.1f}" y="{height + 48}" {FONT} font-size="12" text-anchor="middle">{count}</text>'
        )
    for index, line in enumerate(series.values()):
        places = " ".join("{:.1f},{:.1f}".format(*at(*point)) for point in sorted(line))
        parts.append(
            f'<polyline points="{places}" fill="none" stroke="{COLOURS[index % len(COLOURS)]}" stroke-width="2"/>'
        )
    return _svg(title, parts, list(series), height + 60)


def _svg(title: str, parts: Sequence[str], names: Sequence[str], height: int) -> str:
    x = 4.0
    legend = [f'<text x="4" y="16" {FONT} font-size="12" font-weight="bold">{escape(title)}</text>']
    for index, name in enumerate(names):
        colour = COLOURS[index % len(COLOURS)]
        legend.append(f'<rect x="{x}" y="{height + 6}" width="10" height="10" fill="{colour}"/>')
        legend.append(f'<text x="{x + 14}" y="{height + 15}" {FONT} font-size="11">{escape(name)}</text>')
        x += 30 + 6.5 * len(name)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height + 24}" width="{WIDTH}">'
    return "\n".join([head, *legend, *parts, "</svg>", ""])


def _spell(cost: float, unit: str) -> str:
    if unit == "bytes":
        return f"{cost / 1024:.1f} KB"
    return f"{cost:.1f} {unit}" if cost < 100 else f"{cost:.0f} {unit}"


def draw(found: dict[str, Any], directory: Path, *, grows: bool) -> list[Path]:
    """Draw the plots of these results; `grows` if they are of --growth. Return the files written."""
    directory.mkdir(parents=True, exist_ok=True)
    works = found["works"]
    written = []

    def write(name: str, text: str) -> None:
        path = directory / name
        path.write_text(text)
        written.append(path)

    if grows:
        write("growth.svg", lines(works, "wsaas", "Processor time of one operation, as the crowd grows"))
    else:
        cpu = {work: each for work, each in works.items() if each["unit"] == "us"}
        memory = {work: each for work, each in works.items() if each["unit"] == "bytes"}
        write("cost.svg", bars(cpu, "Processor time of one operation"))
        write("memory.svg", bars(memory, "Memory of one idle connection"))
    return written


if __name__ == "__main__":
    for path in draw(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]), grows=sys.argv[3:] == ["--growth"]):
        print(path)
