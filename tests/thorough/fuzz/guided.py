"""Fuzzing guided by coverage, with atheris (PyPI): python -m tests.thorough.fuzz.guided PARSER [options of libFuzzer].

    python -m tests.thorough.fuzz.guided handshake -max_total_time=3600

PARSER is one of those in `parsers`. Without a limit it runs until something is found; the input is then in a file.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path


def main(arguments: list[str]) -> int:
    import atheris

    with atheris.instrument_imports(include=["wsaas"]):
        from tests.thorough.fuzz.parsers import PARSERS, SEEDS

    if not arguments or arguments[0] not in PARSERS:
        print(f"{__doc__}\nPARSER: {', '.join(PARSERS)}", file=sys.stderr)
        return 2
    name, *options = arguments
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(SEEDS[name]):
            Path(corpus, str(number)).write_bytes(seed)
        atheris.Setup([name, "-max_len=2000", *options, corpus], PARSERS[name])
        atheris.Fuzz()
    return os.EX_OK


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
