"""The command `python -m benchmarks`: benchmarks/README.rst explains it."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks import page, report
from benchmarks.certificate import self_signed
from benchmarks.driver import Load, Lost, Sink, Unable
from benchmarks.peers.known import available, known
from benchmarks.report import Results
from benchmarks.streams import stream_works
from benchmarks.systems import Place, System, Wsaas
from benchmarks.works import Bench, Measure, Work, all_works, cluster_works, growing_works


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="The gateway beside its peers.")
    parser.add_argument("--quick", action="store_true", help="seconds: a short round, the gateway and the plain stack")
    parser.add_argument("--growth", action="store_true", help="cost by connections and by members of a group")
    parser.add_argument(
        "--systems", help=f"comma-separated, of {', '.join(known())} [default: all installed; for --growth wsaas]"
    )
    parser.add_argument("--cluster", action="store_true", help="what a cluster of one, two and three nodes costs")
    parser.add_argument("--workers", help="comma-separated: the gateway with each of these numbers of workers")
    parser.add_argument("--only", help="comma-separated kinds of work: idle, connect, message, push, ...")
    parser.add_argument("--sizes", default="100,1024,16384", help="payloads in bytes [default: %(default)s]")
    parser.add_argument("--crowds", default="100,1000,10000", help="connections for --growth [default: %(default)s]")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each work [default: %(default)s]")
    parser.add_argument(
        "--seconds", type=float, default=3.0, help="duration of each work, about [default: %(default)s]"
    )
    parser.add_argument("--clients", type=int, help="connected clients of most works [default: 256]")
    parser.add_argument("--crowd", type=int, help="clients of broadcast and idle [default: 1000; with --quick 200]")
    parser.add_argument("--nice", type=int, default=0, help="nice value of all processes, for a machine that is busy")
    parser.add_argument("--json", type=Path, help="write all measurements into this file")
    parser.add_argument("--docs", type=Path, help="keep the measurements in this directory, with tables and plots")
    parser.add_argument("--prefix", help="with --docs: keep them under this name, guarantees- say")
    options = parser.parse_args(argv)
    if options.quick:
        options.rounds, options.seconds, options.sizes = 1, 0.5, "100"
    if options.workers:
        options.systems = ",".join(f"wsaas:{number}-workers" for number in options.workers.split(","))
    default = ["wsaas"] if options.growth else ["wsaas", "plain"] if options.quick else available()
    if options.cluster:
        default = ["wsaas:token", "cluster:1", "cluster:2", "cluster:3"]
    options.systems = options.systems.split(",") if options.systems else default
    for name in options.systems:
        if kind(name) not in known():
            parser.error(f"no system is called {name}")
    sizes, crowds = ([int(each) for each in getattr(options, name).split(",")] for name in ("sizes", "crowds"))
    works = [*all_works(sizes), *stream_works()]
    if options.growth:
        works = growing_works(crowds, [each // 10 for each in crowds[:1]] + crowds)
    if options.cluster:
        works = cluster_works(options.crowd or 300)
    kinds = options.only.split(",") if options.only else {work.kind for work in works}
    options.works = [work for work in works if work.kind in kinds]
    return options


def kind(name: str) -> str:
    return name.partition("@")[0].partition(":")[0]


class Stage:
    """The running systems. Each starts when it is first used."""

    def __init__(self, bench: Bench, directory: Path) -> None:
        self._bench = bench
        self._directory = directory
        self._pem = self_signed(directory)
        self._running: dict[str, System] = {}

    def system(self, name: str, fresh: bool) -> System:
        if fresh:
            self.stop(name)
        if name not in self._running:
            place = Place(Path(tempfile.mkdtemp(dir=self._directory)), self._bench.sink.port, self._pem)
            system = known()[kind(name)](name, place)
            self._running[name] = system
            system.start()
        return self._running[name]

    def stop(self, name: str) -> None:
        if name in self._running:
            self._running.pop(name).stop()

    def clear(self) -> None:
        for name in list(self._running):
            self.stop(name)


def measure(systems: Sequence[str], works: Sequence[Work], bench: Bench, rounds: int, stage: Stage) -> Results:
    """Run every work on every system, in turns, `rounds` times."""
    results: Results = defaultdict(lambda: defaultdict(list))
    for round in range(rounds):
        for work in works:
            # The first system finds the machine as the work before left it: each round begins with another system.
            first = round % len(systems)
            for name in [*systems[first:], *systems[:first]]:
                if not work.needs <= known()[kind(name)].can:
                    continue
                used = Wsaas.varied(name, work.variant) if work.variant else name
                system = stage.system(used, work.fresh)
                try:
                    found = work.run(bench, system)
                except Unable as error:
                    found = Measure(0.0, 0, details={"error": str(error)})
                except Lost as error:
                    found = Measure(0.0, 0, lost=1, details={"error": str(error)})
                    stage.stop(used)
                    bench.load.ask("close")
                results[work.name][name].append(found)
                said = report.spell(found.cost, work.unit) if found.operations else found.details["error"]
                lost = f"  {found.lost} lost" if found.lost else ""
                print(f"{round + 1}/{rounds}  {work.name:20}  {name:12}  {said:>8}{lost}", file=sys.stderr)
        stage.clear()
    return results


def main(argv: Sequence[str]) -> int:
    options = arguments(argv)
    # A run ended by SIGTERM must stop its processes.
    signal.signal(signal.SIGTERM, lambda *ignored: sys.exit(1))
    os.nice(options.nice)
    if os.getloadavg()[0] > 0.5 and not options.quick:
        print(f"the machine is not idle (load {os.getloadavg()[0]:.1f}): latencies will be longer", file=sys.stderr)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wsaas-benchmarks-")))
        sink = Sink()
        stack.callback(sink.stop)
        load = Load(sink.port)
        stack.callback(load.stop)
        bench = Bench(
            load, sink, options.seconds, options.clients or 256, options.crowd or (200 if options.quick else 1000)
        )
        stage = Stage(bench, directory)
        stack.callback(stage.clear)
        results = measure(options.systems, options.works, bench, options.rounds, stage)
    tables = {"costs": report.costs(options.works, options.systems, results)}
    tables["engines"] = report.engines(options.works, options.systems, results)
    if not options.growth:
        tables["rates"] = report.rates(options.works, options.systems, results)
        tables["latencies"] = report.latencies(options.systems, results)
        tables["targets"] = report.verdicts(options.works, options.systems[0], results)
    print("\n\n".join(text for text in tables.values() if text))
    found = report.as_json(options.works, results)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    if options.docs:
        kept = "growth" if options.growth else "cluster" if options.cluster else "results"
        name = options.prefix.rstrip("-") if options.prefix else kept
        (options.docs / f"{name}.json").write_text(json.dumps(found, separators=(",", ":")) + "\n")
        page.write(options.docs)
    ours = {name for row in results.values() for name in row if kind(name) in ("wsaas", "cluster")}
    return 1 if any(each.lost for row in results.values() for name in ours for each in row[name]) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
