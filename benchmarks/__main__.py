"""`python -m benchmarks`: see README.rst here."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path

from benchmarks.certificate import self_signed
from benchmarks.driver import Load, Lost, Sink
from benchmarks.peers.known import available, known
from benchmarks.report import Results, as_json, table
from benchmarks.systems import Place, System
from benchmarks.works import KB, Bench, Measure, Work, all_works


def arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="The gateway beside its peers.")
    parser.add_argument("--quick", action="store_true", help="seconds: one short round, the gateway and the plain stack")
    parser.add_argument("--systems", help="comma-separated: " + ", ".join(known()) + "; [default: those that are here]")
    parser.add_argument("--only", help="comma-separated kinds of work: idle, connect, message, push, ...")
    parser.add_argument("--sizes", default="100,1024,16384", help="payloads in bytes [default: %(default)s]")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured [default: %(default)s]")
    parser.add_argument("--seconds", type=float, default=3.0, help="about how long each takes [default: %(default)s]")
    parser.add_argument("--json", type=Path, help="write everything measured there")
    return parser.parse_args(argv)


def measure(systems: list[str], works: list[Work], bench: Bench, rounds: int, directory: Path) -> Results:
    """Every work on every system, in turns, `rounds` times."""
    results: Results = defaultdict(lambda: defaultdict(list))
    pem = self_signed(directory)
    for round in range(rounds):
        running: dict[str, System] = {}
        try:
            for work in works:
                # Who comes first has the caches: each round begins with another.
                for name in systems[round % len(systems) :] + systems[: round % len(systems)]:
                    if work.fresh and name in running:
                        running.pop(name).stop()
                    if name not in running:
                        place = Path(tempfile.mkdtemp(dir=directory))
                        running[name] = known()[name.split(":")[0].split("@")[0]](name, Place(place, bench.sink.port, pem))
                        running[name].start()
                    system = running[name]
                    if not work.needs <= system.can:
                        continue
                    try:
                        found = work.run(bench, system)
                    except Lost as error:
                        found = Measure(float("nan"), 0, lost=1, details={"error": str(error)})
                        running.pop(name).stop()
                    results[work.name][name].append(found)
                    print(f"  {round + 1}/{rounds} {work.name:20} {name:12} {found.cost:10.1f}", file=sys.stderr)
        finally:
            for system in running.values():
                system.stop()
    return results


def main(argv: list[str]) -> int:
    options = arguments(argv)
    if options.quick:
        options.rounds, options.seconds = 1, 0.5
        options.systems = options.systems or "wsaas,plain"
        options.sizes = "100"
    works = all_works(tuple(int(size) for size in options.sizes.split(",")))
    if options.only:
        works = [each for each in works if each.kind in options.only.split(",")]
    systems = options.systems.split(",") if options.systems else available()
    # So that a run that is ended from outside takes its processes along.
    signal.signal(signal.SIGTERM, lambda *args: sys.exit(1))
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wsaas-benchmarks-")))
        sink = Sink()
        stack.callback(sink.stop)
        load = Load(sink.port)
        stack.callback(load.stop)
        bench = Bench(load, sink, options.seconds)
        if options.quick:
            bench.crowd = bench.idle = 200
        results = measure(systems, works, bench, options.rounds, directory)
    print(table(works, systems, results))
    if options.json:
        options.json.write_text(json.dumps(as_json(works, results), indent=1))
    return 1 if any(each.lost for name in systems if name.startswith("wsaas") for row in results.values() for each in row[name]) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
