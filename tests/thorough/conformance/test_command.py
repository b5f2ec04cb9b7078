"""The command, with a script in the place of the suite that says what each test wants it to have found."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.thorough.conformance import __main__ as command
from tests.thorough.conformance import python27
from tests.thorough.conformance.suite import BASIC, COMPRESSION, COMPRESSION_FULL

SUITE = """#!/bin/sh
case "$1" in
-c) echo '["1.1.1", "1.1.2"]' ;;
*) cd "$(dirname "$6")"; {found} ;;
esac
"""


class CommandTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).resolve()
        self.report = self.directory / "report"
        self.report.mkdir(parents=True)

    def run_with(self, found: str, *more: str) -> tuple[int, str]:
        """The exit code and the output of a run of which the suite's part is `found`, shell in the report directory."""
        script = self.directory / "python"
        script.write_text(SUITE.format(found=found))
        script.chmod(0o755)
        self.patch(python27, "prepare", lambda using: script)
        output = io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            code = command.main(["--url", "ws://nowhere", "--report", str(self.report), "--cases", "1.*", *more])
        return code, output.getvalue()

    def index(self, **words: str) -> str:
        """Shell that writes the suite's index with these verdicts; dots in the names are underscores, after a c."""
        cases = {name[1:].replace("_", "."): {"behavior": word, "behaviorClose": "OK"} for name, word in words.items()}
        return f"echo '{json.dumps({'wsaas': cases})}' > index.json"

    def test_passed(self) -> None:
        """All cases passed: exit code 0, and the counts."""
        code, said = self.run_with(self.index(c1_1_1="OK", c1_1_2="NON-STRICT"))
        self.assertEqual(code, 0, said)
        self.assertIn("section  1: 1 OK, 1 NON-STRICT", said)

    def test_failed(self) -> None:
        """One case FAILED: exit code 1, and its name."""
        code, said = self.run_with(self.index(c1_1_1="OK", c1_1_2="FAILED"))
        self.assertEqual(code, 1)
        self.assertIn("case 1.1.2: behavior FAILED", said)

    def test_stale_report(self) -> None:
        """The report of an earlier run is not taken for this one's: a suite that finds nothing has failed."""
        self.assertEqual(self.run_with(self.index(c1_1_1="OK", c1_1_2="OK"))[0], 0)
        code, said = self.run_with("echo no server there")
        self.assertEqual(code, 1)
        self.assertIn("2 MISSING", said)
        self.assertIn("no server there", said)

    def test_suite_broken(self) -> None:
        """A suite that ends with an error is not a verdict: exit code 2, and what it printed."""
        code, said = self.run_with(self.index(c1_1_1="OK", c1_1_2="OK") + "; echo ImportError; exit 1")
        self.assertEqual(code, 2)
        self.assertIn("ImportError", said)

    def test_suite_hangs(self) -> None:
        """A suite that does not end is stopped: exit code 2."""
        code, said = self.run_with("exec sleep 1000", "--within", "0.2")
        self.assertEqual(code, 2)
        self.assertIn("did not end within 0.2 s", said)

    def test_no_python(self) -> None:
        """Without a Python 2.7: exit code 2, and the reason."""

        def none(using: Path | None) -> Path:
            raise python27.Unavailable("no CPython 2.7 here")

        self.patch(python27, "prepare", none)
        output = io.StringIO()
        with contextlib.redirect_stderr(output):
            self.assertEqual(command.main([]), 2)
        self.assertIn("no CPython 2.7 here", output.getvalue())

    def test_which_cases(self) -> None:
        """Compression cases are run where compression is on, the long ones on request, others by name."""
        asked = {
            (): BASIC,
            ("--compression",): BASIC + COMPRESSION,
            ("--compression", "--full"): BASIC + COMPRESSION_FULL,
            ("--compression", "--cases", "12.1.1,1.*"): ("12.1.1", "1.*"),
        }
        for given, patterns in asked.items():
            self.assertEqual(command.patterns(command.arguments([*given])), patterns)
