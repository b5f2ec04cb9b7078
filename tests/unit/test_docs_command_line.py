"""docs/command_line.rst lists the commands as their parsers have them."""

from __future__ import annotations

import os
import re

from twisted.trial.unittest import SynchronousTestCase

from tests.support.command_page import common_options, reference, statuses
from tests.support.pages import DOCS

PAGE = DOCS / "command_line.rst"
PARTS = {"options": common_options, "statuses": statuses, "commands": reference}


def with_parts(page: str) -> str:
    """Return the page with the parts that the parsers give."""
    for name, make in PARTS.items():
        pattern = re.compile(rf"(?<=\.\. begin {name}\n).*?(?=\.\. end {name}\n)", re.DOTALL)
        page = pattern.sub(lambda found, make=make: f"\n{make()}\n", page)  # type: ignore[misc]
    return page


class CommandPageTests(SynchronousTestCase):
    def test_parts(self) -> None:
        """Commands, options and exit statuses are those of the parsers; WSAAS_WRITE_PAGES=1 writes them."""
        page = PAGE.read_text()
        expected = with_parts(page)
        if page != expected and os.environ.get("WSAAS_WRITE_PAGES"):
            PAGE.write_text(expected)
            page = expected
        self.assertEqual(page, expected)
        for name in PARTS:
            self.assertIn(f".. begin {name}\n\n", page)
