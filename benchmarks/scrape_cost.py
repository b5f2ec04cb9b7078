"""The cost of a scrape among many connections: `python -m benchmarks.scrape_cost`; half a minute.

A gateway has 10,000 connections. What counts is the time of its main thread, in which the reactor runs: a scrape keeps
all clients waiting for so long.
"""

from __future__ import annotations

import argparse
import http.client
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.accounting import PROC
from benchmarks.certificate import self_signed
from benchmarks.driver import Load, Sink
from benchmarks.systems import Place, Wsaas

SCRAPES = 20
FORMATS = {"text": "text/plain", "OpenMetrics": "application/openmetrics-text; version=1.0.0"}


def reactor_seconds(pid: int) -> float:
    """Return the time for which the main thread of a process ran (schedstat in proc_pid(5))."""
    return int((PROC / str(pid) / "task" / str(pid) / "schedstat").read_text().split()[0]) / 1e9


def scrape(port: int, path: str, accept: str) -> int:
    """Ask for figures; return the size of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers={"Accept": accept})
        response = connection.getresponse()
        if response.status != 200:
            raise RuntimeError(f"{path} is answered {response.status}")
        return len(response.read())
    finally:
        connection.close()


def main() -> None:
    """Measure, and print a line for each format."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--connections", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wsaas-scrapes-") as directory:
        sink = Sink()
        load = Load(sink.port)
        system = Wsaas("wsaas:no-keepalive", Place(Path(directory), sink.port, self_signed(Path(directory))))
        try:
            system.start()
            opened = load.ask("open", url=system.url(), count=options.connections)["opened"]
            pid = system.processes[0].pid
            asked = [(f"/-/metrics, {name}", "/-/metrics", accept) for name, accept in FORMATS.items()]
            for name, path, accept in (*asked, ("/-/stats", "/-/stats", "*/*")):
                scrape(system.api_port, path, accept)  # the first one imports the library
                found = []
                for _ in range(SCRAPES):
                    before = reactor_seconds(pid)
                    size = scrape(system.api_port, path, accept)
                    found.append((reactor_seconds(pid) - before) * 1000)
                print(f"{name}: {median(found):.1f} ms of the reactor, {size} bytes, among {opened} connections")
        finally:
            system.stop()
            load.stop()
            sink.stop()


if __name__ == "__main__":
    main()
