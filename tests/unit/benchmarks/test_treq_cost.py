"""The figures of docs/performance.rst on treq can be measured again."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO

from twisted.trial.unittest import SynchronousTestCase

from benchmarks import treq_cost


class TreqCostTests(SynchronousTestCase):
    def test_lines(self) -> None:
        """Each way to send the request has its line."""
        self.patch(treq_cost, "ROUNDS", 1)
        self.patch(treq_cost, "REQUESTS", 1)
        with redirect_stdout(StringIO()) as out:
            treq_cost.main()
        self.assertEqual(
            [line[:32].strip() for line in out.getvalue().splitlines()],
            [
                "the pool",
                "the pool as an IAgent",
                "treq with its defaults",
                "treq, its URLs parsed",
                "treq as the gateway calls it",
            ],
        )
