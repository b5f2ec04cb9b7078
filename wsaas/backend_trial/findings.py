"""The finding of a check: a verdict, a sentence, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """The verdicts; the value is the word that JSON has."""

    PASSED = "passed"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. `remedy` says what to do, if anything is to be done."""

    verdict: Verdict
    sentence: str
    remedy: str | None = None


def passed(sentence: str) -> Finding:
    return Finding(Verdict.PASSED, sentence)


def warning(sentence: str, remedy: str) -> Finding:
    return Finding(Verdict.WARNING, sentence, remedy)


def failed(sentence: str, remedy: str) -> Finding:
    return Finding(Verdict.FAILED, sentence, remedy)


def skipped(sentence: str, remedy: str | None = None) -> Finding:
    return Finding(Verdict.SKIPPED, sentence, remedy)


def listed(words: Sequence[str]) -> str:
    """Return words as a sentence lists them: a, b and c."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1] if words else "")))
