"""docs/generated: the parts of pages that are made from the source have all of it, and nothing of it is markup."""

from __future__ import annotations

import json
import re
from pathlib import Path

from docutils import nodes
from twisted.trial.unittest import SynchronousTestCase

from docs.generated import MADE, api
from docs.generated.markup import escaped, table, with_code
from tests.support.pages import DOCS, read, rows, tables
from wsaas.cli.commands import COMMANDS
from wsaas.cli.failures import STATUSES
from wsaas.settings.table import TABLE
from wsaas.telemetry.families import METRICS


def shown(page: str) -> dict[str, list[list[str]]]:
    """Return the tables of a page by name, as they are shown, without their headers."""
    return {
        each["names"][0]: [[" ".join(cell.astext().split()) for cell in row] for row in list(rows(each))[1:]]
        for each in read(DOCS / f"{page}.rst").findall(nodes.table)
        if each["names"]
    }


def titles(page: str) -> list[str]:
    return [title.astext() for title in read(DOCS / f"{page}.rst").findall(nodes.title)]


class PartsTests(SynchronousTestCase):
    def test_settings(self) -> None:
        """Each setting stands once in the page of settings, with default and meaning, and can be linked to."""
        found = [row for part in shown("settings").values() for row in part]
        self.assertEqual(sorted(name for name, *_ in found), sorted(TABLE))
        for name, default, meaning in found:
            row = TABLE[name]
            self.assertEqual(default, row.unset_is if row.default is None else row.default)
            self.assertTrue(meaning.startswith(row.help), name)
            self.assertEqual("secret" in meaning, row.secret or "secret" in row.help, name)
            self.assertTrue(all(f"{alias} is another name" in meaning for alias in row.aliases), name)
        targets = {target["ids"][0] for target in read(DOCS / "settings.rst").findall(nodes.target) if target["ids"]}
        self.assertLessEqual({name.lower().replace("_", "-") for name in TABLE}, targets)

    def test_metrics(self) -> None:
        """Each metric stands in the page of metrics with its labels, its type and its meaning."""
        expected = [[" ".join([each.name, *each.labels]), each.kind, each.help] for each in METRICS]
        self.assertEqual(shown("metrics")["metrics-of-wsaas"], expected)

    def test_commands(self) -> None:
        """Each command has a section with its examples; the exit statuses are those that there are."""
        page = read(DOCS / "command_line.rst")
        self.assertLessEqual({f"wsaas {name}" for name in COMMANDS}, set(titles("command_line")))
        blocks = "\n".join(block.astext() for block in page.findall(nodes.literal_block))
        for command in COMMANDS.values():
            for line, _ in command.examples:
                self.assertIn(line, blocks)
        text = page.astext()
        for status, meaning in STATUSES.items():
            self.assertIn(f"{status}\n\n{meaning}", text)

    def test_operations(self) -> None:
        """Each operation of the API has a section with its parameters and statuses; each object, its members."""
        document = json.loads(api.DOCUMENT.read_text())
        sections = {section[0].astext(): section.astext() for section in read(DOCS / "api.rst").findall(nodes.section)}
        for method, path, operation in api.operations(document):
            text = sections[f"{method} {path}"]
            for status in set(operation["responses"]) - api.OF_ALL:
                self.assertRegex(text, rf"\b{status}\b")
            for each in operation.get("parameters", ()):
                self.assertTrue(each["in"] == "path" or f"\n{each['name']}\n" in text, each)
            self.assertNotIn("{", re.search(r"^curl .*$", text, re.M)[0].replace('{"hello": "world"}', ""))  # type: ignore[index]
        for name in api.answered(document) - {""}:
            for member in document["components"]["schemas"][name]["properties"]:
                self.assertIn(f"\n{member}\n", sections[f"{name} object"])

    def test_used(self) -> None:
        """Each directive stands in some page."""
        text = "".join(path.read_text() for path in DOCS.glob("*.rst"))
        self.assertEqual([name for name in MADE if f"\n.. {name}::" not in text], [])


class MarkupTests(SynchronousTestCase):
    def shown(self, text: str) -> nodes.document:
        page = Path(self.mktemp())
        page.write_text(text)
        return read(page)

    def test_escaped(self) -> None:
        """Text that looks like markup is shown as it is written."""
        for text in ("a *b* c", "whsec_...", "`a`_ b", "|a| b", r"a\b", "WS_PORT of __init__", "**a**", "/@a to b"):
            self.assertEqual(self.shown(escaped(text)).astext(), text)

    def test_code(self) -> None:
        """Paths, placeholders, parameters and members are code; words are not."""
        page = self.shown(with_code("See ?limit= of /-/events, {id}, sent_at and WS_PORT."))
        self.assertEqual(page.astext(), "See ?limit= of /-/events, {id}, sent_at and WS_PORT.")
        self.assertEqual(
            [each.astext() for each in page.findall(nodes.literal)], ["?limit=", "/-/events", "{id}", "sent_at"]
        )

    def test_table(self) -> None:
        """A table has its rows, its header and its name; a cell may have several lines."""
        text = "\n".join(table(["a", "b"], [1, 1], [["c", "| d\n| e"]], name="t"))
        self.assertEqual([row[:2] for row in tables(text)["t"]], [["c", "d e"]])
