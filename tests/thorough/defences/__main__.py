"""Take each defence of docs/security.rst away, one at a time, and see its tests fail; exit status 1 if one does not.

python -m tests.thorough.defences                           everything
python -m tests.thorough.defences handshakes "A page of"    a table, and a line by the beginning of its attack
python -m tests.thorough.defences --jobs 4                  four at a time; what measures time or memory may suffer
"""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial

from tests.support.pages import ROOT
from tests.thorough.defences.model import Claim, claims, known, rows
from tests.thorough.defences.verdicts import WITHIN, prove


def arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.thorough.defences", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("what", nargs="*", help="tables, or beginnings of attacks; everything if there is none")
    parser.add_argument("--jobs", type=int, default=1, help="mutants that are tried at the same time")
    parser.add_argument("--within", type=float, default=WITHIN, help="seconds after which tests count as hanging")
    return parser.parse_args(given)


def chosen(every: list[Claim], what: list[str]) -> list[Claim]:
    """The claims that the words mean. Raises ValueError for one that means nothing."""
    if not what:
        return every
    meant = {
        word: [each for each in every if word == each.row.table or each.row.attack.startswith(word)] for word in what
    }
    for word, found in meant.items():
        if not found:
            raise ValueError(f"{word!r} is no table, and no attack begins so")
    return [each for each in every if any(each in found for found in meant.values())]


def main(given: list[str]) -> int:
    options = arguments(given)
    try:
        wanted = chosen(claims(rows(), known()), options.what)
    except ValueError as problem:
        print(problem, file=sys.stderr)
        return 2
    began = time.monotonic()
    good = prove(ROOT, wanted, partial(print, flush=True), jobs=options.jobs, within=options.within)
    print(f"{'proved' if good else 'NOT PROVED'} in {time.monotonic() - began:.0f} s")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
