"""Every page of the documentation comes out as it was meant."""

from __future__ import annotations

import re
from pathlib import Path

from docutils import nodes
from twisted.trial.unittest import SynchronousTestCase

from tests.support.pages import DOCS, PAGES, read, rows

# What is left of markup that was not understood: marks of emphasis and code, roles, table rules, link targets.
GARBAGE = re.compile(r"``|\*\*|(?<!\w):[a-z]+:`|`_|={4,}|-{4,}|\+-|\|(?!\|)|^\.\. |\[#")


def flaws(page: nodes.document) -> list[str]:
    """Return the flaws of a page as it is shown."""
    found = [message.astext() for message in page.findall(nodes.system_message)]
    for table in page.findall(nodes.table):
        [group] = table.findall(nodes.tgroup)
        for cells in rows(table):
            shown = [" ".join(cell.astext().split()) for cell in cells]
            if sum(1 + cell.get("morecols", 0) for cell in cells) != group["cols"]:
                found.append(f"a row with cells too few or too many: {shown}")
            if len(shown) > 1 and not (any(shown[1:]) and shown[0]):
                found.append(f"a row without its cells: {shown}")
            if any(cell.endswith((",", ";")) for cell in shown):
                found.append(f"a row that goes on in the next one: {shown}")
        firsts = [row.children[0] for row in table.findall(nodes.row) if isinstance(row.parent, nodes.tbody)]
        words = [cell.astext() for cell in firsts[1:] if not _begins_with_code(cell)]
        if len(words) == 1 and _begins_with_code(firsts[0]):
            found.append(f"a row of words among code: {words[0]!r}")
    for text in page.findall(nodes.Text):
        literal = isinstance(text.parent, nodes.literal | nodes.literal_block | nodes.comment | nodes.raw)
        coloured = isinstance(text.parent, nodes.inline) and isinstance(text.parent.parent, nodes.literal_block)
        if not (literal or coloured) and GARBAGE.search(text.astext()):
            found.append(f"markup is left: {text.astext()!r}")
    return found


def _begins_with_code(cell: nodes.Node) -> bool:
    paragraph = next(iter(cell.findall(nodes.paragraph)), None)
    return paragraph is not None and isinstance(next(iter(paragraph.children), None), nodes.literal)


class PageTests(SynchronousTestCase):
    def test_every_page(self) -> None:
        """No page has a message of docutils, a table's row with a cell missing or empty, or markup in its text."""
        for path in PAGES:
            self.assertEqual(flaws(read(path)), [], path.name)

    def test_all_listed(self) -> None:
        """Every page is in one table of contents: the first page's, or that of the protocol."""
        listed = [
            name
            for page in ("index", "protocol")
            for name in re.findall(r"^   (\w+)$", (DOCS / f"{page}.rst").read_text(), re.MULTILINE)
        ]
        self.assertEqual(sorted(listed), sorted({path.stem for path in DOCS.glob("*.rst")} - {"index"}))


BROKEN = {
    "===== =====\na     b\nc\n===== =====\n": "a row without its cells: ['c', '']",
    "===== =====\n``a`` b;\nc     d\n===== =====\n": "a row of words among code: 'c'",
    "===== =====\n``a`` b;\n``c`` d\n===== =====\n": "a row that goes on in the next one: ['a', 'b;']",
    "``a": "Inline literal start-string without end-string.",
    "a | b": "markup is left: 'a | b'",
    "====\nTitle\n===\n": "Title overline & underline mismatch.",
    "a\n\n  .. note:: b\n :doc:`x": "",
}


class FlawTests(SynchronousTestCase):
    def test_seen(self) -> None:
        """Each kind of broken markup is found."""
        for text, flaw in BROKEN.items():
            path = Path(self.mktemp())
            path.write_text(text)
            self.assertIn(flaw, "\n".join(flaws(read(path))) or "nothing", text)
            self.assertNotEqual(flaws(read(path)), [], text)
