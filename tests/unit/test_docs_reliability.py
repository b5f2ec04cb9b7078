"""docs/reliability.rst: every row names tests that exist, and no system test of faults is left out."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import ModuleType

from twisted.trial.unittest import SynchronousTestCase

from tests.support.pages import Rows, exists, tables

TESTS = Path(__file__).resolve().parents[1]
PAGE = TESTS.parent / "docs" / "reliability.rst"
NAME = re.compile(r"\w+(?:\.\w+)*\.test_\w+\.\w+Tests\.test_\w+")
SHOWN = ("promises", "backend-faults", "gateway-faults", "cluster-faults", "client-faults")


def tests_of(module: ModuleType, name: str) -> set[str]:
    """The tests that a module defines, as the page would name them."""
    return {
        f"{name}.{case.__name__}.{method}"
        for case in vars(module).values()
        if isinstance(case, type) and case.__module__ == module.__name__
        for method in vars(case)
        if method.startswith("test_")
    }


class ReliabilityTests(SynchronousTestCase):
    tables = tables(PAGE.read_text())

    def rows(self) -> Rows:
        return [row for name in SHOWN for row in self.tables[name]]

    def test_every_row(self) -> None:
        """Every promise and every fault names its tests, and says nothing else in that column."""
        for fault, _, shown in self.rows():
            self.assertTrue(NAME.findall(shown), fault)
            self.assertEqual(NAME.sub("", shown).strip(), "", fault)

    def test_tests_exist(self) -> None:
        """Every named test exists."""
        named = {name for _, _, shown in self.rows() for name in NAME.findall(shown)}
        self.assertEqual(sorted(name for name in named if not exists(name)), [])

    def test_every_test(self) -> None:
        """Every system test of a fault stands behind some row."""
        named = {name for _, _, shown in self.rows() for name in NAME.findall(shown)}
        there: set[str] = set()
        for path in sorted((TESTS / "system").glob("test_faults*.py")):
            there |= tests_of(importlib.import_module(f"tests.system.{path.stem}"), f"system.{path.stem}")
        self.assertGreater(len(there), 30)
        self.assertEqual(sorted(there - named), [])

    def test_guarantees(self) -> None:
        """The promises are the guarantees of docs/protocol.rst, but for the one about access."""
        ours = [row[0].split(" ", 1)[1] for row in self.tables["promises"]]
        theirs = [row[0] for row in tables((PAGE.parent / "protocol.rst").read_text())["guarantees"]]
        self.assertEqual(ours, [name for name in theirs if name != "Nobody else"])

    def test_conformance(self) -> None:
        """The counts of a result add up to the number of its cases."""
        for cases, number, result in self.tables["conformance"]:
            self.assertEqual(sum(map(int, re.findall(r"\d+", result))), int(number), cases)
