"""docs/scaling.rst has the figures that the arithmetic gives."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.scaling import Costs, table
from tests.support.pages import DOCS


class ScalingPageTests(SynchronousTestCase):
    def test_figures(self) -> None:
        """The table of the page is that of `python -m benchmarks.scaling`."""
        page = (DOCS / "scaling.rst").read_text()
        found = re.search(r"\.\. begin figures\n\n(.*?)\n\.\. end figures\n", page, re.DOTALL)
        assert found is not None
        self.assertEqual(found[1], table(Costs()))
