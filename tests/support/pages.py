"""The pages of the documentation as docutils reads them: examples by name, tables by row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.core import publish_doctree
from docutils.parsers.rst import Directive, directives, roles

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.rst", ROOT / "CHANGELOG.rst", *sorted(DOCS.glob("*.rst"))]


class _TableOfContents(Directive):
    """Sphinx's toctree, of which nothing is shown."""

    has_content = True
    option_spec = {"maxdepth": directives.nonnegative_int}  # noqa: RUF012

    def run(self) -> list[nodes.Node]:
        return []


def _reference(name: str, raw: str, text: str, *rest: Any, **more: Any) -> tuple[list[nodes.Node], list[Any]]:
    """A reference of Sphinx's, :doc: or :ref:, shown as its text."""
    return [nodes.inline(raw, text)], []


def read(path: Path) -> nodes.document:
    """The page. What docutils finds wrong stands in it as system messages."""
    directives.register_directive("toctree", _TableOfContents)
    for name in ("doc", "ref"):
        roles.register_local_role(name, _reference)
    settings = {"report_level": 1, "halt_level": 5, "warning_stream": False}
    document: nodes.document = publish_doctree(path.read_text(), str(path), settings_overrides=settings)
    return document


def example(path: Path, name: str) -> str:
    """The code block that has this :name:."""
    [found] = [block for block in read(path).findall(nodes.literal_block) if name in block["names"]]
    return found.astext() + "\n"


def block_of(path: Path, language: str, containing: str) -> str:
    """The first code block in that language that contains these words."""
    for block in read(path).findall(nodes.literal_block):
        if language in block["classes"] and containing in block.astext():
            return block.astext() + "\n"
    raise AssertionError(f"{path.name} has no {language} example with {containing!r}")


def rows(table: nodes.table) -> Iterator[list[nodes.entry]]:
    """The cells of each row, header and body."""
    for row in table.findall(nodes.row):
        yield [cell for cell in row.children if isinstance(cell, nodes.entry)]
