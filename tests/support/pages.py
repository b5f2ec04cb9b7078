"""The pages of the documentation as docutils reads them: examples by name, tables by row."""

from __future__ import annotations

import importlib
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.core import publish_doctree
from docutils.parsers.rst import Directive, directives, roles

from docs.generated import register

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SECURITY = DOCS / "security.rst"
THREATS = ["handshakes", "frames", "api", "webhooks", "tls", "leaks"]
"""The tables of docs/security.rst, in order."""
_AT_THE_TOP = ("README", "CHANGELOG", "CONTRIBUTING", "SECURITY")
PROTOCOL = sorted(DOCS.glob("protocol*.rst"))
PAGES = [*(ROOT / f"{name}.rst" for name in _AT_THE_TOP), *sorted(DOCS.glob("*.rst"))]

Rows = list[list[str]]


class _TableOfContents(Directive):
    """Sphinx's toctree, which renders nothing here."""

    has_content = True
    option_spec = {  # noqa: RUF012
        "caption": directives.unchanged_required,
        "maxdepth": directives.nonnegative_int,
        "hidden": directives.flag,
    }

    def run(self) -> list[nodes.Node]:
        return []


class _Glossary(Directive):
    """Sphinx's glossary: what is in it is shown as it stands."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        shown = nodes.container()
        self.state.nested_parse(self.content, self.content_offset, shown)
        return [shown]


def _reference(name: str, raw: str, text: str, *rest: Any, **more: Any) -> tuple[list[nodes.Node], list[Any]]:
    """A reference of Sphinx's, :doc: or :ref:, shown as its text."""
    return [nodes.inline(raw, text)], []


def read(path: Path) -> nodes.document:
    """The page. What docutils finds wrong stands in it as system messages."""
    register()
    directives.register_directive("toctree", _TableOfContents)
    directives.register_directive("glossary", _Glossary)
    for name in ("doc", "ref", "term"):
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


def tables(text: str) -> dict[str, Rows]:
    """The tables of a page by their :name:, each as rows of cells, without its header."""
    # Sphinx's own roles are no errors here: sphinx-build looks at them.
    page = publish_doctree(text, settings_overrides={"report_level": 5, "file_insertion_enabled": False})
    found: dict[str, Rows] = {}
    for table in page.findall(nodes.table):
        [name] = table["names"]
        [body] = table.findall(nodes.tbody)
        found[name] = [[" ".join(cell.astext().split()) for cell in row.children] for row in body.children]
    return found


def protocol() -> dict[str, Rows]:
    """The tables of all pages of the protocol."""
    return {name: table for path in PROTOCOL for name, table in tables(path.read_text()).items()}


def exists(name: str) -> bool:
    """Return whether this is the name of a test method below tests/."""
    module, case, method = f"tests.{name}".rsplit(".", 2)
    try:
        found = getattr(importlib.import_module(module), case)
    except (ImportError, AttributeError):
        return False
    return (
        method.startswith("test_") and issubclass(found, unittest.TestCase) and callable(getattr(found, method, None))
    )
