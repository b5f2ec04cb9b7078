"""Reads, judges and counts the JSON report of the suite.

The suite judges a case twice: the server's behaviour (`behavior`) and the close of the connection (`behaviorClose`). A
case passes when neither is a failure; a case that was asked for but is not in the report has failed.
"""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PASSED = ("OK", "NON-STRICT", "INFORMATIONAL")
"""What RFC 6455 asks for; what it allows although it wishes for better; what is reported and not judged."""

MISSING = "MISSING"
"""Ours, for a case without a report: the suite never writes it."""

AGENT = "wsaas"
"""The server's name in the suite's report."""


@dataclass(frozen=True)
class Verdict:
    """The two words of one case, and where the suite wrote about it at length (relative to the index)."""

    case: str
    behavior: str
    close: str
    detail: str = ""

    @property
    def passed(self) -> bool:
        """UNIMPLEMENTED is a failure too: compression cases are not run where compression is off."""
        return self.behavior in PASSED and self.close in PASSED

    @property
    def word(self) -> str:
        """The one to count: the first that fails, else how the server behaved."""
        return next((word for word in (self.behavior, self.close) if word not in PASSED), self.behavior)


def read(index: Mapping[str, Any], asked: Sequence[str]) -> list[Verdict]:
    """A verdict for every case that was asked for, from the suite's index.json."""
    found = index.get(AGENT, {})
    return [_verdict(case, found[case]) if case in found else Verdict(case, MISSING, MISSING) for case in asked]


def _verdict(case: str, entry: Mapping[str, Any]) -> Verdict:
    return Verdict(case, entry["behavior"], entry["behaviorClose"], entry.get("reportfile", ""))


def load(report: Path, asked: Sequence[str]) -> list[Verdict]:
    """The verdicts from a report directory; one without an index has no case in it."""
    index = report / "index.json"
    return read(json.loads(index.read_text()) if index.exists() else {}, asked)


def failures(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Return the cases that did not pass. No verdicts at all are an error: they would prove nothing."""
    if not verdicts:
        raise ValueError("no case was run")
    return [verdict for verdict in verdicts if not verdict.passed]


def table(verdicts: Sequence[Verdict]) -> str:
    """Counts per section of the suite, one line each, and their sum."""
    sections: dict[int, Counter[str]] = {}
    for verdict in verdicts:
        sections.setdefault(int(verdict.case.split(".")[0]), Counter())[verdict.word] += 1
    lines = [f"section {section:>2}: {_counts(sections[section])}" for section in sorted(sections)]
    return "\n".join([*lines, f"all {len(verdicts):>6}: {_counts(Counter(verdict.word for verdict in verdicts))}"])


def _counts(counter: Counter[str]) -> str:
    order = (*PASSED, *sorted(set(counter) - set(PASSED)))
    return ", ".join(f"{counter[word]} {word}" for word in order if counter[word])


def explain(verdict: Verdict, report: Path) -> str:
    """The verdict, and the suite's own words about the case where it wrote them."""
    lines = [f"case {verdict.case}: behavior {verdict.behavior}, close {verdict.close}"]
    path = report / verdict.detail
    if verdict.detail and path.exists():
        detail = json.loads(path.read_text())
        for name in ("description", "expectation", "result", "resultClose"):
            lines.append(f"    {name}: {_plain(str(detail.get(name)))}")
    return "\n".join(lines)


def _plain(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup)).split())
