"""The claims of the pages' tables, each sentence with the tests that hold it."""

from __future__ import annotations

import re
from pathlib import Path

from docs.generated.list_tables import Table, tables
from tests.claims.model import PAGES, Claims, claims_of

DOCS = Path(__file__).resolve().parents[1]


def text(arguments: list[str]) -> str:
    """Return a section for each page, with a table for each of its tables."""
    lines: list[str] = []
    for page in PAGES:
        path = DOCS / f"{page}.rst"
        title = _title(path)
        lines += ["", title, "=" * len(title), "", f"The tables of :doc:`{page}`.", ""]
        claims = claims_of(page)
        for table in tables(path):
            if table.name in claims:
                lines += _table(page, table, claims)
    return "\n".join(lines)


def _title(path: Path) -> str:
    """Return the title of a page, which stands between two rules or over one."""
    return next(line for line in path.read_text().split("\n") if line and not line.startswith("="))


def _table(page: str, table: Table, claims: Claims) -> list[str]:
    tests = list(claims[table.name].values())
    lines = [f".. list-table:: {table.section}", f"   :name: tests-{page}-{table.name}", "   :class: tests"]
    lines += ["   :widths: 55 45", ""]
    for cells, its in zip(table.rows[1:], tests, strict=True):
        name, *rest = cells
        sentence = re.sub(r"(?<!\\)`([^`<]+) <[^>]*>`_+", r"\1", " ".join(filter(None, rest)))
        lines += ["", f"   * - | {name}", f"       | {sentence}" if sentence else ""]
        lines += ["     - " + " ".join(f"``{test}``" for test in its)]
    return [*lines, ""]
