"""The suite's quick cases against the gateway with the demo's echo, where the machine has the suite."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.thorough.conformance import gateway as gateways
from tests.thorough.conformance import python27, verdict
from tests.thorough.conformance.suite import QUICK, QUICK_COMPRESSION, Suite, select


class SelectingTest(SynchronousTestCase):
    cases = ("1.1.1", "10.1.1", "12.1.1", "12.1.10", "12.1.2")

    def test_whole_names(self) -> None:
        """A pattern matches whole names, unlike the suite's own; the order is the suite's."""
        self.assertEqual(select(self.cases, ["12.*.[12]", "1.*"]), ["1.1.1", "12.1.1", "12.1.2"])

    def test_names_nothing(self) -> None:
        """A pattern that names no case is a mistake, not an empty run."""
        self.assertIn("9.*", str(self.assertRaises(ValueError, select, self.cases, ["1.*", "9.*"])))


class AutobahnTest(SynchronousTestCase):
    """Skipped where the suite is not installed: tests install nothing."""

    def run_cases(self, *patterns: str, compression: bool) -> None:
        try:
            suite = Suite(python27.prepared())
        except python27.Unavailable as problem:
            raise SkipTest(str(problem)) from problem
        directory = Path(self.mktemp()).resolve()
        gateway = gateways.echo(directory, compression=compression)
        self.addCleanup(gateway.kill)
        report = directory / "report"
        verdicts = suite.run(gateway.ws, select(suite.cases(), patterns), report, 300)
        failed = verdict.failures(verdicts)
        self.assertFalse(failed, "\n".join(verdict.explain(each, report) for each in failed))
        self.assertIsNone(gateways.finish(gateway))

    def test_quick(self) -> None:
        """The gateway speaks RFC 6455 as the Autobahn test suite wants it, all but its slow cases."""
        self.run_cases(*QUICK, compression=False)

    def test_quick_compressed(self) -> None:
        """With COMPRESSION=on it speaks RFC 7692 too, for every window and flush mode that the suite negotiates."""
        self.run_cases(*QUICK_COMPRESSION, compression=True)
