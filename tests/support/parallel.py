"""Runs tests in several processes: `python -m tests.support.parallel tests.system`.

The tests of real processes wait most of the time, so that a core has two of them; one at a time they would take as long
as all their waits together. What waits for nothing takes one a core: `python -m tests.support.parallel 1 tests.unit`.

A test that fails beside others is run once more, by itself, and the run says so: the failure stays in the output, and
the test is to be mended. Where more than a few fail, something is broken, and none is run again.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable

MOST = 3
"""Tests that are run again."""
_TEST = re.compile(r"\w+(\.\w+)*\.\w+\.test\w*\n?")


def main() -> int:
    """Run trial with what was given for it behind `-j`; a number in front is that of processes for each core."""
    given = sys.argv[1:]
    each = int(given.pop(0)) if given and given[0].isdigit() else 2
    command = [sys.executable, "-m", "twisted.trial"]
    status, failed = _run([*command, f"-j{each * (os.cpu_count() or 1)}", *given])
    if not status or not failed or len(failed) > MOST:
        return status
    print(f"\n{len(failed)} failed beside others; once more, by itself: {' '.join(failed)}", flush=True)
    options = [option for option in given if option.startswith("-")]
    status, _ = _run([*command, *options, *failed])
    print(
        "failed again" if status else "passed by itself, and failed beside others: see above, and mend it", flush=True
    )
    return status


def _run(command: list[str]) -> tuple[int, list[str] | None]:
    """Run trial, and show its output. Return its exit code, and which tests failed; None if that is not all of it."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace") as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            lines.append(line)
    return process.returncode, failed_tests(lines)


def failed_tests(lines: Iterable[str]) -> list[str] | None:
    """Return the tests that failed, by what trial has printed; None if something else than tests has failed, too.

    Each traceback has a rule above it, [FAIL] or [ERROR], and below it an empty line and the names of its tests.
    """
    failed: dict[str, None] = {}
    names: list[str] = []
    above = kind = ""
    for line in lines:
        if above.startswith("====") and line.startswith("["):
            kind, names = line.strip(), []
        elif kind in ("[FAIL]", "[ERROR]"):
            if not line.strip():
                names = []
            elif line.startswith(("====", "----")):
                if not names or not all(_TEST.fullmatch(name) for name in names):
                    return None
                failed.update(dict.fromkeys(name.strip() for name in names))
                kind = ""
            else:
                names.append(line)
        above = line
    return list(failed)


if __name__ == "__main__":
    sys.exit(main())
