"""tests/claims: every row of the pages' tables has tests, which exist; and docs/guarantees_and_tests.rst shows them."""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from twisted.trial.unittest import SynchronousTestCase

from docs.generated.list_tables import tables as written
from tests.claims.model import PAGES, claims_of
from tests.support.pages import DOCS, exists, read, rows, tables

WITHOUT = {"limits", "conformance"}
"""Tables whose figures other tests compare with the source."""


class ClaimsTests(SynchronousTestCase):
    def test_every_row(self) -> None:
        """Every row of every table of a page has its line in tests/claims, and no line there is without its row."""
        for page in PAGES:
            there = {
                name: [row[0] for row in table]
                for name, table in tables((DOCS / f"{page}.rst").read_text()).items()
                if name not in WITHOUT
            }
            self.assertEqual(there, {name: list(lines) for name, lines in claims_of(page).items()}, page)

    def test_tests_exist(self) -> None:
        """Each row names a test, and all that are named are tests."""
        for page in PAGES:
            for table, lines in claims_of(page).items():
                for row, tests in lines.items():
                    self.assertTrue(tests, (page, table, row))
                    self.assertEqual([test for test in tests if not exists(test)], [], (page, table, row))

    def test_shown(self) -> None:
        """The page for contributors shows each row with its sentence and its tests."""
        shown = {
            table["names"][0]: [[" ".join(cell.astext().split()) for cell in row] for row in rows(table)]
            for table in read(DOCS / "guarantees_and_tests.rst").findall(nodes.table)
        }
        for page in PAGES:
            read_there = tables((DOCS / f"{page}.rst").read_text())
            for name, lines in claims_of(page).items():
                expected = [
                    [" ".join(filter(None, row)), " ".join(tests)]
                    for row, tests in zip(read_there[name], lines.values(), strict=True)
                ]
                self.assertEqual(shown.pop(f"tests-{page}-{name}"), expected)
        self.assertEqual(shown, {})

    def test_names_are_for_contributors(self) -> None:
        """No other page names a test, but the one about the code."""
        pages = {path.stem for path in DOCS.glob("*.rst") if "Tests.test_" in path.read_text()}
        self.assertEqual(pages - {"architecture"}, {"guarantees_and_tests"})


class CheckTests(SynchronousTestCase):
    """The checks themselves can fail."""

    def test_exists(self) -> None:
        """A name that is no test is not taken for one."""
        self.assertTrue(exists("unit.test_docs_claims.CheckTests.test_exists"))
        for name in (
            "unit.test_docs_claims.CheckTests.test_nothing",
            "unit.test_docs_claims.CheckTests.assertEqual",
            "unit.test_docs_claims.Nobody.test_exists",
            "nowhere.CheckTests.test_exists",
        ):
            self.assertFalse(exists(name), name)

    def test_cells(self) -> None:
        """Cells come with their markup; a table without a name, and text behind a table, are none."""
        page = Path(self.mktemp())
        page.write_text(
            "Part\n====\n\n.. list-table:: A caption\n   :name: one\n   :header-rows: 1\n\n   * - a\n     - b\n"
            "   * - ``c``, d\n       e\n     -\n\n- no cell\n\n.. list-table::\n\n   * - x\n     - y\n"
        )
        [table] = written(page)
        self.assertEqual((table.name, table.section), ("one", "Part"))
        self.assertEqual(table.rows, [["a", "b"], ["``c``, d e", ""]])
