"""Runs tests on a copy of the checkout, by trial, in processes of their own; says which failed."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_ENDED = re.compile(r"^Ran ([0-9]+) tests? in ", re.MULTILINE)
_RULE = "=" * 79 + "\n"
_LEFT_OUT = shutil.ignore_patterns(".*", "_trial_temp*", "*.egg-info", "build", "dist", "wsaas-state", "dropin.cache")
_WHOSE = "import pathlib, wsaas, wsaas.service.lifecycle; print(pathlib.Path(wsaas.__file__).resolve().parents[1])"


class Broken(Exception):
    """The copy cannot be used at all, which proves nothing; says why."""


@dataclass(frozen=True)
class Found:
    """Which tests failed, by name; those of them that never ended; and which were skipped."""

    failed: frozenset[str]
    hung: frozenset[str] = frozenset()
    skipped: frozenset[str] = frozenset()


def copy(root: Path, to: Path, changed: Mapping[str, str]) -> None:
    """Copy the checkout, with the text of some files changed."""
    shutil.copytree(root, to, ignore=_LEFT_OUT)
    for file, text in changed.items():
        path = to / file
        path.write_text(text)
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):
            compiled.unlink()


def check(copied: Path) -> None:
    """Raise Broken unless the package can be imported, and is the copy's. `copied` has no links in it."""
    done = subprocess.run(
        [sys.executable, "-c", _WHOSE], cwd=copied, env=_environment(copied), capture_output=True, text=True
    )
    if done.returncode:
        raise Broken(done.stderr.strip().rpartition("\n")[2])
    if done.stdout.strip() != str(copied):
        raise Broken(f"wsaas is imported from {done.stdout.strip()}")


def run(copied: Path, tests: Sequence[str], within: float) -> Found:
    """Run them together, or if that takes longer than `within` seconds, one by one. Raises Broken."""
    output = _trial(copied, tests, within)
    if output is not None:
        return read(output, tests)
    failed, hung, skipped = set[str](), set[str](), set[str]()
    for test in tests:
        output = _trial(copied, [test], within) if len(tests) > 1 else None
        if output is None:
            hung.add(test)
            continue
        found = read(output, [test])
        failed |= found.failed
        skipped |= found.skipped
    return Found(frozenset(failed | hung), frozenset(hung), frozenset(skipped))


def read(output: str, tests: Sequence[str]) -> Found:
    """Read trial's output about these tests. Raises Broken if it did not run them all."""
    ended = _ENDED.search(output)
    if ended is None or int(ended[1]) != len(tests):
        raise Broken(f"trial did not run {len(tests)} tests: {output[-500:]}")
    failed, skipped = set[str](), set[str]()
    for section in output.split(_RULE)[1:]:
        lines = section.splitlines()
        named = {test for test in tests if f"tests.{test}" in lines}
        if not named:
            raise Broken(section[:500])
        (skipped if lines[0] == "[SKIPPED]" else failed).update(named)
    return Found(frozenset(failed), skipped=frozenset(skipped - failed))


def _environment(copied: Path) -> dict[str, str]:
    """Nothing is imported but the copy, in subprocesses of tests neither; and a mutant's coverage is nobody's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    return {**kept, "PYTHONPATH": str(copied)}


def _trial(copied: Path, tests: Sequence[str], within: float) -> str | None:
    """Trial's output; None if it took too long, and then nothing of it is left running."""
    command = [sys.executable, "-m", "twisted.trial", "--reporter=text", *(f"tests.{test}" for test in tests)]
    path = copied / "trial.out"
    with path.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=copied,
            env=_environment(copied),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            process.wait(within)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end(process.pid, process.wait)
    return path.read_text(errors="replace")


def _end(group: int, wait: Callable[[], object]) -> None:
    """End what is left of it, gateways and browsers included."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass
    wait()
