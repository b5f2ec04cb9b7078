"""docs/trying.rst lists the checks of `wsaas try`."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.support.pages import DOCS, tables
from wsaas.backend_trial.checks import CHECKS
from wsaas.cli.try_arguments import MESSAGE


class TryingPageTests(SynchronousTestCase):
    def test_checks(self) -> None:
        """The table has the checks in their order, and the page the message that is sent without --message."""
        page = (DOCS / "trying.rst").read_text()
        self.assertEqual([name for name, _ in tables(page)["checks"]], list(CHECKS))
        self.assertIn(f"``{MESSAGE}``", page)
