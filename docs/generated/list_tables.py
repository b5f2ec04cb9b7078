"""The list-tables of a page, as they are written there."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Table:
    """A table with a :name:, the section in which it stands, and the cells of its rows, header and body."""

    name: str
    section: str
    rows: list[list[str]]


def tables(path: Path) -> Iterator[Table]:
    """Yield the named list-tables of a page. Their cells keep their markup."""
    section = ""
    lines = path.read_text().split("\n")
    for number, line in enumerate(lines):
        rule = lines[number + 1] if number + 1 < len(lines) else ""
        if line and line[0] not in " =-" and re.fullmatch(r"(=+|-+)", rule) and len(rule) == len(line):
            section = line
        elif line.startswith(".. list-table::"):
            block = textwrap.dedent("\n".join(_block(lines[number + 1 :])))
            named = re.search(r"^:name: (\S+)$", block, re.M)
            if named:
                yield Table(named[1], section, [_cells(row) for row in re.split(r"^\* ", block, flags=re.M)[1:]])


def _block(lines: list[str]) -> Iterator[str]:
    """Yield the lines that belong to a directive: those that are indented, and empty ones."""
    for line in lines:
        if line and not line.startswith("   "):
            return
        yield line


def _cells(row: str) -> list[str]:
    return [" ".join(cell.split()) for cell in re.split(r"^(?:  )?- ?", row, flags=re.M)[1:]]
