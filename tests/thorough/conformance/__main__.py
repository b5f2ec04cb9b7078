"""Run the Autobahn test suite against the gateway and count its verdicts; exit code 1 for a failure, 2 if not run.

python -m tests.thorough.conformance                          sections 1 to 10: under a minute
python -m tests.thorough.conformance --compression            with 12 and 13, messages of up to 8 KiB: four minutes
python -m tests.thorough.conformance --compression --full     all 517 cases: about an hour
python -m tests.thorough.conformance --cases '1.*,7.7.*'      some of them
python -m tests.thorough.conformance --nodes                  through a node that is not the clients' own
python -m tests.thorough.conformance --prepare                only install the suite
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.support.gateway_process import NeverReady
from tests.thorough.conformance import gateway as gateways
from tests.thorough.conformance import python27, verdict
from tests.thorough.conformance.suite import BASIC, COMPRESSION, COMPRESSION_FULL, Suite, SuiteFailed, select

SHOWN = 20
"""Failures told at length; the counts are of all."""


def arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.thorough.conformance", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--compression", action="store_true", help="run with COMPRESSION=on, and sections 12 and 13")
    parser.add_argument("--full", action="store_true", help="with --compression: also its long messages")
    parser.add_argument("--cases", help="patterns such as 1.*,7.7.* separated by commas, instead of the usual ones")
    parser.add_argument("--report", type=Path, help="keep the suite's report (HTML and JSON) in this directory")
    parser.add_argument("--python", type=Path, help="the Python 2.7 to make the environment with")
    parser.add_argument("--prepare", action="store_true", help="only make the Python 2.7 environment, and end")
    parser.add_argument("--workers", type=int, default=1, help="the gateway's WORKERS")
    parser.add_argument("--nodes", action="store_true", help="two nodes; the backend pushes to the other one")
    parser.add_argument("--url", help="run against the echo server there instead of starting a gateway")
    parser.add_argument("--within", type=float, default=7200, help="seconds that the cases may take in all")
    options = parser.parse_args(given)
    if options.full and not options.compression:
        parser.error("--full goes with --compression")
    return options


def patterns(options: argparse.Namespace) -> tuple[str, ...]:
    """The cases that the command line asks for."""
    if options.cases:
        return tuple(options.cases.split(","))
    if not options.compression:
        return BASIC
    return BASIC + (COMPRESSION_FULL if options.full else COMPRESSION)


def against_ours(
    options: argparse.Namespace, suite: Suite, directory: Path, cases: list[str], report: Path
) -> tuple[list[verdict.Verdict], str | None]:
    """Run the cases against a gateway, or two nodes, started for that; the verdicts, and what else was wrong."""
    if options.nodes:
        from tests.thorough.conformance.nodes import TwoNodes

        nodes = TwoNodes(directory, compression=options.compression)
        try:
            return suite.run(nodes.ws, cases, report, options.within), nodes.finish()
        finally:
            nodes.kill()
    gateway = gateways.echo(directory / "gateway", compression=options.compression, workers=options.workers)
    try:
        return suite.run(gateway.ws, cases, report, options.within), gateways.finish(gateway)
    finally:
        gateway.kill()


def run(options: argparse.Namespace, suite: Suite, directory: Path) -> bool:
    """Run, print the counts and every failure; whether all passed."""
    report = (options.report or directory / "report").resolve()
    cases = select(suite.cases(), patterns(options))
    begun = time.monotonic()
    if options.url:
        verdicts, problem = suite.run(options.url, cases, report, options.within), None
    else:
        verdicts, problem = against_ours(options, suite, directory, cases, report)
    failed = verdict.failures(verdicts)
    for each in failed[:SHOWN]:
        print(verdict.explain(each, report))
    if len(failed) > SHOWN:
        print(f"and {len(failed) - SHOWN} more")
    if any(each.behavior == verdict.MISSING for each in failed):
        print(f"the suite printed last:\n{suite.log(report)}")
    print(verdict.table(verdicts))
    if problem:
        print(problem)
    print(f"{'FAILED' if failed or problem else 'passed'} in {time.monotonic() - begun:.0f} s")
    return not (failed or problem)


def main(given: list[str]) -> int:
    options = arguments(given)
    try:
        suite = Suite(python27.prepare(options.python))
        if options.prepare:
            return 0
        with tempfile.TemporaryDirectory(prefix="wsaas-conformance-") as directory:
            return 0 if run(options, suite, Path(directory)) else 1
    except (python27.Unavailable, SuiteFailed, NeverReady, ValueError) as problem:
        print(f"cannot run: {problem}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
