"""Runs tests in several processes, two for each core: `python -m tests.support.parallel tests.system`.

The tests of real processes wait most of the time; one at a time they would take as long as all their waits together.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Become trial, with what was given for it behind `-j`."""
    jobs = 2 * (os.cpu_count() or 1)
    os.execv(sys.executable, [sys.executable, "-m", "twisted.trial", f"-j{jobs}", *sys.argv[1:]])


if __name__ == "__main__":
    main()
