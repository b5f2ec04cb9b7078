"""docs/architecture.rst: what it names is there, and every room has its line."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from tests.support.source import ROOMS, ROOT

PAGE = (ROOT / "docs" / "architecture.rst").read_text()


class ArchitecturePageTests(SynchronousTestCase):
    def test_files(self) -> None:
        """Each file and folder that the page names is there."""
        named = set(re.findall(r"(?<![\w/])((?:[a-z_]+/)+[a-z_0-9]*(?:\.py|\.rst)?)(?![\w/])", PAGE))
        gone = {name for name in named if not (ROOT / name).exists() and not (ROOT / "wsaas" / name).exists()}
        self.assertEqual(gone, set())
        self.assertGreater(len(named), 40)

    def test_rooms(self) -> None:
        """Each room of the rules has a line in the table, in an order in which none imports a room above it."""
        lines = re.findall(r"^   \* - ``([a-z_]+)(?:/|\.py)``$", PAGE, re.MULTILINE)
        self.assertEqual(sorted(lines), sorted(ROOMS))
        for number, room in enumerate(lines):
            self.assertEqual(ROOMS[room] & set(lines[:number]), set(), room)
