"""docs/scaling.rst has the figures that arithmetic and simulation give, and its sentences agree with them."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.costs import Costs
from benchmarks.scaling import AT_ONCE, PACED, loss_rows, size_rows, table
from benchmarks.simulation import PATIENCE, Cell, Loss, usual_load
from tests.support.pages import DOCS


class ScalingPageTests(SynchronousTestCase):
    page = (DOCS / "scaling.rst").read_text()

    def figures(self, name: str) -> str:
        found = re.search(rf"\.\. begin {name}\n\n(.*?)\n\.\. end {name}\n", self.page, re.DOTALL)
        assert found is not None
        return found[1]

    def test_sizes(self) -> None:
        """The table of sizes is that of `python -m benchmarks.scaling`."""
        self.assertEqual(self.figures("sizes"), table(size_rows(Costs())))

    def test_losses(self) -> None:
        """The table of a lost machine is what the simulation gives."""
        self.assertEqual(self.figures("losses"), table(loss_rows(Costs())))

    def test_limits(self) -> None:
        """The limits in words are those of the figures."""
        costs = Costs()
        seen = {machines: Loss(Cell(machines, 8), costs, AT_ONCE).run() for machines in (2, 3, 5)}
        self.assertGreater(seen[2].gave_up, Cell(2, 8).lost / 2)
        self.assertTrue(30 < seen[2].all_back < 45)
        self.assertLess(seen[3].gave_up, seen[2].gave_up / 4)
        self.assertEqual(seen[5].gave_up, 0)
        self.assertGreater(seen[5].engine, 0.99)
        self.assertLess(Loss(Cell(5, 8), costs, PACED).run().engine, 0.8)
        self.assertApproximates(usual_load(costs, Cell(5, 8)), 1 / 3, 0.05)


class SimulationTests(SynchronousTestCase):
    def test_amounts(self) -> None:
        """All clients come back, none sooner than it can be served; the DELETEs leave after the claim."""
        cell, costs = Cell(4, 1), Costs()
        seen = Loss(cell, costs, 1.0).run()
        room = 1 - usual_load(costs, cell)
        self.assertGreater(seen.all_back, cell.lost / 3 * costs.connect / room)
        self.assertLess(seen.all_back, 1.4 * cell.lost / 3 * costs.connect / room)
        self.assertLessEqual(seen.most_connects, 1 / costs.connect)
        self.assertTrue(8 < seen.first_delete < 8.7, seen.first_delete)
        self.assertLess(seen.longest_wait, PATIENCE)

    def test_engine(self) -> None:
        """A slow engine is what newcomers wait for, and it does no more than a second's work in a second."""
        quick = Loss(Cell(5, 8), Costs(), 1.0).run()
        slow = Loss(Cell(5, 8), Costs(engine=200e-6), 1.0).run()
        self.assertGreater(slow.all_back, 4 * quick.all_back)
        self.assertLessEqual(slow.engine, 1.001)
