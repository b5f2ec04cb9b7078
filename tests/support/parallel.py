"""Runs tests in several processes: `python -m tests.support.parallel tests.system`.

The tests of real processes wait most of the time, so that a core has two of them; one at a time they would take as long
as all their waits together. What waits for nothing takes one a core: `python -m tests.support.parallel 1 tests.unit`.
"""

from __future__ import annotations

import os
import sys

from twisted.scripts import trial


def main() -> None:
    """Run trial with what was given for it behind `-j`; a number in front is that of processes for each core."""
    given = sys.argv[1:]
    each = int(given.pop(0)) if given and given[0].isdigit() else 2
    sys.argv[1:] = [f"-j{each * (os.cpu_count() or 1)}", *given]
    trial.run()


if __name__ == "__main__":
    main()
