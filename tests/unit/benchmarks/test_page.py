"""The texts of docs/performance.rst are made from the measurements beside it."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from benchmarks import page
from benchmarks.works import Measure


def file(**costs: dict[str, list[float]]) -> dict[str, Any]:
    """The file of measurements, by work and system."""
    machine = {"day": "2026-11-28", "commit": "abc", "processors": 2, "processor": "fast", "system": "Linux"}
    return {
        "machine": {**machine, "python": "3.13.1", "build": "with PGO"},
        "works": {
            work: {
                "unit": "bytes" if work == "idle" else "us",
                "systems": {
                    name: {
                        "median": sorted(rounds)[len(rounds) // 2],
                        "rounds": [asdict(Measure(cost, 10, 1.0, 0.5)) for cost in rounds],
                    }
                    for name, rounds in systems.items()
                },
            }
            for work, systems in costs.items()
        },
    }


class PageTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir(parents=True)

    def made(self, name: str, found: dict[str, Any]) -> None:
        (self.directory / f"{name}.json").write_text(json.dumps(found))
        page.write(self.directory)

    def text(self, name: str) -> str:
        return (self.directory / name).read_text()

    def test_replaced(self) -> None:
        """A new file of measurements replaces the figures in every text that is made from it."""
        for cost in (20.0, 40.0):
            self.made(
                "results",
                file(connect={"wsaas": [cost, cost, 2 * cost], "nchan": [10.0] * 3}, idle={"wsaas": [4096.0]}),
            )
            self.assertIn(f"connect, us   {cost:.1f}   10.0", self.text("costs.txt"))
            self.assertIn(f"connect                      {1e6 / cost:,.0f}", self.text("sizing.txt"))
            self.assertIn(f">{cost:.1f} us<", self.text("cost.svg"))
        self.assertIn("2026-11-28, commit abc, 3 rounds.", self.text("machine.txt"))
        self.assertIn("Python 3.13.1, with PGO", self.text("machine.txt"))

    def test_apart(self) -> None:
        """The measurements of growth, of the guarantees and of many connections have texts of their own."""
        self.made("growth", file(**{"connect among 100": {"wsaas": [10.0]}}))
        self.made("guarantees", file(connect={"wsaas": [10.0], "wsaas:signed": [11.0]}))
        names = {path.name for path in self.directory.glob("*.txt")}
        self.assertEqual(
            names, {"growth-costs.txt", "growth-machine.txt", "guarantees-costs.txt", "guarantees-machine.txt"}
        )
        self.assertTrue((self.directory / "growth.svg").exists())

    def test_as_made(self) -> None:
        """No text in docs/performance that is made from a file there was changed by hand."""
        for name, text in page.texts_of(page.DIRECTORY).items():
            if text:
                self.assertEqual((page.DIRECTORY / name).read_text(), text + "\n", name)

    if not find_spec("picows"):
        skip = "the extra `bench` is not installed"
