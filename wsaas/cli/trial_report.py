"""The report of `wsaas try`: a line for each check as soon as it is over, or one JSON document at the end."""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import Any

from wsaas.backend_trial.checks import CHECKS
from wsaas.backend_trial.findings import Finding, Verdict
from wsaas.cli.terminal import BOLD, DIM, GREEN, RED, YELLOW, Output
from wsaas.cli.text import number, printable, took

LABELS = {Verdict.PASSED: "ok", Verdict.WARNING: "warning", Verdict.FAILED: "FAILED", Verdict.SKIPPED: "-"}
_COLOURS = {
    Verdict.PASSED: (GREEN,),
    Verdict.WARNING: (YELLOW, BOLD),
    Verdict.FAILED: (RED, BOLD),
    Verdict.SKIPPED: (DIM,),
}
_LABEL = 2 + max(map(len, LABELS.values()))
_NAME = 2 + max(map(len, CHECKS))
_INDENT = 2
_TO_DO = "To do:"
NARROW = 72
"""Columns below which a sentence stands under the name of its check, and not beside it."""


class Report:
    """Prints the findings about the backend at one address."""

    def __init__(self, output: Output, address: str) -> None:
        self._output = output
        self._address = address
        self._counts: Counter[Verdict] = Counter()
        self._rows: list[dict[str, Any]] = []
        self._seconds = 0.0
        self._title = ""
        self._remedy: str | None = None
        """That of the check before."""
        self._skipped: list[str] = []
        """The names of checks that were left out for the same reason, one after another, and are not printed yet."""
        self._reason: Finding | None = None
        if not output.as_json:
            output.line(output.paint(printable(address), BOLD))

    def add(self, name: str, finding: Finding, seconds: float) -> None:
        """Take the finding of a check, and print it."""
        self._counts[finding.verdict] += 1
        self._seconds += seconds
        if self._output.as_json:
            self._rows.append(
                {
                    "check": name,
                    "verdict": finding.verdict.value,
                    "sentence": finding.sentence,
                    "remedy": finding.remedy,
                    "milliseconds": round(seconds * 1000, 1),
                }
            )
            return
        if finding != self._reason:
            self._print_skipped()
        if finding.verdict is Verdict.SKIPPED:
            self._skipped.append(name)
            self._reason = finding
        else:
            self._print(name, CHECKS[name].title, finding)

    def _print_skipped(self) -> None:
        """Print the checks that were left out for one reason, in one line."""
        names, reason, self._skipped, self._reason = self._skipped, self._reason, [], None
        if reason is not None:
            titles = {CHECKS[name].title for name in names}
            self._print(
                names[0] if len(names) == 1 else f"{len(names)} checks",
                titles.pop() if len(titles) == 1 else "Other checks",
                reason,
            )

    def _print(self, name: str, title: str, finding: Finding) -> None:
        if title != self._title:
            self._title = title
            self._output.line()
            self._output.line(self._output.paint(title, BOLD))
        for line in self._lines(name, finding):
            self._output.line(line)

    def end(self) -> None:
        """Print the summary, or the document."""
        counts = self._counts
        if self._output.as_json:
            self._output.document(
                {
                    "target": self._address,
                    "passed": counts[Verdict.PASSED],
                    "warnings": counts[Verdict.WARNING],
                    "failed": counts[Verdict.FAILED],
                    "skipped": counts[Verdict.SKIPPED],
                    "seconds": round(self._seconds, 3),
                    "checks": self._rows,
                }
            )
            return
        self._print_skipped()
        parts = [f"{counts[Verdict.PASSED]} ok"]
        if counts[Verdict.WARNING]:
            parts.append(self._output.paint(number(counts[Verdict.WARNING], "warning"), *_COLOURS[Verdict.WARNING]))
        if counts[Verdict.FAILED]:
            parts.append(self._output.paint(f"{counts[Verdict.FAILED]} FAILED", *_COLOURS[Verdict.FAILED]))
        if counts[Verdict.SKIPPED]:
            parts.append(f"{counts[Verdict.SKIPPED]} not tried")
        self._output.line()
        self._output.line(f"{', '.join(parts)}, in {took(self._seconds * 1000)}")

    def failed(self, strict: bool) -> bool:
        """Say if a check failed; with `strict`, if one has a warning, too."""
        return bool(self._counts[Verdict.FAILED] or (strict and self._counts[Verdict.WARNING]))

    def _lines(self, name: str, finding: Finding) -> list[str]:
        paint, columns = self._output.paint, self._output.columns
        label = paint(LABELS[finding.verdict].ljust(_LABEL), *_COLOURS[finding.verdict])
        head = " " * _INDENT + label + name.ljust(_NAME)
        narrow = 0 < columns < NARROW
        indent = " " * (_INDENT + _LABEL + (0 if narrow else _NAME))
        sentence = self._wrapped(finding.sentence, columns - len(indent))
        if finding.verdict is Verdict.SKIPPED:
            sentence = [paint(line, DIM) for line in sentence]
        rows = [head.rstrip(), *(indent + line for line in sentence)] if narrow else [head + sentence[0]]
        if not narrow:
            rows += [indent + line for line in sentence[1:]]
        if finding.remedy is not None:
            same = finding.remedy == self._remedy
            first, *rest = self._wrapped(f"{_TO_DO} {'the same' if same else finding.remedy}", columns - len(indent))
            rows += [indent + first.replace(_TO_DO, paint(_TO_DO, BOLD), 1), *(indent + line for line in rest)]
        self._remedy = finding.remedy
        return rows

    def _wrapped(self, text: str, columns: int) -> list[str]:
        """Return the text in lines of a terminal; elsewhere in one line."""
        text = printable(text)
        return textwrap.wrap(text, columns, break_on_hyphens=False) if columns > 0 else [text]
