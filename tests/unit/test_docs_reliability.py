"""docs/reliability.rst: no system test of faults is without a row. tests/claims names the tests of each row."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import ModuleType

from twisted.trial.unittest import SynchronousTestCase

from tests.claims.model import claims_of
from tests.support.pages import protocol, tables

TESTS = Path(__file__).resolve().parents[1]
PAGE = TESTS.parent / "docs" / "reliability.rst"


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

    def test_every_test(self) -> None:
        """Every system test of a fault stands behind some row."""
        named = {name for rows in claims_of("reliability").values() for tests in rows.values() for name in tests}
        there: set[str] = set()
        for path in sorted((TESTS / "system").glob("test_faults*.py")):
            there |= tests_of(importlib.import_module(f"tests.system.{path.stem}"), f"system.{path.stem}")
        self.assertGreater(len(there), 30)
        self.assertEqual(sorted(there - named), [])

    def test_guarantees(self) -> None:
        """The promises are the guarantees of docs/protocol.rst, but for the one about access."""
        ours = [row[0].split(" ", 1)[1] for row in self.tables["promises"]]
        theirs = [row[0] for row in protocol()["guarantees"]]
        self.assertEqual(ours, [name for name in theirs if name != "Nobody else"])

    def test_conformance(self) -> None:
        """The counts of a result add up to the number of its cases."""
        for cases, number, result in self.tables["conformance"]:
            self.assertEqual(sum(map(int, re.findall(r"\d+", result))), int(number), cases)
