"""The judging of the suite's report, on reports made up here."""

from __future__ import annotations

import json
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.thorough.conformance.verdict import MISSING, Verdict, explain, failures, load, read, table


def entry(behavior: str, close: str, detail: str = "") -> dict[str, str]:
    return {"behavior": behavior, "behaviorClose": close, "reportfile": detail}


class ReadingTest(SynchronousTestCase):
    def test_all_well(self) -> None:
        """OK, NON-STRICT and INFORMATIONAL pass, of the behaviour as of the closing."""
        index = {
            "wsaas": {
                "1.1.1": entry("OK", "OK"),
                "3.2": entry("NON-STRICT", "OK"),
                "7.13.1": entry("INFORMATIONAL", "INFORMATIONAL"),
            }
        }
        self.assertEqual(failures(read(index, ["1.1.1", "3.2", "7.13.1"])), [])

    def test_failed(self) -> None:
        """A case that FAILED is found among those that are OK."""
        index = {"wsaas": {"1.1.1": entry("OK", "OK"), "6.3.1": entry("FAILED", "OK")}}
        self.assertEqual(failures(read(index, ["1.1.1", "6.3.1"])), [Verdict("6.3.1", "FAILED", "OK")])

    def test_closed_badly(self) -> None:
        """A case whose connection was closed in a wrong way fails although the server behaved well in it."""
        for word in ("FAILED", "UNCLEAN", "WRONG CODE", "FAILED BY CLIENT"):
            index = {"wsaas": {"7.3.1": entry("OK", word)}}
            self.assertEqual(failures(read(index, ["7.3.1"])), [Verdict("7.3.1", "OK", word)])

    def test_unimplemented(self) -> None:
        """UNIMPLEMENTED fails: compression cases are run where compression is on, and then it has to be there."""
        self.assertEqual(len(failures(read({"wsaas": {"12.1.1": entry("UNIMPLEMENTED", "OK")}}, ["12.1.1"]))), 1)

    def test_unknown_word(self) -> None:
        """A word that the suite is not known to say is no pass."""
        self.assertEqual(len(failures(read({"wsaas": {"1.1.1": entry("FINE", "OK")}}, ["1.1.1"]))), 1)

    def test_missing(self) -> None:
        """A case that was asked for and has no verdict fails, in a report of another server too."""
        missing = Verdict("1.1.2", MISSING, MISSING)
        self.assertEqual(failures(read({"wsaas": {"1.1.1": entry("OK", "OK")}}, ["1.1.1", "1.1.2"])), [missing])
        self.assertEqual(failures(read({"other": {"1.1.2": entry("OK", "OK")}}, ["1.1.2"])), [missing])

    def test_no_report(self) -> None:
        """A directory without an index shows that every case is missing."""
        self.assertEqual(failures(load(Path(self.mktemp()), ["1.1.1"])), [Verdict("1.1.1", MISSING, MISSING)])

    def test_nothing_run(self) -> None:
        """No verdicts at all are not a success."""
        self.assertRaises(ValueError, failures, [])


class TellingTest(SynchronousTestCase):
    def test_table(self) -> None:
        """The counts are per section in numeric order, failures by their own word, and add up."""
        verdicts = [
            Verdict("10.1.1", "OK", "OK"),
            Verdict("2.1", "OK", "OK"),
            Verdict("2.2", "NON-STRICT", "OK"),
            Verdict("2.3", "OK", "UNCLEAN"),
        ]
        self.assertEqual(
            table(verdicts).splitlines(),
            [
                "section  2: 1 OK, 1 NON-STRICT, 1 UNCLEAN",
                "section 10: 1 OK",
                "all      4: 2 OK, 1 NON-STRICT, 1 UNCLEAN",
            ],
        )

    def test_explained(self) -> None:
        """A failure is told in the suite's own words, without their markup."""
        report = Path(self.mktemp())
        report.mkdir()
        (report / "index.json").write_text(json.dumps({"wsaas": {"6.3.1": entry("FAILED", "OK", "case.json")}}))
        words = {
            "description": "Send<br/>&lt;garbage&gt;",
            "expectation": "1007",
            "result": "1000",
            "resultClose": "fine",
        }
        (report / "case.json").write_text(json.dumps(words))
        told = explain(load(report, ["6.3.1"])[0], report)
        self.assertIn("case 6.3.1: behavior FAILED, close OK", told)
        self.assertIn("description: Send <garbage>", told)

    def test_missing_explained(self) -> None:
        """A case without a report is told too."""
        self.assertIn("1.1.1: behavior MISSING", explain(Verdict("1.1.1", MISSING, MISSING), Path(self.mktemp())))
