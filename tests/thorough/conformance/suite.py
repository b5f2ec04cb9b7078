"""The suite's client run against one server: which cases there are, and a run of some of them."""

from __future__ import annotations

import fnmatch
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.thorough.conformance.python27 import clean
from tests.thorough.conformance.verdict import AGENT, Verdict, load

BASIC = ("[1-7].*", "9.*", "10.*")
"""All but compression: framing, ping and pong, reserved bits, opcodes, fragments, UTF-8, closing, long messages."""

COMPRESSION = ("12.*.[1-6]", "13.*.[1-6]")
"""Compression with messages of up to 8 KiB; the others repeat it with up to 128 KiB and take most of an hour."""

COMPRESSION_FULL = ("12.*", "13.*")

QUICK = ("[1-5].*", "6.[!4]*", "7.*", "9.*.1", "10.*")
"""What does not wait: without 6.4 (sends byte by byte, a second each) and the long messages of section 9."""

QUICK_COMPRESSION = ("12.1.3", "13.*.3")
"""One message size (256 bytes, 1000 times) with every set of compression parameters that the suite offers."""

NEEDS = 16 * 1024 * 1024
"""Bytes of the longest message in the cases (9.1.6 and 9.2.6)."""

_LIST = """
import json
from autobahntestsuite import case, caseset
print(json.dumps(caseset.CaseSet(case.CaseSetname, case.CaseBasename, case.Cases, case.CaseCategories,
                                 case.CaseSubCategories).parseSpecCases({"cases": ["*"]})))
"""


class SuiteFailed(Exception):
    """The suite itself did not do its work; says what it printed last."""


def select(cases: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """The cases that any of the patterns (as of file names) names, in order; a pattern that names none is a mistake.

    The suite's own patterns are not used: they match prefixes, so that 12.*.1 means 12.1.10 to 12.1.18 as well.
    """
    for pattern in patterns:
        if not fnmatch.filter(cases, pattern):
            raise ValueError(f"no case is called {pattern}")
    return [case for case in cases if any(fnmatch.fnmatchcase(case, pattern) for pattern in patterns)]


class Suite:
    """The suite under the given Python 2.7."""

    def __init__(self, python: Path) -> None:
        self._python = python

    def cases(self) -> list[str]:
        """The names of all cases there are, in order."""
        try:
            done = subprocess.run(
                [self._python, "-c", _LIST],
                env=clean(os.environ),
                capture_output=True,
                text=True,
                timeout=120,
                check=True,
            )
        except subprocess.CalledProcessError as problem:
            raise SuiteFailed(f"the suite does not list its cases:\n{problem.stderr[-3000:]}") from problem
        cases: list[str] = json.loads(done.stdout)
        return cases

    def run(self, url: str, cases: Sequence[str], report: Path, within: float) -> list[Verdict]:
        """Run the cases against the server at `url`; the suite's pages and its output go into `report`.

        What it could not run because the server was gone counts as missing: the suite itself is silent about it, and
        ends well. SuiteFailed if it does not end within so many seconds: it writes its report at the end.
        """
        report.mkdir(parents=True, exist_ok=True)
        (report / "index.json").unlink(missing_ok=True)
        specification = report / "specification.json"
        specification.write_text(
            json.dumps({"outdir": str(report), "servers": [{"agent": AGENT, "url": url}], "cases": list(cases)})
        )
        with (report / "wstest.log").open("wb") as log:
            command: list[str | Path] = [
                self._python,
                "-m",
                "autobahntestsuite.wstest",
                "-m",
                "fuzzingclient",
                "-s",
                specification,
            ]
            process = subprocess.Popen(
                command,
                cwd=report,
                env=clean(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            try:
                code = process.wait(within)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                process.kill()
                process.wait()
        if code != 0:
            ended = f"did not end within {within:g} s" if code is None else f"ended with {code}"
            raise SuiteFailed(f"the suite {ended}; it printed last:\n{self.log(report)}")
        return load(report, cases)

    def log(self, report: Path) -> str:
        """The end of what the suite printed in the run that `report` is of."""
        lines = (report / "wstest.log").read_text(errors="replace").splitlines()
        return "\n".join(line[:300] for line in lines[-15:] if line)
