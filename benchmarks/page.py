"""Makes the figures of docs/performance.rst from the measurements that are kept beside it.

    python -m benchmarks.page [DIRECTORY]        DIRECTORY is docs/performance, unless it is given

DIRECTORY/results.json       of `python -m benchmarks --docs DIRECTORY`
DIRECTORY/growth.json        of `python -m benchmarks --growth --docs DIRECTORY`
DIRECTORY/cluster.json       of `python -m benchmarks --cluster --docs DIRECTORY`
DIRECTORY/guarantees.json    the same with `--prefix guarantees-`
DIRECTORY/many.json          of `python -m benchmarks.many --json DIRECTORY/many.json`

Each of the texts that the page includes is made from one of these, and nothing in them is written by hand.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import many, report
from benchmarks.plots import draw
from benchmarks.report import Results
from benchmarks.systems import ROOT
from benchmarks.works import Measure, Work

DIRECTORY = ROOT / "docs" / "performance"


def works_of(found: dict[str, Any]) -> list[Work]:
    """Return the works of a file, in their order; they can be reported, not run."""
    return [
        Work(name, "KB" if row["unit"] == "bytes" else row["unit"], lambda bench, system: Measure(0.0, 0))
        for name, row in found["works"].items()
    ]


def results_of(found: dict[str, Any]) -> Results:
    """Return the measures of a file."""
    results: Results = defaultdict(lambda: defaultdict(list))
    for work, row in found["works"].items():
        for name, measured in row["systems"].items():
            results[work][name] = [Measure(**each) for each in measured["rounds"]]
    return results


def systems_of(found: dict[str, Any]) -> list[str]:
    """Return the systems of a file, in their order."""
    return list(dict.fromkeys(name for row in found["works"].values() for name in row["systems"]))


def sizing(works: Sequence[Work], system: str, results: Results) -> str:
    """Return the table of the operations with which a system keeps one processor busy for a second."""
    rows = [["work", "a second, of one processor"]]
    for work in works:
        cost = report.median(results[work.name][system])
        if work.unit == "us" and cost:
            rows.append([work.name, f"{round(1e6 / cost, -2):,.0f}"])
    return report.table(rows, left=1)


def described(found: dict[str, Any]) -> str:
    """Return a paragraph on the machine, the interpreter and the commit of a file.

    `kept` says of a file of which only a part was kept what that is.
    """
    machine = found["machine"]
    measured = [each["rounds"] for row in found["works"].values() for each in row["systems"].values()]
    rounds = max(map(len, measured), default=0)
    how = machine.get("kept", f"{rounds} round{'s' * (rounds != 1)}" if rounds else "one run of each")
    return (
        f"Measured on {machine['day']}, commit {machine['commit']}, {how}. The machine: "
        f"{machine['processors']} processors ({machine['processor']}), {machine['system']}. The interpreter: Python "
        f"{machine['python']}, {machine['build']}."
    )


def texts_of(directory: Path) -> dict[str, str]:
    """Return the texts for the page by their files' names."""
    texts = {}
    for name in ("results", "growth", "cluster", "guarantees"):
        path = directory / f"{name}.json"
        if not path.exists():
            continue
        found = json.loads(path.read_text())
        works, systems, results = works_of(found), systems_of(found), results_of(found)
        prefix = "" if name == "results" else f"{name}-"
        texts[f"{prefix}costs.txt"] = report.costs(works, systems, results)
        texts[f"{prefix}machine.txt"] = described(found)
        if name == "cluster":
            texts["cluster-engines.txt"] = report.engines(works, systems, results)
            texts["cluster-latencies.txt"] = report.latencies(systems, results)
        if name == "results":
            texts["rates.txt"] = report.rates(works, systems, results)
            texts["latencies.txt"] = report.latencies(systems, results)
            texts["targets.txt"] = report.verdicts(works, systems[0], results)
            texts["sizing.txt"] = sizing(works, systems[0], results)
    path = directory / "many.json"
    if path.exists():
        found = json.loads(path.read_text())
        texts["many.txt"] = many.spell(found["runs"])
        texts["many-machine.txt"] = described({"works": {}, **found})
    return texts


def write(directory: Path) -> None:
    """Write the texts and the plots."""
    for name, text in texts_of(directory).items():
        if text:
            (directory / name).write_text(text + "\n")
    for name in ("results", "growth"):
        path = directory / f"{name}.json"
        if path.exists():
            draw(json.loads(path.read_text()), directory, grows=name == "growth")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if sys.argv[1:] else DIRECTORY)
