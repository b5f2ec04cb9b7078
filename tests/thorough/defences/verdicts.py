"""The verdict on each defence's mutant: caught, survived, or without proof."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.thorough.defences.model import Claim, Defence, DoesNotApply, Row
from tests.thorough.defences.trials import Broken, Found, check, copy, run

WITHIN = 300.0
"""Seconds for the tests of one line; over it they are run one by one, each with as many, and what hangs has failed."""


@dataclass(frozen=True)
class Verdict:
    """Of one mutant: `good` if the tests caught it; `killers` are those that did."""

    row: Row
    defence: Defence
    good: bool
    words: str
    killers: frozenset[str] = frozenset()
    seconds: float = 0.0


class Court:
    """Tries the defences of one checkout; `skipped` are tests that cannot be run on this machine."""

    def __init__(self, root: Path, *, jobs: int = 1, within: float = WITHIN) -> None:
        self._root = root.resolve()
        self._jobs = jobs
        self._within = within
        self.skipped: frozenset[str] = frozenset()

    def sound(self, claims: Iterable[Claim]) -> str | None:
        """Run all that is named on an unchanged copy: why nothing can be proved, or None. Must come first."""
        tests = list(dict.fromkeys(test for claim in claims for test in claim.row.tests))
        try:
            found = self._run({}, tests)
        except Broken as error:
            return str(error)
        self.skipped = found.skipped
        return f"these fail as it is: {', '.join(sorted(found.failed))}" if found.failed else None

    def verdicts(self, claims: Iterable[Claim]) -> Iterator[Verdict]:
        """One for each defence, in the order of the tables."""
        cases = [(claim.row, defence) for claim in claims for defence in claim.defences]
        with ThreadPoolExecutor(self._jobs) as threads:
            yield from threads.map(lambda case: self._timed(*case), cases)

    def _timed(self, row: Row, defence: Defence) -> Verdict:
        began = time.monotonic()
        good, words, killers = self._judge(row, defence)
        return Verdict(row, defence, good, words, killers, time.monotonic() - began)

    def _judge(self, row: Row, defence: Defence) -> tuple[bool, str, frozenset[str]]:
        tests = [test for test in defence.tests or row.tests if test not in self.skipped]
        if not tests:
            return True, "skipped, as its tests are", frozenset()
        try:
            found = self._run(defence.mutated(self._root), tests)
        except DoesNotApply as error:
            return False, f"does not apply: {error}", frozenset()
        except Broken as error:
            return False, f"broken, which proves nothing: {error}", frozenset()
        missed = [test for test in tests if test not in found.failed]
        if missed and (defence.tests or not found.failed):
            return False, f"SURVIVED {', '.join(missed)}", found.failed
        return True, f"caught by {', '.join(_told(found, tests))}", found.failed

    def _run(self, changed: dict[str, str], tests: Sequence[str]) -> Found:
        with tempfile.TemporaryDirectory(prefix="wsaas-defences-", ignore_cleanup_errors=True) as directory:
            copied = Path(directory).resolve() / "checkout"
            copy(self._root, copied, changed)
            check(copied)
            return run(copied, tests, self._within)


def _told(found: Found, tests: Sequence[str]) -> Iterator[str]:
    for test in tests:
        if test in found.failed:
            yield f"{test} (hangs)" if test in found.hung else test


def gaps(claims: Iterable[Claim], verdicts: Sequence[Verdict], skipped: frozenset[str]) -> Iterator[str]:
    """Return the gaps in the verdicts: lines without a defence, and tests that catch no edit of their line."""
    for claim in claims:
        row = claim.row
        if not claim.defences:
            yield f"{row.table}: {row.attack}: no defence is listed"
            continue
        killers = frozenset[str]().union(*(verdict.killers for verdict in verdicts if verdict.row == row))
        for test in row.tests:
            if test not in killers | skipped:
                yield f"{row.table}: {row.attack}: {test} catches nothing"


def prove(
    root: Path, claims: Sequence[Claim], say: Callable[[str], object], *, jobs: int = 1, within: float = WITHIN
) -> bool:
    """Try all defences of the checkout as it is now, and tell what came of each; whether everything is proved."""
    with tempfile.TemporaryDirectory(prefix="wsaas-defences-") as directory:
        snapshot = Path(directory) / "checkout"
        copy(root, snapshot, {})
        return _prove(Court(snapshot, jobs=jobs, within=within), claims, say)


def _prove(court: Court, claims: Sequence[Claim], say: Callable[[str], object]) -> bool:
    problem = court.sound(claims)
    if problem is not None:
        say(f"cannot prove anything: {problem}")
        return False
    for test in sorted(court.skipped):
        say(f"skipped here: {test}")
    told: list[Verdict] = []
    attack = ""
    for verdict in court.verdicts(claims):
        if attack != (attack := verdict.row.attack):
            say(f"\n{verdict.row.table}: {attack}")
        say(f"  {verdict.defence}\n    {verdict.words} ({verdict.seconds:.0f} s)")
        told.append(verdict)
    open_ends = list(gaps(claims, told, court.skipped))
    for line in open_ends:
        say(line)
    caught = sum(verdict.good for verdict in told)
    say(f"\n{caught} of {len(told)} mutants caught, {len(claims)} lines, {len(open_ends)} gaps")
    return caught == len(told) and not open_ends
