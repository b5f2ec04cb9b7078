"""Measures very many idle connections: python -m benchmarks.many [--workers N] [--connections N] [--json FILE]

As many clients connect as the limit of open files allows, stay for some seconds in which each is pinged, and leave:

open      connects in a second, and processor time of each, both webhooks' backend included in neither
memory    of the gateway's processes, and of the kernel (its slabs: the sockets of both ends are on this machine)
idle      the part of one processor that the pings take, and the clients that did not answer theirs
close     the DELETEs in a second, and processor time of each

Each process of clients connects from an address of its own (127.0.0.2 and up), as one address has no more than 28,000
ports towards one other. With several workers there are as many processes of clients.
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.accounting import cpu_seconds, memory_bytes
from benchmarks.certificate import self_signed
from benchmarks.driver import Load, Lost, Sink
from benchmarks.report import machine, table
from benchmarks.systems import Place, Wsaas

WS_TIMEOUT = 20.0
"""Seconds. A silent client is pinged after half of it."""
SPARE_FILES = 1500
"""Open files of a process that are not for clients: they are for webhooks, streams, the API and other workers."""
PATIENCE = 60.0
"""Seconds without progress after which DELETEs count as missing."""


def slab_bytes() -> int:
    """Return the memory that the kernel has in slabs, where its sockets are."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Slab:"))


def ask_all(loads: Sequence[Load], do: str, jobs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Let all processes of clients do their jobs at the same time."""
    with ThreadPoolExecutor(len(loads)) as pool:
        return list(pool.map(lambda load, job: load.ask(do, **job), loads, jobs))


def closed(sink: Sink, slug: str, expected: int) -> int:
    """Wait until the backend has heard of all ends; return how many are missing."""
    last, deadline = -1, time.monotonic() + PATIENCE
    while (heard := sink.counts(slug)["disconnect"]) < expected and time.monotonic() < deadline:
        if heard > last:
            last, deadline = heard, time.monotonic() + PATIENCE
        time.sleep(0.05)
    return expected - heard


def measure(workers: int, connections: int, idle_for: float) -> dict[str, Any]:
    """Measure this number of connections, over so many workers."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wsaas-many-")))
        sink = Sink()
        stack.callback(sink.stop)
        loads = [Load(sink.port) for _ in range(workers)]
        for load in loads:
            stack.callback(load.stop)
        name = "wsaas" if workers == 1 else f"wsaas:{workers}-workers"
        gateway = Wsaas(name, Place(directory, sink.port, self_signed(directory)))
        gateway.more_settings = {"WS_TIMEOUT": f"{WS_TIMEOUT * 1000:.0f}"}
        gateway.start()
        stack.callback(gateway.stop)
        loads[0].ask("cycles", total=64, url=gateway.url(), width=16)
        closed(sink, gateway.slug, 64)
        pids = gateway.pids()
        before = cpu_seconds(pids), memory_bytes(pids), slab_bytes()
        each = connections // workers
        jobs = [{"url": gateway.url(), "count": each, "source": f"127.0.0.{2 + at}"} for at in range(workers)]
        began = time.monotonic()
        opened = sum(figures["opened"] for figures in ask_all(loads, "open", jobs))
        seconds = time.monotonic() - began
        opening = cpu_seconds(pids) - before[0]
        time.sleep(1)
        found = {
            "workers": workers,
            "connections": opened,
            "connects_a_second": opened / seconds,
            "connect_us": opening / opened * 1e6,
            "bytes_each": (memory_bytes(pids) - before[1]) / opened,
            "slab_bytes_each": (slab_bytes() - before[2]) / opened,
            "bytes_in_all": memory_bytes(pids),
        }
        cpu, began = cpu_seconds(pids), time.monotonic()
        time.sleep(idle_for)
        lost = sink.counts(gateway.slug)["disconnect"] - 64
        found["idle_load"] = (cpu_seconds(pids) - cpu) / (time.monotonic() - began)
        found["gone_while_idle"] = lost
        cpu, began = cpu_seconds(pids), time.monotonic()
        ask_all(loads, "close", [{} for _ in loads])
        found["missing_deletes"] = closed(sink, gateway.slug, 64 + opened)
        found["deletes_a_second"] = opened / (time.monotonic() - began)
        found["delete_us"] = (cpu_seconds(pids) - cpu) / opened * 1e6
        return found


ROWS = (
    ("connections", "{connections:,}"),
    ("connects a second", "{connects_a_second:,.0f}"),
    ("processor time of a connect", "{connect_us:.0f} us"),
    ("memory of a connection, ours", "{ours:.2f} KB"),
    ("memory of a connection, kernel, both ends", "{kernel:.2f} KB"),
    ("memory of all processes", "{total:,.0f} MB"),
    ("load by pings, of one processor", "{idle_load:.1%}"),
    ("clients lost while idle", "{gone_while_idle}"),
    ("DELETEs a second", "{deletes_a_second:,.0f}"),
    ("processor time of an end", "{delete_us:.0f} us"),
    ("DELETEs missing", "{missing_deletes}"),
)


def spell(runs: Sequence[dict[str, Any]]) -> str:
    """Return the table of these runs."""
    rows = [
        ["very many clients", *(f"{run['workers']} process" + ("es" if run["workers"] > 1 else "") for run in runs)]
    ]
    for label, form in ROWS:
        cells = []
        for run in runs:
            derived = {
                "ours": run["bytes_each"] / 1024,
                "kernel": run["slab_bytes_each"] / 1024,
                "total": run["bytes_in_all"] / 1e6,
            }
            cells.append(form.format(**run, **derived))
        rows.append([label, *cells])
    return table(rows, left=1)


def main(argv: Sequence[str]) -> int:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.many", description="Very many idle connections.")
    parser.add_argument("--workers", default="1,2", help="numbers of processes, one run each [default: %(default)s]")
    parser.add_argument("--connections", type=int, help=f"per process [default: {most - SPARE_FILES}, by the limit]")
    parser.add_argument("--seconds", type=float, default=2 * WS_TIMEOUT, help="of idling [default: %(default)s]")
    parser.add_argument("--json", type=Path, help="write the figures into this file")
    options = parser.parse_args(argv)
    each = options.connections or most - SPARE_FILES
    # A run ended by SIGTERM must stop its processes.
    signal.signal(signal.SIGTERM, lambda *ignored: sys.exit(1))
    runs = []
    try:
        for workers in map(int, options.workers.split(",")):
            runs.append(measure(workers, each * workers, options.seconds))
            print(spell(runs), flush=True)
            if options.json:
                options.json.write_text(json.dumps({"machine": machine(), "runs": runs}, indent=1) + "\n")
    except Lost as error:
        print(error, file=sys.stderr)
        return 1
    return 1 if any(run["missing_deletes"] or run["gone_while_idle"] for run in runs) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
