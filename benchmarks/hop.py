"""The time that a hop takes: pushes through another node beside others, in turns: `python -m benchmarks.hop`.

    alone    to a gateway without a cluster
    owner    to the node of a cluster that has the connection
    hop      to the other node of that cluster

All three are pushed to at the same rate, half of what the hop does at most, for a short while each, again and again. So
what else the machine does concerns them alike, and the difference within one round says more than any figure.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.certificate import self_signed
from benchmarks.cluster import Cluster
from benchmarks.driver import Load, Sink
from benchmarks.systems import Place, System, Wsaas

CLIENTS, CONNECTIONS = 64, 16
WARM = 2000
QUANTILES = ("p50", "p99")


def opened(load: Load, sink: Sink, system: System, count: int) -> list[str]:
    """Connect clients; return the ids of their connections."""
    load.ask("open", url=system.url(), count=count)
    return sink.ids(system.slug)[-count:]


def main() -> None:
    """Measure, and print a line for each round and one for all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each way in each round")
    parser.add_argument("--size", type=int, default=100, help="bytes of a push")
    parser.add_argument("--rate", type=float, default=0.0, help="pushes a second; by default half of the most")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wsaas-hops-") as directory:
        sink = Sink()
        place = Place(Path(directory), sink.port, self_signed(Path(directory)))
        alone, cluster = Wsaas("wsaas:token", place), Cluster("cluster:2", place)
        loads = [Load(sink.port) for _ in range(2)]
        try:
            ways = []
            for load, system in zip(loads, (alone, cluster), strict=True):
                system.start()
                ids = opened(load, sink, system, CLIENTS)
                body = "@number@" + "p" * (options.size - 8)
                job = {"requests": [system.push(id, body) for id in ids], "connections": CONNECTIONS}
                ports = {"alone": alone.api_port} if system is alone else cluster.ways()
                ways += [(name, load, {**job, "port": port}) for name, port in ports.items()]
            rate = options.rate
            for _, load, job in ways:
                most = WARM / load.ask("pushes", total=WARM, frames=1, **job)["seconds"]
            rate = rate or most / 2
            print(f"{rate:.0f} pushes a second of {options.size} bytes, in ms:")
            rounds = []
            for number in range(options.rounds):
                found = {}
                for name, load, job in ways if number % 2 else ways[::-1]:
                    figures = load.ask("latency", rate=rate, seconds=options.seconds, calm=True, **job)
                    if figures["frames"] != figures["expected"]:
                        raise RuntimeError(f"{name}: {figures['frames']} of {figures['expected']} frames came")
                    found |= {(name, each): figures[each] * 1000 for each in QUANTILES}
                rounds.append(found)
                print(text(found), flush=True)
            print("median " + text({key: median(each[key] for each in rounds) for key in rounds[0]}))
            for name in ("alone", "owner"):
                more = [median(each["hop", q] - each[name, q] for each in rounds) for q in QUANTILES]
                print(f"a hop takes longer than {name}, median of the rounds: p50 {more[0]:.2f}, p99 {more[1]:.2f} ms")
        finally:
            for system in (alone, cluster):
                system.stop()
            for load in loads:
                load.stop()
            sink.stop()


def text(found: dict[tuple[str, str], float]) -> str:
    """Return the figures of a round in a line."""
    return ", ".join(f"{name} {quantile} {value:.2f}" for (name, quantile), value in sorted(found.items()))


if __name__ == "__main__":
    main()
